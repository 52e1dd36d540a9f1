package io.expertlane.bench.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.expertlane.bench.results.Json;
import io.expertlane.nic.profile.ClusterProfile;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** The schema of clusters says what the records say: the same fields, types and limits. */
class ClusterSchemaTest {
    private static final ClusterProfile CLUSTER = ClusterProfile.ofName(ClusterProfile.DEFAULT_NAME);
    private int limits;

    @Test
    void describesEveryFieldAndItsLimits() {
        check("", Json.mapper().readTree(ProfileJson.clusterSchema()), Json.mapper().valueToTree(CLUSTER));
        assertThat(limits).isGreaterThan(100);
    }

    private void check(final String path, final JsonNode schema, final JsonNode value) {
        if (value.isObject()) {
            assertThat(new TreeSet<>(schema.get("properties").propertyNames())).as(path)
                .isEqualTo(new TreeSet<>(value.propertyNames()));
            assertThat(schema.get("required").size()).isEqualTo(value.size());
            assertThat(schema.get("additionalProperties").booleanValue()).isFalse();
            for (final String name : value.propertyNames()) {
                check(path.isEmpty() ? name : path + "." + name, schema.at("/properties/" + name), value.get(name));
            }
            return;
        }
        final String type = schema.get("type").stringValue();
        assertThat(type).as(path).isEqualTo(
            value.isString() ? "string" : value.isBoolean() ? "boolean" : value.isIntegralNumber() ? "integer"
            : "number");
        if (!path.equals("name")) {
            assertThat(schema.has("description")).as(path + " is described").isTrue();
        }
        if (schema.has("enum")) {
            schema.get("enum").forEach(each ->
                assertThat(ProfileJson.with(CLUSTER, path, each.asString())).isNotNull());
            limits++;
        }
        if (schema.has("minimum")) {
            refused(path, schema.get("minimum"), -1);
        }
        if (schema.has("maximum")) {
            refused(path, schema.get("maximum"), 1);
        }
    }

    private void refused(final String path, final JsonNode limit, final int direction) {
        final double beyond = limit.doubleValue() + direction * Math.max(1, Math.abs(limit.doubleValue()) * 1e-3);
        final String text = limit.isIntegralNumber() ? Long.toString(Math.round(beyond)) : Double.toString(beyond);
        assertThatThrownBy(() -> ProfileJson.with(CLUSTER, path, text)).as(path + "=" + text)
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining(path.substring(path.lastIndexOf('.') + 1));
        limits++;
    }

    @Test
    void fieldsAreChangedByTheirPath() {
        assertThat(ProfileJson.with(CLUSTER, "nic.pcie.lanes", "8").nic().pcie().lanes()).isEqualTo(8);
        assertThat(ProfileJson.with(CLUSTER, "inNode.link", "NVLINK").inNode().link().name()).isEqualTo("NVLINK");
        for (final String path : new String[] {"nic.speed", "speed", "nic.ports.x", "", "nic", "nic.pcie"}) {
            assertThatThrownBy(() -> ProfileJson.with(CLUSTER, path, "1")).as(path)
                .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void allPresetsAreReadBackAsTheyAre() {
        for (final String name : ClusterProfile.names()) {
            final ClusterProfile cluster = ClusterProfile.ofName(name);
            assertThat(ProfileJson.read(Json.text(cluster), ClusterProfile.class)).isEqualTo(cluster);
            assertThat(cluster.name()).isEqualTo(name);
        }
    }
}
