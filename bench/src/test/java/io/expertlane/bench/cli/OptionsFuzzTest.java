package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.npy.NpyType;
import io.expertlane.bench.results.ReaderTarget;
import io.expertlane.kernel.fuzz.FuzzSuite;
import io.expertlane.kernel.fuzz.FuzzTarget;
import io.expertlane.kernel.fuzz.MemoryFolder;
import io.expertlane.kernel.fuzz.Mutator;
import io.expertlane.kernel.moe.GroupLimit;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;

/** What options say, and the arrays that {@code exchange} is given. */
class OptionsFuzzTest extends FuzzSuite {

    @TempDir(factory = MemoryFolder.class)
    private Path folder;

    @Override
    protected List<FuzzTarget> targets() throws IOException {
        return List.of(routing(), simulate(), arrays());
    }

    private static List<byte[]> seeds(final String... texts) {
        return Stream.of(texts).map(text -> text.getBytes(StandardCharsets.UTF_8)).toList();
    }

    private static FuzzTarget routing() {
        return ReaderTarget.of("routing-option", Mutator.ofText(seeds("uniform", "zipf:0.8", "max-mean:4", "incast:3.5"), "esft:", "zipf:", ":"), input -> {
            final String text = new String(input, StandardCharsets.UTF_8);
            assertThat(RoutingOption.parse(text, GroupLimit.NONE).toString()).isNotEmpty();
        });
    }

    /** A line an argument: parsed and checked, as each point of a sweep is before any is simulated. */
    private static FuzzTarget simulate() {
        ExpertlaneCommand.commandLine();
        final List<byte[]> seeds = seeds("--model\ndeepseek-v3\n--ep\n64\n--tokens\n128", "--cluster\nh800-cx7\n--ep\n32\n--tokens\n4096\n--mode\nht\n--path\nring"
            + "\n--channels\n12\n--ring\n128\n--sms\n24\n--set\nnic.granularity=MESSAGE\n--seed\n1", "--ep=64\n--routing=max-mean:4\n--topk-groups=4\n--distinct-layers=8",
            "--step\ntwo-batch,fused\n--queue-depth\n8\n--granularity\nmessage\n--experts\n1024\n--ep\n1024",
            "--mode=ht\n--workload=training\n--tokens=4096\n--sequence=1024\n--context=5\n--burst=2\n--combine=pull\n--split=on\n--segment=4096\n--chunk=8",
            "--in-node=nic\n--topology=fat-tree\n--issue=proxy\n--dispatch-type=bf16\n--ports=fixed\n--model=qwen3-235b");
        return ReaderTarget.of("simulate", Mutator.ofText(seeds, "--", "--set", "nic.mtuBytes=1024", "fabric.switches.queues=true", "--ep", "--tokens", "kimi-k2"),
            input -> SimulateCommand.parse(List.of(new String(input, StandardCharsets.UTF_8).split("\n", -1))).check());
    }

    /** Three arrays one after the other, the lengths of the first two before them. */
    private FuzzTarget arrays() throws IOException {
        final List<byte[]> seeds = new ArrayList<>();
        for (final NpyType type : List.of(NpyType.INT32, NpyType.INT64)) {
            ExchangeFiles.random(2, 3, 16, 2, 4, 1).write(folder, type);
            final byte[] tokens = Files.readAllBytes(folder.resolve("t.npy"));
            final byte[] ids = Files.readAllBytes(folder.resolve("i.npy"));
            final byte[] weights = Files.readAllBytes(folder.resolve("w.npy"));
            final ByteBuffer all = ByteBuffer.allocate(4 + tokens.length + ids.length + weights.length);
            seeds.add(all.putShort((short) tokens.length).putShort((short) ids.length).put(tokens).put(ids).put(weights).array());
        }
        return ReaderTarget.of("arrays", Mutator.ofText(seeds, "(2, 3, 16)", "'<i8'", "(0, 3, 16)"), input -> {
            final ByteBuffer all = ByteBuffer.wrap(Arrays.copyOf(input, Math.max(input.length, 4)));
            final int tokensLength = all.getShort();
            final int idsLength = all.getShort();
            write("t.npy", all, tokensLength);
            write("i.npy", all, idsLength);
            write("w.npy", all, all.remaining());
            try (Arena arena = Arena.ofConfined()) {
                final ExchangeInput read = ExchangeInput.read(folder.resolve("t.npy"), folder.resolve("i.npy"), folder.resolve("w.npy"), 4, 0, arena);
                assertThat(read.selections()).isBetween(0L, (long) read.shape().ranks() * read.tokensPerRank() * read.shape().topK());
            }
        });
    }

    private void write(final String name, final ByteBuffer from, final int length) throws IOException {
        final byte[] bytes = new byte[Math.clamp(length, 0, from.remaining())];
        from.get(bytes);
        Files.write(folder.resolve(name), bytes);
    }
}
