package io.expertlane.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class LinuxEcmpTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "--interfaces lo,lo --source 10.0.0.1 --destinations 10.0.0.2 --qps 1 | --qps=1 must be 2 to 1024",
        "--interfaces lo,lo --source 10.0.0.1 --destinations 10.0.0.2 --qps 5"
            + " | --qps=5 must be a multiple of the 2 interfaces, or they cannot be even",
        "--interfaces lo --source 10.0.0.1 --destinations 10.0.0.2 | --interfaces=1 must be 2 to 256",
        "--interfaces nope0,nope1 --source 10.0.0.1 --destinations 10.0.0.2"
            + " | --interfaces: /sys/class/net/nope0/statistics/tx_packets cannot be read",
        "--interfaces lo,lo --source here --destinations 10.0.0.2 | --source=here must be an IP address",
        "--interfaces lo,lo --source 10.0.0.1 --destinations there | --destinations=there must be an IP address",
        "--interfaces lo,lo --source 10.0.0.1 | Missing required option: '--destinations=<destinations>'"})
    void badInputIsOneLineAndExitCodeTwo(final String arguments, final String message) {
        final StringWriter err = new StringWriter();
        final StringWriter out = new StringWriter();
        final int exitCode = LinuxEcmp.commandLine().setErr(new PrintWriter(err, true))
            .setOut(new PrintWriter(out, true))
            .execute(arguments.split(" "));
        assertThat(err.toString()).isEqualTo(message + System.lineSeparator());
        assertThat(out.toString()).isEmpty();
        assertThat(exitCode).isEqualTo(2);
    }

    @Test
    void ratioIsMostOverLeastLoaded() {
        assertThat(LinuxEcmp.ratio(new long[] {30, 20, 10, 15})).isEqualTo(3.0);
        assertThat(LinuxEcmp.ratio(new long[] {30, 0})).isInfinite();
    }
}
