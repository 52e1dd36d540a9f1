package io.expertlane.kernel.bootstrap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RankEnvironmentTest {
    private static final String SECRET = "a secret of the job";

    private static RankEnvironment read(final String variables) {
        return RankEnvironment.of(map(variables)).orElseThrow();
    }

    private static Map<String, String> map(final String variables) {
        final Map<String, String> map = new HashMap<>(Map.of(RankEnvironment.SECRET, SECRET));
        for (final String variable : variables.split(" ")) {
            map.put(variable.substring(0, variable.indexOf('=')), variable.substring(variable.indexOf('=') + 1));
        }
        return map;
    }

    @Test
    void readsTheVariablesOfEachStarter() {
        assertThat(read("RANK=3 WORLD_SIZE=4 LOCAL_RANK=3 MASTER_ADDR=10.0.0.1 MASTER_PORT=29500"))
            .isEqualTo(new RankEnvironment(3, 4, "10.0.0.1", 29_500, SECRET));
        assertThat(read("RANK=3 WORLD_SIZE=4 MASTER_ADDR=a MASTER_PORT=29500 TORCHELASTIC_USE_AGENT_STORE=True").port()).isEqualTo(29_501);
        assertThat(read("RANK=3 WORLD_SIZE=4 MASTER_ADDR=a MASTER_PORT=29500 TORCHELASTIC_USE_AGENT_STORE=True EXPERTLANE_PORT=7").port()).isEqualTo(7);
        assertThat(read("SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_NNODES=1")).isEqualTo(new RankEnvironment(1, 2, "127.0.0.1", 29_431, SECRET));
        assertThat(read("OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_SIZE=2 SLURM_PROCID=0 SLURM_NTASKS=1"))
            .isEqualTo(new RankEnvironment(1, 2, "127.0.0.1", 29_431, SECRET));
        assertThat(RankEnvironment.of(Map.of("WORLD_SIZE", "4"))).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "RANK=4 WORLD_SIZE=4 MASTER_ADDR=a|RANK=4: 0 to 3",
        "RANK=-1 WORLD_SIZE=4 MASTER_ADDR=a|RANK=-1: 0 to 3",
        "RANK=0 WORLD_SIZE=0 MASTER_ADDR=a|WORLD_SIZE=0: 1 to 4096",
        "RANK=0 MASTER_ADDR=a|WORLD_SIZE=none: a number from 1 to 4096",
        "RANK=x WORLD_SIZE=2 MASTER_ADDR=a|RANK=x: a number from 0 to 1",
        "RANK=0 WORLD_SIZE=2|MASTER_ADDR=none: set it to an address of rank 0's host, in all ranks",
        "SLURM_PROCID=0 SLURM_NTASKS=2 SLURM_NNODES=2|MASTER_ADDR=none: set it to an address of rank 0's host, in all ranks",
        "RANK=0 WORLD_SIZE=2 MASTER_ADDR=a MASTER_PORT=65536|MASTER_PORT=65536: 1 to 65535",
        "RANK=0 WORLD_SIZE=2 MASTER_ADDR=a EXPERTLANE_PORT=0|EXPERTLANE_PORT=0: 1 to 65535",
        "RANK=0 WORLD_SIZE=2 MASTER_ADDR=a EXPERTLANE_SECRET=short|EXPERTLANE_SECRET length=5: 8 to 1024 characters, the same for all ranks and known to nobody else"})
    void refusesInALine(final String variables, final String message) {
        assertThatThrownBy(() -> read(variables)).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
    }

    @Test
    void doesNotShowItsSecret() {
        assertThat(read("RANK=3 WORLD_SIZE=4 MASTER_ADDR=a").toString()).isEqualTo("rank 3 of 4 at a:29431");
    }
}
