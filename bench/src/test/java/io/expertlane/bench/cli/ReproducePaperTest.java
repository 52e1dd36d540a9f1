package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class ReproducePaperTest {
    @TempDir
    private Path folder;

    @Test
    void aClaimIsSimulatedAndJudged() throws IOException {
        final JsonNode row = CommandRun.of("reproduce", "--figure", "single-rail", "--json", "--out", folder)
            .succeeded().json().get(0);
        assertThat(row.get("figure").asString()).isEqualTo("single-rail");
        final double low = row.get("simulatedLow").doubleValue();
        final double high = row.get("simulatedHigh").doubleValue();
        assertThat(low).isLessThanOrEqualTo(high);
        assertThat(high).as("fewer switches take less time").isNegative();
        assertThat(row.get("inside").booleanValue()).isEqualTo(high >= -20.05 && low <= -14.25);
        assertThat(Files.readString(folder.resolve("reproduction.md")))
            .contains("## single-rail", "| dispatch, nodes by links | 16 |", "images/reproduction-single-rail.png");
        assertThat(folder.resolve("images/reproduction-single-rail.svg")).isNotEmptyFile();
        assertThat(folder.resolve("images/reproduction-single-rail.png")).isNotEmptyFile();
    }

    @Test
    void refusesBadInput() {
        CommandRun.of("reproduce", "--figure", "h3").refused("--figure=h3", "h1-issue", "share");
        CommandRun.of("reproduce", "--figure", "l1-ports", "--esft", folder.resolve("none"))
            .refused("esft=", "expected a folder");
    }
}
