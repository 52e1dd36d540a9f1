package io.expertlane.bench.cli;

import io.expertlane.bench.results.Json;
import io.expertlane.bench.scenario.ModelProfile;
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

/** Prints a cluster or a model as JSON, to be changed and given to {@code simulate}. */
@Command(
    name = "profile",
    description = {
        "Prints the parameters of a cluster or model as JSON, to be changed and given to simulate --cluster or "
            + "--model;",
        "or the schema of clusters."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ProfileCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "NAME|FILE.json", arity = "0..1", defaultValue = ClusterProfile.DEFAULT_NAME,
        description = "A cluster: h20-cx7-dual, h800-cx7, h100-cx7, h20-roce, or a file, which is checked; or a model: "
            + "deepseek-v3, qwen3-235b, "
            + "kimi-k2, mixtral-8x7b, deepseek-v2-lite. Default: ${DEFAULT-VALUE}.")
    private String name;

    @Option(names = "--schema",
        description = "Print the JSON schema of clusters: types, limits, what each field means.")
    private boolean schema;

    @Override
    public Integer call() throws IOException {
        final PrintWriter out = spec.commandLine().getOut();
        out.println(schema ? ProfileJson.clusterSchema() : Json.text(profile()));
        out.flush();
        return 0;
    }

    private Record profile() throws IOException {
        return ModelProfile.names().contains(name) ? ModelProfile.ofName(name)
            : ProfileFile.read("NAME", name, ClusterProfile.class, ClusterProfile.names(), ClusterProfile::ofName);
    }
}
