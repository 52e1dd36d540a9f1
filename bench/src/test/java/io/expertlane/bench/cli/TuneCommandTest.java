package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class TuneCommandTest {
    private static final Object[] WORKLOAD = {"--model", "qwen3-235b", "--ep", 8, "--tokens", 16, "--granularity",
        "message"};

    private static CommandRun tune(final Object... options) {
        final Object[] all = new Object[1 + WORKLOAD.length + options.length];
        all[0] = "tune";
        System.arraycopy(WORKLOAD, 0, all, 1, WORKLOAD.length);
        System.arraycopy(options, 0, all, 1 + WORKLOAD.length, options.length);
        return CommandRun.of(all);
    }

    @Test
    void ranksSettingsByWhatSimulateSays() {
        final JsonNode tuning = tune("--objective", "dispatch", "--json").succeeded().json();
        final JsonNode candidates = tuning.get("candidates");
        assertThat(candidates.size())
            .as("two splits of three segments and four chunks; the given setting is one of them").isEqualTo(14);
        for (int i = 1; i < candidates.size(); i++) {
            assertThat(candidates.get(i).get("micros").doubleValue())
                .isGreaterThanOrEqualTo(candidates.get(i - 1).get("micros").doubleValue());
        }
        final double given = tuning.at("/given/micros").doubleValue();
        final JsonNode best = candidates.get(0);
        assertThat(best.get("margin").doubleValue()).isEqualTo(1 - best.get("micros").doubleValue() / given)
            .isGreaterThanOrEqualTo(0);
        final Object[] simulate = new Object[WORKLOAD.length + 2];
        simulate[0] = "simulate";
        simulate[1] = "--json";
        System.arraycopy(WORKLOAD, 0, simulate, 2, WORKLOAD.length);
        assertThat(CommandRun.of(simulate).succeeded().json().at("/dispatch/latencyMicros/max").doubleValue())
            .isEqualTo(given);
    }

    @Test
    void printsATable() {
        assertThat(tune("--top", 2).succeeded().out()).contains("exchange of 14 settings (simulated)", "given:")
            .hasLineCount(6);
    }

    @Test
    void refusesBadInput() {
        tune("--objective", "cost").refused("--objective=cost", "dispatch, combine, exchange, step");
        tune("--top", 0).refused("--top=0", "1 to 1000");
        tune("--tokenz", 3).refused("--tokenz");
        tune("--trace", "t.json").refused("--trace=t.json", "not with tune");
        tune("--attribute").refused("--attribute", "not with tune");
        tune("--step", "fused").refused("--step=fused", "not with tune");
        CommandRun.of("tune", "--tokens", 0).refused("expertlane: --tokens=0: 1 to");
        CommandRun.of("tune", "--tokens", "x").refused("expertlane: --tokens=x: 'x' is not an int");
        CommandRun.of("tune", "--ep", 7).refused("expertlane: experts=256: a multiple of --ep=7");
        CommandRun.of("tune", "--mode", "ht", "--channels", 65).refused("expertlane: --channels=65: 1 to 64");
        CommandRun.of("tune", "--queue-depth", 5).refused("expertlane: --queue-depth=5: a power of two");
    }
}
