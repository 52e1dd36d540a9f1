package io.expertlane.bench.cli;

import io.expertlane.bench.results.Json;
import io.expertlane.bench.scenario.ProfileJson;
import io.expertlane.nic.profile.ClusterProfile;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints a cluster as JSON, to be changed and given to {@code simulate --cluster}. */
@Command(
    name = "profile",
    description = "Prints the parameters of a cluster as JSON, to be changed and given to simulate --cluster; or their schema.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ProfileCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "NAME|FILE.json", arity = "0..1", defaultValue = ClusterProfile.DEFAULT_NAME,
        description = "h20-cx7-dual, h800-cx7, h100-cx7, h20-roce, or a file, which is checked. Default: ${DEFAULT-VALUE}.")
    private String cluster;

    @Option(names = "--schema", description = "Print the JSON schema of clusters: types, limits, what each field means.")
    private boolean schema;

    @Override
    public Integer call() throws IOException {
        final PrintWriter out = spec.commandLine().getOut();
        out.println(schema ? ProfileJson.clusterSchema()
            : Json.text(ProfileFile.read("NAME", cluster, ClusterProfile.class, ClusterProfile.names(), ClusterProfile::ofName)));
        out.flush();
        return 0;
    }
}
