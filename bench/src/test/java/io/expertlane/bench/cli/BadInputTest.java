package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.expertlane.bench.npy.NpyType;
import io.expertlane.bench.results.Json;
import io.expertlane.bench.scenario.ModelProfile;
import io.expertlane.bench.scenario.ProfileJson;
import io.expertlane.nic.profile.ClusterProfile;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/**
 * Input that the commands refuse: one line that names the field, its value and the limit, exit code 2, nothing written.
 */
class BadInputTest {
    private static final int RANKS = 2;
    private static final int TOKENS = 3;
    private static final int HIDDEN = 64;
    private static final int TOP_K = 2;
    private static final int EXPERTS = 8;
    private static final List<String> ABSURD_NUMBERS =
        List.of("-1", "-1e-3", "NaN", "Infinity", "1e30", "1e400", "99999999999999999999", "\"7\"", "null", "true",
        "[]", "{}", "x", "0x10", "");
    private static final List<String> ABSURD_WORDS = List.of("-1", "NaN", "null", "[]", "{}", "", "\"\"", "maybe");

    @TempDir
    private Path folder;
    private Path out;
    private ExchangeFiles input;

    @BeforeEach
    void writeGoodInput() throws IOException {
        out = folder.resolve("out");
        input = ExchangeFiles.random(RANKS, TOKENS, HIDDEN, TOP_K, EXPERTS, 1).write(folder, NpyType.INT64);
    }

    private void assertRefused(final CommandRun run, final String... parts) {
        run.refused(parts);
        try (Stream<Path> files = Files.walk(folder)) {
            assertThat(files.map(Path::toString).filter(name -> name.contains("out") || name.endsWith(".tmp")))
                .isEmpty();
        } catch (final IOException e) {
            throw new AssertionError(e);
        }
    }

    /** Runs the exchange on the files as they are. */
    private void assertFilesRefused(final String... parts) {
        assertRefused(input.run(folder, out), parts);
    }

