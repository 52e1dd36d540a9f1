package io.expertlane.kernel.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class RoceSourcePortsTest {
    @ParameterizedTest
    @CsvSource({
        "000001, 000001, 00001, c001", "000011, 000012, 00132, c132", "000100, 000101, 10100, c104",
            "000108, 000076, 079b0, f9b1",
        "001234, 005678, 60002, c01a", "abcdef, 123456, ac3e3, c3c8", "ffffff, ffffff, fff1e, ff21"})
    void derivesFromQpNumbers(final String local, final String remote, final String flowLabel,
    final String sourcePort) {
        final int a = HexFormat.fromHexDigits(local);
        final int b = HexFormat.fromHexDigits(remote);
        assertThat(RoceSourcePorts.flowLabel(a, b)).isEqualTo(HexFormat.fromHexDigits(flowLabel))
            .isEqualTo(RoceSourcePorts.flowLabel(b, a));
        assertThat(RoceSourcePorts.sourcePort(0, a, b)).isEqualTo(HexFormat.fromHexDigits(sourcePort));
        assertThat(RoceSourcePorts.sourcePort(0, b, a)).isEqualTo(HexFormat.fromHexDigits(sourcePort));
    }

    @ParameterizedTest
    @CsvSource({"00000, c000", "00001, c001", "03fff, ffff", "04000, c001", "fffff, ffc0", "abcde, fcf4",
        "12345, e341"})
    void derivesFromFlowLabels(final String flowLabel, final String sourcePort) {
        final int label = HexFormat.fromHexDigits(flowLabel);
        assertThat(RoceSourcePorts.sourcePort(label)).isEqualTo(HexFormat.fromHexDigits(sourcePort));
        if (label != 0) {
            assertThat(RoceSourcePorts.sourcePort(label, 0x100, 0x100)).isEqualTo(HexFormat.fromHexDigits(sourcePort));
        }
    }

    @Test
    void rejectsNumbersOutOfRange() {
        assertThatIllegalArgumentException().isThrownBy(() -> RoceSourcePorts.sourcePort(0x100000))
            .withMessage("flowLabel=1048576 must be 0 to 1048575");
        assertThatIllegalArgumentException().isThrownBy(() -> RoceSourcePorts.flowLabel(0x1000000, 1))
            .withMessage("localQpNumber=16777216 must be 0 to 16777215");
        assertThatIllegalArgumentException().isThrownBy(() -> RoceSourcePorts.flowLabel(1, -1))
            .withMessage("remoteQpNumber=-1 must be 0 to 16777215");
    }
}
