package io.expertlane.kernel.bootstrap;

import java.util.Map;
import java.util.Optional;

/**
 * Which rank this process is, and where the ranks meet, as the program that started it says by environment variables.
 *
 * <pre>{@code
 * RankEnvironment here = RankEnvironment.of(System.getenv()).orElseThrow();
 * try (Rendezvous rendezvous = Rendezvous.join(here, layout, timeoutNanos)) {
 *     long job = rendezvous.job();
 *     ...
 * }
 * }</pre>
 *
 * @param rank    0 to {@code ranks} - 1
 * @param ranks   processes of the job, 1 to 4096
 * @param address where rank 0 listens: an address of one interface of its host
 * @param port    the port there, 1 to 65535
 * @param secret  known to the ranks of the job only
 */
public record RankEnvironment(int rank, int ranks, String address, int port, String secret) {
    /** The variable that holds the secret. */
    public static final String SECRET = "EXPERTLANE_SECRET";
    /** The variable that holds the port, where the starter keeps {@code MASTER_PORT} for itself. */
    public static final String PORT = "EXPERTLANE_PORT";
    /** The port where no variable names one. */
    public static final int DEFAULT_PORT = 29_431;
    /** The most ranks of a job. */
    public static final int MAX_RANKS = 4096;
    /** The shortest secret. */
    public static final int MIN_SECRET_CHARS = 8;
    private static final int MAX_SECRET_CHARS = 1024;
    private static final int MAX_PORT = 65_535;
    /** By starter: the variables of rank and ranks. Open MPI comes before Slurm, which sets its own for mpirun, too. */
    private static final String[][] STARTERS = {
        {"RANK", "WORLD_SIZE"}, {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"}, {"SLURM_PROCID", "SLURM_NTASKS"}};

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException naming the variable that holds a value out of its range
     */
    public RankEnvironment {
        require("WORLD_SIZE", ranks, 1, MAX_RANKS);
        require("RANK", rank, 0, ranks - 1);
        require("MASTER_PORT", port, 1, MAX_PORT);
        if (address.isBlank()) {
            throw new IllegalArgumentException("MASTER_ADDR=" + address + ": an address of rank 0's host");
        }
        if (secret.length() < MIN_SECRET_CHARS || secret.length() > MAX_SECRET_CHARS) {
            throw new IllegalArgumentException(SECRET + " length=" + secret.length() + ": " + MIN_SECRET_CHARS + " to " + MAX_SECRET_CHARS
                + " characters, the same for all ranks and known to nobody else");
        }
    }

    /** Hides the secret. */
    @Override
    public String toString() {
        return "rank " + rank + " of " + ranks + " at " + address + ":" + port;
    }

    /**
     * Reads the variables of torchrun, Open MPI or Slurm.
     *
     * @return empty if there are none
     * @throws IllegalArgumentException naming the variable that is missing, no number, or out of its range
     */
    public static Optional<RankEnvironment> of(final Map<String, String> variables) {
        for (final String[] starter : STARTERS) {
            if (variables.containsKey(starter[0])) {
                final int ranks = number(variables, starter[1], 1, MAX_RANKS);
                final int rank = number(variables, starter[0], 0, ranks - 1);
                return Optional.of(new RankEnvironment(rank, ranks, address(variables, ranks), port(variables), variables.getOrDefault(SECRET, "")));
            }
        }
        return Optional.empty();
    }

    private static String address(final Map<String, String> variables, final int ranks) {
        final String given = variables.get("MASTER_ADDR");
        if (given != null) {
            return given;
        }
        final boolean isOneHost = Integer.toString(ranks).equals(variables.get("OMPI_COMM_WORLD_LOCAL_SIZE"))
            || "1".equals(variables.get("SLURM_NNODES")) || "1".equals(variables.get("SLURM_JOB_NUM_NODES"));
        if (isOneHost) {
            return "127.0.0.1";
        }
        throw new IllegalArgumentException("MASTER_ADDR=none: set it to an address of rank 0's host, in all ranks");
    }

    /** torchrun listens on MASTER_PORT itself; so the next one is taken. */
    private static int port(final Map<String, String> variables) {
        if (variables.containsKey(PORT)) {
            return number(variables, PORT, 1, MAX_PORT);
        }
        if (!variables.containsKey("MASTER_PORT")) {
            return DEFAULT_PORT;
        }
        final int port = number(variables, "MASTER_PORT", 1, MAX_PORT);
        return "True".equals(variables.get("TORCHELASTIC_USE_AGENT_STORE")) ? port % MAX_PORT + 1 : port;
    }

    private static int number(final Map<String, String> variables, final String name, final int least, final int most) {
        final String text = variables.get(name);
        try {
            final int value = Integer.parseInt(String.valueOf(text));
            require(name, value, least, most);
            return value;
        } catch (final NumberFormatException e) {
            throw new IllegalArgumentException(name + "=" + (text == null ? "none" : text) + ": a number from " + least + " to " + most, e);
        }
    }

    private static void require(final String name, final int value, final int least, final int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(name + "=" + value + ": " + least + " to " + most);
        }
    }
}