    private void writeHeader(final String file, final String descr, final String fortranOrder, final String shape,
        final long dataBytes) throws IOException {
        final String literal = "{'descr': '" + descr + "', 'fortran_order': " + fortranOrder + ", 'shape': " + shape
            + ", }";
        final String dictionary = literal + " ".repeat(117 - literal.length()) + "\n";
        try (RandomAccessFile raw = new RandomAccessFile(folder.resolve(file).toFile(), "rw")) {
            raw.setLength(0);
            raw.write(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (byte) dictionary.length(), 0});
            raw.write(dictionary.getBytes(StandardCharsets.US_ASCII));
            raw.setLength(raw.length() + dataBytes);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "t.npy; <f4; (2, 3, 64); dtype=<f4; expected <u2",
        "t.npy; <i2; (2, 3, 64); dtype=<i2; expected <u2",
        "t.npy; >u2; (2, 3, 64); dtype=>u2; big endian",
        "i.npy; >i8; (2, 3, 2); dtype=>i8; big endian",
        "i.npy; <f4; (2, 3, 2); dtype=<f4; expected <i4 (int32) or <i8 (int64)",
        "w.npy; <f8; (2, 3, 2); dtype=<f8; expected <f4",
        "t.npy; <u2; (6, 64); shape=(6, 64); expected 3 dimensions",
        "t.npy; <u2; (1, 2, 3, 64); shape=(1, 2, 3, 64); expected 3 dimensions",
        "i.npy; <i4; (2, 2, 2); shape=(2, 2, 2); expected (2, 3, any)",
        "i.npy; <i4; (1, 3, 2); shape=(1, 3, 2); expected (2, 3, any)",
        "w.npy; <f4; (2, 3, 1); shape=(2, 3, 1); expected (2, 3, 2)",
        "t.npy; <u2; (2, 0, 64); shape; no length may be 0",
        "t.npy; <u2; (2, 3, 0); shape; no length may be 0",
        "i.npy; <i4; (2, 3, 0); shape; no length may be 0",
        "t.npy; <u2; (2, 3, 4); hidden=4; 8 to 131072",
        "t.npy; <u2; (2, 3, 60); hidden=60; a multiple of 8",
        "t.npy; <u2; (2, -3, 64); header=; expected a length",
    })
    void refusesArraysOfAnotherKind(final String file, final String descr, final String shape, final String value,
    final String limit)
        throws IOException {
        long bytes = Integer.parseInt(descr.substring(2));
        for (final String length : shape.substring(1, shape.length() - 1).split(", ")) {
            bytes *= Math.max(0, Integer.parseInt(length));
        }
        writeHeader(file, descr, "False", shape, bytes);
        assertFilesRefused(value, limit);
    }

    @Test
    void refusesFortranOrder() throws IOException {
        writeHeader("t.npy", "<u2", "True", "(2, 3, 64)", 2 * 3 * 64 * 2);
        assertFilesRefused("t.npy: fortran_order=True: expected False");
    }

    @Test
    void refusesFilesThatAreNotWhole() throws IOException {
        final Path tokens = folder.resolve("t.npy");
        final byte[] whole = Files.readAllBytes(tokens);
        for (final int bytes : new int[] {0, 1, 5, 7, 9, 50, whole.length - 1}) {
            Files.write(tokens, Arrays.copyOf(whole, bytes));
            assertFilesRefused("t.npy", bytes == 0 ? "empty" : bytes < 6 ? "not an npy file" : "truncated");
        }
        Files.write(tokens, Arrays.copyOf(whole, whole.length + 1));
        assertFilesRefused("t.npy", "trailing bytes");
        Files.writeString(tokens, "hello\nworld\n");
        assertFilesRefused("t.npy: not an npy file");
        Files.delete(tokens);
        assertFilesRefused("t.npy: no such file");
        Files.createDirectory(tokens);
        assertFilesRefused("t.npy: is a folder");
    }

    @Test
    void refusesSizesThatOnlyTheHeaderHas() throws IOException {
        writeHeader("t.npy", "<u2", "False", "(9223372036854775807, 3, 64)", 0);
        assertFilesRefused("shape=(9223372036854775807, 3, 64)", "2^63");
        writeHeader("t.npy", "<u2", "False", "(2, 3, 1099511627776)", 0);
        assertFilesRefused("data bytes=0", "expected 13194139533312");
    }

    @Test
    void refusesArraysTooLargeForMemory() throws IOException {
        writeHeader("t.npy", "<u2", "False", "(4, 131072, 131072)", 4L * 131072 * 131072 * 2);
        writeHeader("i.npy", "<i4", "False", "(4, 131072, 1)", 4L * 131072 * 4);
        writeHeader("w.npy", "<f4", "False", "(4, 131072, 1)", 4L * 131072 * 4);
        assertFilesRefused("bytes of tokens, rows and queue pairs=", "the machine's memory");
    }

    @ParameterizedTest
    @ValueSource(longs = {8, -2, Integer.MAX_VALUE, 1L << 31, 1L << 32, (1L << 32) + 1, -(1L << 40), Long.MAX_VALUE,
        Long.MIN_VALUE})
    void refusesExpertsThatDoNotExist(final long id) throws IOException {
        input.ids()[(TOKENS + 2) * TOP_K + 1] = id;
        input.write(folder, NpyType.INT64);
        assertFilesRefused("i.npy [1, 2, 1]=" + id + ": -1 to 7");
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void refusesWeightsThatAreNotFinite(final float weight) throws IOException {
        input.weights()[TOP_K] = weight;
        input.write(folder, NpyType.INT64);
        assertFilesRefused("w.npy [0, 1, 0]=" + weight + ": a finite number");
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "--experts 7; --experts=7: a multiple of ranks=2", "--experts 0; --experts=0: 1 to",
            "--experts -8; --experts=-8: 1 to",
        "--experts 2147483646; --experts=2147483646: 1 to", "--experts 2147483648; --experts=2147483648",
        "--experts many; --experts=many",
    })
    void refusesNumbersOfExperts(final String option, final String message) {
        final List<Object> arguments =
            new ArrayList<>(List.of("exchange", "--tokens", folder.resolve("t.npy"), "--topk-idx",
            folder.resolve("i.npy"),
            "--topk-weights", folder.resolve("w.npy"), "--out", out));
        arguments.addAll(List.of(option.split(" ")));
        assertRefused(CommandRun.of(arguments.toArray()), message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "--mode xx; --mode=xx: expected ", "--path xx; --path=xx: expected ",
            "--dispatch-type fp4; --dispatch-type=fp4: expected one of bf16, fp8",
        "--expert xx; --expert=xx: expected one of identity, scale",
        "--ranks-per-node 0; --ranks-per-node=0: at least 1",
        "--ranks-per-node -1; --ranks-per-node=-1: at least 1", "--ranks-per-node 3; --ranks-per-node=3: 1 to 2",
        "--threads 0; --threads=0: at least 1",
        "--threads x; --threads=x: ", "--warmup-seconds 1; --warmup-seconds",
        "--dispatch-type fp8; hidden=64: a multiple of 128",
        "--ranks 2; --ranks=2: only together with --routing", "--tokens-per-rank 2; --tokens-per-rank=2: only",
        "--hidden 8; --hidden=8: only",
        "--topk 2; --topk=2: only", "--seed 2; --seed=2: only", "--bogus 2; Unknown option",
        "--routing uniform; not together with --routing",
        "--out elsewhere; --out", "stray; stray",
    })
    void refusesOptionsBesideFiles(final String option, final String message) {
        assertRefused(input.run(folder, out, (Object[]) option.split(" ")), message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "--ranks 0; --ranks=0: 1 to 65536", "--ranks -1; --ranks=-1: 1 to",
            "--ranks 3; --experts=8: a multiple of --ranks=3", "--ranks 1.5; --ranks=1.5",
        "--ranks 2147483647; --ranks=2147483647: 1 to", "--ranks 99999999999; --ranks=99999999999",
        "--tokens-per-rank 0; --tokens-per-rank=0: 1 to",
        "--tokens-per-rank -1; --tokens-per-rank=-1: 1 to",
        "--tokens-per-rank 16777216; --tokens-per-rank=16777216: 1 to 16777215",
        "--hidden 0; --hidden=0: 8 to 131072", "--hidden 12; --hidden=12: a multiple of 8",
        "--hidden 131080; --hidden=131080: 8 to", "--topk 0; --topk=0: 1 to 32",
        "--topk 33; --topk=33: 1 to 32", "--topk 9; --topk=9: at most --experts=8", "--experts 0; --experts=0: 1 to",
        "--experts 1048577; --experts=1048577: 1 to 1048576",
        "--seed x; --seed=x", "--warmup-seconds -1; --warmup-seconds=-1: at least 0",
        "--hidden 136 --dispatch-type fp8; --hidden=136: a multiple of 128",
        "--ranks 65536 --experts 65536; bytes of queue pairs=",
        "--routing xx; --routing=xx: expected uniform, zipf:S, max-mean:R, incast:N or esft:DIR",
        "--routing zipf; --routing=zipf", "--routing zipf:; --routing=zipf:", "--routing zipf:x; --routing=zipf:x",
        "--routing zipf:-1; zipf exponent=-1.0: 0 to 10",
        "--routing zipf:NaN; zipf exponent=NaN", "--routing zipf:1e400; zipf exponent=Infinity",
        "--routing esft:; --routing=esft:",
        "--segment 63; --segment=63: 64 to", "--channels 2; --channels=2: 1 with mode ll",
        "--path ring --combine pull; --combine=pull: push with",
        "--mode ht --channels 65; --channels=65: 1 to 64", "--mode ht --chunk 0; --chunk=0: 1 to 1024",
        "--mode ht --path ring --ring 31; --ring=31: 32 to 65536",
        "--mode ht --path ring --chunk 12 --ring 30; --ring=30: a multiple of --chunk=12",
        "--routing esft:nowhere; esft=nowhere: expected a folder", "--routing max-mean:x; --routing=max-mean:x: R of",
        "--routing max-mean:0.5; maxOverMean=0.5: at least 1",
        "--routing max-mean:4.5; maxOverMean=4.5: 1 to 4.0", "--routing max-mean:NaN; maxOverMean=NaN",
        "--topk-groups 4 --groups 3; --topk-groups=4: 1 to --groups=3",
        "--topk-groups 0; --topk-groups=0: 1 to groups=8",
        "--topk-groups 1 --groups 3; --groups=3: a divisor of --experts=8",
        "--topk-groups 1; --topk=2: at most --experts=1",
        "--groups 4; --groups=4: only together with --topk-groups",
        "--tokens t.npy; --tokens=t.npy: not together with --routing",
    })
    void refusesNumbersToGenerateFrom(final String options, final String message) {
        final List<Object> arguments = new ArrayList<>(List.of("exchange", "--out", out));
        final List<String> given = List.of(options.split(" "));
        final String[] defaults = {"--routing", "uniform", "--ranks", "2", "--tokens-per-rank", "4", "--hidden", "128",
            "--topk", "2", "--experts", "8"};
        for (int i = 0; i < defaults.length; i += 2) {
            if (!given.contains(defaults[i])) {
                arguments.add(defaults[i]);
                arguments.add(defaults[i + 1]);
            }
        }
        arguments.addAll(given);
        assertRefused(CommandRun.of(arguments.toArray()), message);
    }

    @Test
    void refusesInputThatIsNotComplete() {
        assertRefused(CommandRun.of("exchange", "--routing", "uniform"), "--out");
        assertRefused(CommandRun.of("exchange", "--out", out), "--tokens", "--topk-idx", "--topk-weights", "--experts",
            "--routing");
        assertRefused(CommandRun.of("exchange", "--tokens", folder.resolve("t.npy"), "--out", out), "--topk-idx");
        assertRefused(CommandRun.of("exchange", "--out"), "--out");
    }

    @Test
    void refusesFoldersThatCannotTakeTheResults() throws IOException {
        final Path kept = Files.writeString(Files.createDirectory(folder.resolve("full")).resolve("kept"), "x");
        assertRefused(input.run(folder, kept.getParent()), "--out=" + kept.getParent() + ": exists and is not empty");
        assertRefused(input.run(folder, kept), "exists and is not a folder");
        assertRefused(input.run(folder, kept.resolve("below")), "cannot be made");
        assertRefused(input.run(folder, folder.resolve("n".repeat(300))), "cannot be made");
        assertRefused(input.run(folder, Path.of("/")), "--out=/: exists and is not empty");
        assertThat(kept).hasContent("x");
    }

    @Test
    void refusesBrokenRecords() throws IOException {
        final Path records = Files.createDirectory(folder.resolve("records"));
        final Path file = records.resolve("a.txt");
        assertRecordsRefused(records, "has no .txt file");
        Files.writeString(file, "1\t2\n");
        assertRecordsRefused(records, "a.txt line 1", "a multiple of 6");
        Files.writeString(file, "1\t2\t3\t4\t5\t64\t\t.1\t.1\t.1\t.1\t.1\t.1\n");
        assertRecordsRefused(records, "a.txt line 1 id 5=64: 0 to 63");
        Files.writeString(file, "1\t2\t3\t4\t5\t6\t\t.1\t.1\t.1\t.1\t.1\tNaN\n");
        assertRecordsRefused(records, "a.txt line 1 weight 5=NaN: a finite number");
        Files.writeString(file, "1\t2\t3\t4\t5\t6\t\t.1\t.1\t.1\t.1\t.1\t.1\n");
        assertRecordsRefused(records, "tokensPerRank=128", "has 1 tokens");
        Files.write(file, new byte[] {(byte) 0xff, (byte) 0xfe, (byte) 0x80, 0});
        assertRecordsRefused(records, "a.txt", "UTF-8");
    }

    private void assertRecordsRefused(final Path records, final String... parts) {
        assertRefused(CommandRun.of("simulate", "--ep", 8, "--routing", "esft:" + records), parts);
        assertRefused(CommandRun.of("exchange", "--hidden", 128, "--routing", "esft:" + records, "--out", out), parts);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "--ep 0; --ep=0: 1 to", "--ep -1; --ep=-1: 1 to", "--ep 3; experts=256: a multiple of --ep=3",
            "--ep 12; ranksPerNode=8: a divisor of --ep=12",
        "--ep x; --ep=x", "--ep 2147483647; --ep=2147483647: 1 to", "--tokens 0; --tokens=0: 1 to",
        "--tokens -1; --tokens=-1: 1 to",
        "--tokens 2147483647; --tokens=2147483647: 1 to", "--context -1; --context=-1: 0 to", "--seed x; --seed=x",
        "--mode xx; --mode=xx: expected",
        "--path xx; --path=xx: expected", "--dispatch-type fp4; --dispatch-type=fp4: expected",
        "--ports xx; --ports=xx: expected one of fixed, hashed",
        "--model xx; --model=xx: expected one of deepseek-v3",
        "--cluster xx; --cluster=xx: expected one of h20-cx7-dual", "--routing xx; --routing=xx: expected",
        "--model nowhere.json; --model=nowhere.json: no such file",
        "--cluster nowhere.json; --cluster=nowhere.json: no such file", "--bogus 1; Unknown option",
        "--queue-depth 3; --queue-depth=3: a power of two", "--segment 1; --segment=1: 64 to",
        "--path ring --combine pull; --combine=pull: push with",
        "stray; stray", "--ep; --ep", "--ep 2 --ep 4; --ep", "--routing zipf:11; zipf exponent=11.0: 0 to 10",
        "--routing max-mean:33; maxOverMean=33.0: 1 to 32.0", "--topk-groups 9; --topk-groups=9: 1 to groups=8",
        "--topk-groups 2 --groups 0; --groups=0: at least 1",
        "--topk-groups 2 --groups 12; --groups=12: a divisor of experts=256", "--topk-groups x; --topk-groups=x",
        "--groups 8; only together with --topk-groups",
        "--routing esft:x --topk-groups 4; --topk-groups=4: not together with --routing esft:x",
        "--distinct-layers 0; --distinct-layers=0: 1 to",
        "--distinct-layers 59; --distinct-layers=59: 1 to moeLayers=58",
        "--workload serve; --workload=serve: expected one of decode, prefill, training",
        "--workload prefill; --workload=prefill: mode ht", "--workload training; --workload=training: mode ht",
        "--sequence 16; --sequence=16: only with",
        "--mode ht --sequence 0; --sequence=0: 1 to", "--mode ht --sequence 3; --sequence=3: a divisor of tokens=128",
        "--mode ht --context -1; --context=-1: 0 to",
        "--mode ht --tokens 16 --sequence 3; --sequence=3: a divisor of --tokens=16",
        "--mode ht --step fused; --step=fused: mode ll", "--chunk 4; --chunk=4: only with --mode ht or --path ring",
        "--ring 64; --ring=64: only with --path ring",
        "--mode ht --ring 64; --ring=64: only with --path ring", "--path ring --ring 0; --ring=0: 8 to",
        "--path ring --chunk 3; ringTokens=16: a multiple of --chunk=3",
        "--set nic.mtuBytes=1024 --set nic.mtuBytes=2048; --set nic.mtuBytes=2048: not together with --set "
        + "nic.mtuBytes=1024", "--set nic; --set=nic: expected FIELD=VALUE",
        "--tokens 4194304 --burst 1024; --burst=1024: at most 511 with 4194304 tokens",
        "--routing incast:2 --distinct-layers 2; layer=1: 0 with incast",
        "--granularity message --set nic.granularity=PACKET; --granularity=message: not together with --set "
        + "nic.granularity=PACKET",
        "--sms 4 --set host.kernels.lowLatencySms=8; --sms=4: not together", "--set =5; --set==5: expected FIELD=VALUE",
        "--set nic=5; nic=5: expected an object",
        "--set nic.ports=NaN; nic.ports", "--set fabric.switches.lanes=0; fabric.switches.lanes=0: 1 to 8",
        "--set fabric.switches.failedLanes=1; failedLanes=1: 0 to 0",
        "--set fabric.switches.queues=true --granularity message; nic.granularity=MESSAGE: fabric.switches.queues need "
        + "PACKET",
        "--ep 16 --set ranksPerNode=5; ranksPerNode=5: a divisor of --ep=16",
        "--tokens 16 --set fabric.switches.queues=true --set fabric.switches.bufferBytes=10000; "
        + "fabric.switches.bufferBytes=10000.0: too little",
    })
    void refusesOptionsOfSimulate(final String options, final String message) {
        final List<Object> arguments = new ArrayList<>(List.of("simulate"));
        arguments.addAll(List.of(options.split(" ")));
        assertRefused(CommandRun.of(arguments.toArray()), message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "\"hidden\" : 7168; \"hidden\" : \"wide\"; hidden=\"wide\": expected an integer",
            "\"hidden\" : 7168; \"hidden\" : \"7168\"; hidden", "\"hidden\" : 7168; \"hidden\" : 7168.5; hidden",
        "\"hidden\" : 7168; \"hidden\" : null; hidden=null: expected an integer",
        "\"hidden\" : 7168; \"hidden\" : [1]; hidden", "\"hidden\" : 7168; \"hidden\" : true; hidden",
        "\"hidden\" : 7168; \"hidden\" : -8; hidden=-8: 8 to",
        "\"hidden\" : 7168; \"hidden\" : 99999999999; out of range of `int`", "\"hidden\" : 7168,; ''; hidden",
        "\"hidden\" : 7168; \"hidden\" : 7168, \"width\" : 7168; width: unknown field",
        "\"hidden\" : 7168; \"hidden\" : 8, \"hidden\" : 16; hidden", "\"topK\" : 8; \"topK\" : 33; topK=33: 1 to 32",
        "\"moeLayers\" : 58; \"moeLayers\" : 62; moeLayers=62: 1 to 61",
        "\"name\" : \"deepseek-v3\"; \"name\" : null; name",
        "\"name\" : \"deepseek-v3\"; \"name\" : 5; name=5: expected a string",
        "\"weights\" : ; \"weights\" : -; Unexpected character", "\"hidden\" : 7168; \"hidden\" : NaN; NaN",
    })
    void refusesModelsWithBadFields(final String good, final String bad, final String field) throws IOException {
        final Path file = folder.resolve("model.json");
        final String text = Json.text(ModelProfile.ofName("deepseek-v3"));
        assertThat(text).contains(good);
        Files.writeString(file, text.replace(good, bad));
        assertRefused(CommandRun.of("simulate", "--model", file), "--model=" + file + ": ", field);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "\"mtuBytes\" : 4096; \"mtuBytes\" : 1000; nic.mtuBytes=1000: ",
            "\"ports\" : 2; \"ports\" : 9; nic.ports=9: 1 to 8",
        "\"fetchNanos\" : 1000.0; \"fetchNanos\" : -1; nic.fetchNanos=-1: 0 to 10000",
        "\"fetchNanos\" : 1000.0; \"fetchNanos\" : \"fast\"; nic.fetchNanos=\"fast\": expected a number",
        "\"fetchNanos\" : 1000.0; \"fetchNanos\" : \"NaN\"; fetchNanos",
        "\"fetchNanos\" : 1000.0; \"fetchNanos\" : null; fetchNanos",
        "\"portHash\" : \"murmur3\"; \"portHash\" : \"MD5\"; nic.portHash=\"MD5\": expected one of ",
        "\"portHash\" : \"murmur3\"; \"portHash\" : 0; portHash",
        "\"portHash\" : \"murmur3\"; \"portHash\" : \"\"; portHash",
        "\"topology\" : \"SINGLE_RAIL\"; \"topology\" : \"RING\"; topology",
        "\"ranksPerNode\" : 8; \"ranksPerNode\" : 0; ranksPerNode=0: 1 to",
        "\"ranksPerNode\" : 8,; \"ranksPerNode\" : 8, \"x\" : 1,; x: unknown field",
    })
    void refusesClustersWithBadFields(final String good, final String bad, final String field) throws IOException {
        final Path file = folder.resolve("cluster.json");
        final String text = Json.text(ClusterProfile.ofName(ClusterProfile.DEFAULT_NAME));
        assertThat(text).contains(good);
        Files.writeString(file, text.replace(good, bad));
        assertRefused(CommandRun.of("simulate", "--cluster", file), "--cluster=" + file + ": ", field);
    }

    /** Every field of a cluster and of a model, with values that no field of its kind may have. */
    @Test
    void refusesAbsurdValuesOfEveryField() {
        for (final Record profile
            : List.of(ClusterProfile.ofName(ClusterProfile.DEFAULT_NAME), ModelProfile.ofName("deepseek-v3"))) {
            final Map<String, JsonNode> fields = new TreeMap<>();
            addFields("", Json.mapper().valueToTree(profile), fields);
            fields.remove("name");
            assertThat(fields).hasSizeGreaterThan(10);
            fields.forEach((field, value) -> {
                for (final String absurd : value.isNumber() ? ABSURD_NUMBERS : ABSURD_WORDS) {
                    assertThatThrownBy(() -> ProfileJson.with(profile, field, absurd)).as("%s=%s", field, absurd)
                        .isInstanceOf(IllegalArgumentException.class)
                        .message().contains(field.substring(field.lastIndexOf('.') + 1)).doesNotContain("\n");
                }
            });
        }
    }

    private static void addFields(final String path, final JsonNode node, final Map<String, JsonNode> fields) {
        if (node.isObject()) {
            node.properties().forEach(entry ->
                addFields(path + (path.isEmpty() ? "" : ".") + entry.getKey(), entry.getValue(), fields));
        } else {
            fields.put(path, node);
        }
    }

    @Test
    void refusesExpertsThatTheRecordedModelHasNot() throws IOException {
        final Path records = Files.createDirectory(folder.resolve("records"));
        Files.writeString(records.resolve("a.txt"), "1\t2\t3\t4\t5\t6\t\t.1\t.1\t.1\t.1\t.1\t.1\n");
        assertRefused(CommandRun.of("simulate", "--ep", 1, "--tokens", 1, "--experts", 16, "--routing", "esft:"
            + records), "--experts=16: 64 with --routing esft");
    }

    @Test
    void refusesWhatIsNoJsonObject() throws IOException {
        final String whole = Json.text(ModelProfile.ofName("deepseek-v3"));
        final Path file = folder.resolve("model.json");
        for (final String text : List.of("", " \n", "hello", "null", "5", "\"deepseek-v3\"", "[]", "{}",
            "{\n\"name\":\n}", "[".repeat(100_000),
            whole.substring(0, 60), whole.substring(0, whole.length() - 1), whole + " x", whole + whole,
            whole.replace("7168", "1".repeat(2000)))) {
            Files.writeString(file, text);
            assertRefused(CommandRun.of("simulate", "--model", file), "--model=" + file + ": ");
        }
        Files.write(file, new byte[] {(byte) 0xff, (byte) 0xfe, 0, 1, 2});
        assertRefused(CommandRun.of("simulate", "--model", file), "--model=" + file + ": ");
        Files.delete(file);
        Files.createDirectory(file);
        assertRefused(CommandRun.of("simulate", "--model", file), "--model=" + file + ": ");
    }
}
