package io.expertlane.bench.cli;

import io.expertlane.kernel.moe.GroupLimit;
import picocli.CommandLine.Option;

/** Node-limited routing: the same for {@code exchange} and {@code simulate}. */
final class GroupOptions {
    private static final int DEFAULT_GROUPS = 8;

    @Option(names = "--topk-groups", paramLabel = "G",
        description = "Node-limited routing, as DeepSeek-V3 has it with 4: experts are in groups, and a token selects "
            + "from its best G only. "
            + "Default: no limit.")
    private Integer perToken;

    @Option(names = "--groups", paramLabel = "N",
        description = "With --topk-groups: groups of experts, a divisor of the experts. Default: 8.")
    private Integer groups;

    /** What the options say. */
    GroupLimit limit() {
        if (perToken == null) {
            if (groups != null) {
                throw new UsageException("--groups", groups, "only together with --topk-groups");
            }
            return GroupLimit.NONE;
        }
        return new GroupLimit(groups == null ? DEFAULT_GROUPS : groups, perToken);
    }
}
