package io.expertlane.kernel.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class RecordLayoutTest {
    @Test
    void theHighThroughputRecordHasTheFieldsLength() {
        // align16(hidden bytes + 8 B source meta + scales + 8 indices + 8 weights) of a BF16 and of an FP8 row of 7168
        // channels.
        assertThat(new RecordLayout(8 + 8 * 8, 14_336, true).wireBytes()).isEqualTo(14_416);
        assertThat(new RecordLayout(8 + 8 * 8, 7168 + 56 * 4, true).wireBytes()).isEqualTo(7472);
    }

    @Test
    void bodiesBeginOnCacheLines() {
        for (int header = 0; header <= 264; header += 4) {
            for (int body = 0; body < 300; body += 7) {
                final RecordLayout layout = new RecordLayout(header, body, true);
                assertThat((layout.leadBytes() + layout.headerBytes()) % 64).isZero();
                assertThat(layout.stride() % 64).isZero();
                assertThat(layout.stride()).isBetween(header + body, header + body + 63 + 15);
                assertThat(layout.residentBytes(3)).isEqualTo(2 * layout.stride() + layout.wireBytes())
                    .isEqualTo(layout.wireBytes(3));
            }
        }
    }

    @Test
    void withoutBodiesHeadersArePackedAndTheWireIsTheSame() {
        final RecordLayout full = new RecordLayout(72, 14_336, true);
        final RecordLayout bare = new RecordLayout(72, 14_336, false);
        assertThat(bare.stride()).isEqualTo(72);
        assertThat(bare.leadBytes()).isZero();
        assertThat(bare.residentBytes(5)).isEqualTo(5 * 72);
        assertThat(bare.wireBytes(5)).isEqualTo(full.wireBytes(5));
        assertThat(new RecordLayout(12, 100, false).stride()).isEqualTo(16);
    }

    @Test
    void oddSizesAreRefused() {
        assertThatThrownBy(() -> new RecordLayout(6, 64, true))
            .hasMessage("headerBytes=6: a multiple of 4, at most 1048576");
        assertThatThrownBy(() -> new RecordLayout(-4, 64, true)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new RecordLayout(8, -1, true)).hasMessage("bodyBytes=-1: 0 to 1048576");
    }
}
