package io.expertlane.bench.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.results.Json;
import io.expertlane.bench.results.ReaderTarget;
import io.expertlane.kernel.fuzz.FuzzSuite;
import io.expertlane.kernel.fuzz.FuzzTarget;
import io.expertlane.kernel.fuzz.Mutator;
import io.expertlane.nic.profile.ClusterProfile;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Descriptions of models and clusters, as files and as single fields. */
class ProfileFuzzTest extends FuzzSuite {

    @Override
    protected List<FuzzTarget> targets() {
        return List.of(target("model", ModelProfile.class, ModelProfile.names().stream().map(ModelProfile::ofName).toList()),
            target("cluster", ClusterProfile.class, ClusterProfile.names().stream().map(ClusterProfile::ofName).toList()), field());
    }

    private static <T extends Record> FuzzTarget target(final String name, final Class<T> type, final List<T> presets) {
        final List<byte[]> seeds = presets.stream().map(preset -> Json.text(preset).getBytes(StandardCharsets.UTF_8)).toList();
        return ReaderTarget.of(name, Mutator.ofText(seeds, "PACKET", "MESSAGE", "\"NIC\"", "4096", "400", "0.001"), input -> {
            final T read = ProfileJson.read(new String(input, StandardCharsets.UTF_8), type);
            assertThat(ProfileJson.read(Json.text(read), type)).isEqualTo(read);
        });
    }

    /** {@code FIELD=VALUE}, as {@code simulate --set} has it. */
    private static FuzzTarget field() {
        final ClusterProfile cluster = ClusterProfile.ofName(ClusterProfile.DEFAULT_NAME);
        final List<byte[]> seeds = List.of("nic.mtuBytes=1024", "nic.pcie.lanes=16", "fabric.switches.pause.xoffBytes=200000", "name=x", "host.issue=PROXY",
            "fabric.switches.queues=true").stream().map(text -> text.getBytes(StandardCharsets.UTF_8)).toList();
        return ReaderTarget.of("field", Mutator.ofText(seeds, "nic", ".", "..", "~0", "~1", "fabric", "lanes", "mtuBytes", "4096"), input -> {
            final String text = new String(input, StandardCharsets.UTF_8);
            final int equals = text.indexOf('=');
            if (equals < 1) {
                throw new IllegalArgumentException("no field");
            }
            final ClusterProfile changed = ProfileJson.with(cluster, text.substring(0, equals), text.substring(equals + 1));
            assertThat(ProfileJson.with(changed, text.substring(0, equals), text.substring(equals + 1))).isEqualTo(changed);
        });
    }
}
