package io.expertlane.nic.profile;

/**
 * How completions of one queue pair share entries of the completion queue, 64 bytes each over PCI Express. A failure is
 * told at once, behind what waits.
 *
 * @param mode        what an entry holds
 * @param count       completions that fill an entry, 1 to 65536, with {@code COMPRESSED} at most {@value
 *                    #MAX_COMPRESSED}; 1 for {@code EACH}
 * @param periodNanos how long the first of them waits for others, 0 to 1e9; 0 for {@code EACH}
 */
public record CompletionProfile(Mode mode, int count, double periodNanos) {
    /** Completions in a compressed entry: a 64-byte entry of mlx5 holds an array of 8 mini entries. */
    public static final int MAX_COMPRESSED = 8;

    /** What an entry holds. */
    public enum Mode {
        /** One completion. */
        EACH,
        /**
         * The newest of several: it stands for all before it. Moderation by count and time, as of {@code
         * ibv_modify_cq}.
         */
        MODERATED,
        /** Several, each with its index. Compression, as of {@code mlx5dv_create_cq}. */
        COMPRESSED
    }

    /** Checks every field. */
    public CompletionProfile {
        Range.checkPresent("nic.completions.mode", mode);
        Range.check("nic.completions.count", count, 1,
            mode == Mode.EACH ? 1 : mode == Mode.COMPRESSED ? MAX_COMPRESSED : 65_536);
        Range.check("nic.completions.periodNanos", periodNanos, 0, mode == Mode.EACH ? 0 : 1e9);
    }

    /** An entry for each completion, at once. */
    public static CompletionProfile each() {
        return new CompletionProfile(Mode.EACH, 1, 0);
    }
}
