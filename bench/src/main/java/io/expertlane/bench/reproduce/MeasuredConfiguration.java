package io.expertlane.bench.reproduce;

import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.LayerSimulation;
import io.expertlane.bench.scenario.ModelProfile;
import io.expertlane.bench.scenario.ProfileJson;
import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.profile.ClusterProfile;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a measurement was made on, as far as its row says: rows that differ in the operation only have the same
 * configuration. What a row does not say is as the library measured ships it (DeepEP: ring path and 20 to 24 SMs in
 * high-throughput mode, a channel for two SMs, chunks of 16 tokens, or 32, the largest that it tries, where the CPU
 * posts; rings of 128; one queue pair an expert in low-latency mode). Experts that do not divide by the ranks are
 * rounded down to a multiple.
 */
record MeasuredConfiguration(
    String cluster, ExchangeKind.Mode mode, int ep, int tokens, int hidden, int topK, int experts, boolean nvlink,
    boolean proxy, int sms,
    int chunkTokens) {

    private static final Pattern SMS = Pattern.compile("(\\d+) SMs");
    private static final Pattern CHUNK = Pattern.compile("chunk (\\d+)");
    private static final int SHIPPED_SMS = 24;
    static final int SHIPPED_CHUNK_TOKENS = 16;
    static final int TUNED_PROXY_CHUNK_TOKENS = 32;
    private static final int SHIPPED_RING_TOKENS = 128;
    private static final int SMS_A_CHANNEL = 2;
    private static final int SEND_QUEUE_DEPTH = 128;

    static MeasuredConfiguration of(final Measurement row) {
        final String knob = row.knob().toLowerCase(Locale.ROOT);
        final boolean isHighThroughput = row.mode().equals("HT");
        final String cluster = clusterOf(row.hardware());
        // On RoCE the row's reporter had to do without direct posting.
        final boolean proxy = knob.contains("proxy") || row.hardware().contains("RoCE");
        return new MeasuredConfiguration(cluster, ExchangeKind.Mode.valueOf(row.mode()), row.ep(), row.tokens(),
            row.hidden(), row.topK(),
            Math.max(1, row.experts() / row.ep()) * row.ep(), isHighThroughput || knob.contains("nvlink"), proxy,
            number(SMS, row.knob(), SHIPPED_SMS),
            number(CHUNK, knob, proxy ? TUNED_PROXY_CHUNK_TOKENS : SHIPPED_CHUNK_TOKENS));
    }

    /** The preset all parts of whose name are in a description of hardware, as h800 and cx7 in "H800+CX7 400G IB". */
    private static String clusterOf(final String hardware) {
        final String text = hardware.toLowerCase(Locale.ROOT);
        return ClusterProfile.names().stream().filter(name -> Arrays.stream(name.split("-")).allMatch(text::contains))
            .findFirst()
            .orElseThrow(() -> new IllegalArgumentException("hardware=" + hardware
            + ": has all parts of none of the names "
                + String.join(", ", ClusterProfile.names())));
    }

    private static int number(final Pattern pattern, final String text, final int otherwise) {
        final Matcher matcher = pattern.matcher(text);
        return matcher.find() ? Integer.parseInt(matcher.group(1)) : otherwise;
    }

    /** The simulation; {@code adjust} may change the cluster's parameters. */
    LayerSimulation simulation(final UnaryOperator<ClusterProfile> adjust) {
        ClusterProfile profile = adjust.apply(ClusterProfile.ofName(cluster));
        profile = ProfileJson.with(profile, "inNode.link", nvlink ? "NVLINK" : "NIC");
        profile = ProfileJson.with(profile, "host.issue", proxy ? "PROXY" : "DIRECT");
        profile = ProfileJson.with(profile, "host.communicationSms", Integer.toString(sms));
        final boolean isHighThroughput = mode == ExchangeKind.Mode.HT;
        final ExchangeKind kind = new ExchangeKind(mode, isHighThroughput ? TransferPath.RING : TransferPath.ZERO,
            DispatchType.FP8, CombineMethod.PUSH,
            false, LowLatencyConfig.NO_SEGMENTATION, isHighThroughput ? Math.max(1, sms / SMS_A_CHANNEL) : 1,
            chunkTokens,
            Math.max(SHIPPED_RING_TOKENS, 2 * chunkTokens), SEND_QUEUE_DEPTH, Payload.OMITTED);
        final ModelProfile model = new ModelProfile("measured", hidden, 1, 1, experts, 0, topK, 1, 0,
            ModelProfile.ofName("deepseek-v3").attention());
        return new LayerSimulation(profile, model, ep, tokens, DrawnRouting.uniform(), kind, PortPolicy.FIXED, 0, 1);
    }
}
