package io.expertlane.bench.cli;

import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.TransferPath;
import java.util.Locale;
import picocli.CommandLine.Option;

/** The options that choose an exchange: the same for {@code exchange} and {@code simulate}. */
final class KindOptions {
    @Option(names = "--mode", paramLabel = "MODE", defaultValue = "ll",
        description = "ll: low latency, one message a token and expert; ht: high throughput, chunks, once a node. "
            + "Default: ${DEFAULT-VALUE}.")
    private String mode;

    @Option(names = "--path", paramLabel = "PATH", defaultValue = "zero",
        description = "zero: rows go straight to their final place; ring: through bounded rings with credits. Default: "
            + "${DEFAULT-VALUE}.")
    private String path;

    @Option(names = "--combine", paramLabel = "METHOD", defaultValue = "push",
        description = "push: outputs are written to the token's rank; pull: read there, where peers are mapped. "
            + "Default: ${DEFAULT-VALUE}.")
    private String combine;

    @Option(names = "--split", paramLabel = "on|off", defaultValue = "off",
        description = "Two queue pairs an end point, on different ports: half of each write over each. Default: "
            + "${DEFAULT-VALUE}.")
    private String split;

    @Option(names = "--segment", paramLabel = "BYTES",
        description = "Longest work queue element: what is longer is cut. Default: no limit.")
    private Integer segmentBytes;

    @Option(names = "--channels", paramLabel = "C", description = "With ht: channels. Default: 1.")
    private Integer channels;

    @Option(names = "--chunk", paramLabel = "TOKENS",
        description = "With ht, or over ring: tokens that are sent and published together. Default: 16 with ht, 4 with "
            + "ll.")
    private Integer chunkTokens;

    @Option(names = "--ring", paramLabel = "TOKENS",
        description = "Over ring: tokens a ring holds. Default: 64 with ht, 16 with ll.")
    private Integer ringTokens;

    /** What the options say. */
    ExchangeKind kind(final String dispatchType, final int sendQueueDepth, final Payload payload) {
        final boolean isLowLatency = Choice.of("--mode", mode, "ll", "ht").equals("ll");
        final boolean isRing = Choice.of("--path", path, "zero", "ring").equals("ring");
        if (chunkTokens != null && isLowLatency && !isRing) {
            throw new UsageException("--chunk", chunkTokens, "only with --mode ht or --path ring");
        }
        if (ringTokens != null && !isRing) {
            throw new UsageException("--ring", ringTokens, "only with --path ring");
        }
        if (isLowLatency && isRing && combine.equals("pull")) {
            throw new UsageException("--combine", combine, "push with --mode ll over --path ring");
        }
        return new ExchangeKind(isLowLatency ? ExchangeKind.Mode.LL : ExchangeKind.Mode.HT,
            isRing ? TransferPath.RING : TransferPath.ZERO,
            DispatchType.valueOf(Choice.of("--dispatch-type", dispatchType, "bf16", "fp8").toUpperCase(Locale.ROOT)),
            CombineMethod.valueOf(Choice.of("--combine", combine, "push", "pull").toUpperCase(Locale.ROOT)),
            Choice.of("--split", split, "on", "off").equals("on"),
            segmentBytes == null ? LowLatencyConfig.NO_SEGMENTATION : segmentBytes, channels == null ? 1 : channels,
            chunkTokens != null ? chunkTokens : isLowLatency ? LowLatencyConfig.DEFAULT_CHUNK_TOKENS
            : ExchangeKind.DEFAULT_CHUNK_TOKENS,
            ringTokens != null ? ringTokens : isLowLatency ? LowLatencyConfig.DEFAULT_RING_TOKENS
            : ExchangeKind.DEFAULT_RING_TOKENS,
            sendQueueDepth, payload);
    }
}
