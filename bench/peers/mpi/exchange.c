/*
 * The low-latency exchange as one would write it with MPI collectives: dispatch packs every (token, selection) row, with its 16-byte header,
 * into a send buffer grouped by destination rank and expert, tells the counts with MPI_Alltoall and sends the rows with MPI_Alltoallv;
 * combine sends the expert outputs, which lie in received order, back with MPI_Alltoallv and sums the top-k rows of each token with their
 * weights in fp32. Experts are the identity. The result is checked in every run: with weights that add up to 1 the sum is the token itself.
 *
 * Usage: mpirun -n RANKS exchange TOKENS HIDDEN TOPK EXPERTS CALLS
 * Prints one line: "dispatch_ns combine_ns", the medians over CALLS of the slowest rank's time.
 */
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 16, MAX_TOP_K = 32, WARMUP_CALLS = 50 };

static int ranks, rank, tokens, hidden, top_k, experts, local_experts;
static size_t row_bytes, message_bytes;

static uint64_t random_state;

static uint32_t next_random(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33);
}

static void *allocate(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (memory == NULL) {
        fprintf(stderr, "no memory for %zu bytes\n", bytes);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    memset(memory, 0, bytes);
    return memory;
}

/* top_k different experts for each token. */
static void draw_routing(int *chosen) {
    for (int t = 0; t < tokens; t++) {
        for (int k = 0; k < top_k; k++) {
            int expert, again;
            do {
                expert = (int)(next_random() % (uint32_t)experts);
                again = 0;
                for (int j = 0; j < k; j++) {
                    again |= chosen[t * top_k + j] == expert;
                }
            } while (again);
            chosen[t * top_k + k] = expert;
        }
    }
}

static void reduce_token(uint16_t *restrict out, const uint16_t *const *rows, const float *weights) {
    enum { BLOCK = 512 };
    float sum[BLOCK];
    for (int from = 0; from < hidden; from += BLOCK) {
        const int length = hidden - from < BLOCK ? hidden - from : BLOCK;
        memset(sum, 0, sizeof sum);
        for (int k = 0; k < top_k; k++) {
            const uint16_t *restrict row = rows[k] + from;
            const float weight = weights[k];
            for (int i = 0; i < length; i++) {
                union { uint32_t bits; float value; } x = {.bits = (uint32_t)row[i] << 16};
                sum[i] += weight * x.value;
            }
        }
        for (int i = 0; i < length; i++) {
            union { float value; uint32_t bits; } x = {.value = sum[i]};
            out[from + i] = (uint16_t)((x.bits + 0x7fff + (x.bits >> 16 & 1)) >> 16);
        }
    }
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (argc != 6) {
        fprintf(stderr, "usage: mpirun -n RANKS exchange TOKENS HIDDEN TOPK EXPERTS CALLS\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    tokens = atoi(argv[1]);
    hidden = atoi(argv[2]);
    top_k = atoi(argv[3]);
    experts = atoi(argv[4]);
    const int calls = atoi(argv[5]);
    if (tokens < 1 || hidden < 1 || top_k < 1 || top_k > MAX_TOP_K || experts < top_k || experts % ranks != 0 || calls < 1) {
        fprintf(stderr, "tokens, hidden, calls >= 1; topk 1 to %d; experts a multiple of the ranks and at least topk\n", MAX_TOP_K);
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    local_experts = experts / ranks;
    row_bytes = (size_t)hidden * 2;
    message_bytes = HEADER_BYTES + row_bytes;
    random_state = (uint64_t)rank + 1;

    const int selections = tokens * top_k;
    int *chosen = allocate(sizeof(int) * (size_t)selections);
    int *place = allocate(sizeof(int) * (size_t)selections);
    float weights[MAX_TOP_K];
    uint16_t *x = allocate((size_t)tokens * row_bytes);
    uint16_t *combined = allocate((size_t)tokens * row_bytes);
    char *sent = allocate((size_t)selections * message_bytes);
    char *returned = allocate((size_t)selections * row_bytes);
    int *counts = allocate(sizeof(int) * (size_t)experts);
    int *received_counts = allocate(sizeof(int) * (size_t)experts);
    int *next = allocate(sizeof(int) * (size_t)experts);
    int *out_bytes = allocate(sizeof(int) * (size_t)ranks), *out_at = allocate(sizeof(int) * (size_t)ranks);
    int *in_bytes = allocate(sizeof(int) * (size_t)ranks), *in_at = allocate(sizeof(int) * (size_t)ranks);
    int *out_rows = allocate(sizeof(int) * (size_t)ranks), *in_rows = allocate(sizeof(int) * (size_t)ranks);
    draw_routing(chosen);
    for (int k = 0; k < top_k; k++) {
        weights[k] = 1.0f / (float)top_k;
    }
    for (size_t i = 0; i < (size_t)tokens * (size_t)hidden; i++) {
        /* Normal numbers in [1, 2): with weights 1 / 2^n their mean is exact. */
        x[i] = (uint16_t)(0x3f80 | (next_random() & 0x7f));
    }
    /* Room for the worst case, as ours has: every rank sends everything here. */
    const size_t most = (size_t)selections * (size_t)ranks;
    char *received = allocate(most * message_bytes);
    char *outputs = allocate(most * row_bytes);

    double *dispatch_ns = allocate(sizeof(double) * (size_t)calls), *combine_ns = allocate(sizeof(double) * (size_t)calls);
    for (int call = -WARMUP_CALLS; call < calls; call++) {
        MPI_Barrier(MPI_COMM_WORLD);
        const double start = MPI_Wtime();
        memset(counts, 0, sizeof(int) * (size_t)experts);
        for (int s = 0; s < selections; s++) {
            counts[chosen[s]]++;
        }
        MPI_Request counting;
        MPI_Ialltoall(counts, local_experts, MPI_INT, received_counts, local_experts, MPI_INT, MPI_COMM_WORLD, &counting);
        int total = 0;
        for (int e = 0; e < experts; e++) {
            next[e] = total;
            total += counts[e];
        }
        for (int t = 0; t < tokens; t++) {
            for (int k = 0; k < top_k; k++) {
                const int at = next[chosen[t * top_k + k]]++;
                char *message = sent + (size_t)at * message_bytes;
                const int header[4] = {t, rank, call, 0};
                memcpy(message, header, HEADER_BYTES);
                memcpy(message + HEADER_BYTES, x + (size_t)t * (size_t)hidden, row_bytes);
                place[t * top_k + k] = at;
            }
        }
        MPI_Wait(&counting, MPI_STATUS_IGNORE);
        int out = 0, in = 0;
        for (int r = 0; r < ranks; r++) {
            out_rows[r] = in_rows[r] = 0;
            for (int e = 0; e < local_experts; e++) {
                out_rows[r] += counts[r * local_experts + e];
                in_rows[r] += received_counts[r * local_experts + e];
            }
            out_bytes[r] = out_rows[r] * (int)message_bytes;
            in_bytes[r] = in_rows[r] * (int)message_bytes;
            out_at[r] = out * (int)message_bytes;
            in_at[r] = in * (int)message_bytes;
            out += out_rows[r];
            in += in_rows[r];
        }
        MPI_Alltoallv(sent, out_bytes, out_at, MPI_BYTE, received, in_bytes, in_at, MPI_BYTE, MPI_COMM_WORLD);
        double dispatched = MPI_Wtime() - start;

        for (int row = 0; row < in; row++) {
            memcpy(outputs + (size_t)row * row_bytes, received + (size_t)row * message_bytes + HEADER_BYTES, row_bytes);
        }
        MPI_Barrier(MPI_COMM_WORLD);
        const double computed = MPI_Wtime();
        for (int r = 0, back = 0, forth = 0; r < ranks; r++) {
            out_bytes[r] = in_rows[r] * (int)row_bytes;
            in_bytes[r] = out_rows[r] * (int)row_bytes;
            out_at[r] = back * (int)row_bytes;
            in_at[r] = forth * (int)row_bytes;
            back += in_rows[r];
            forth += out_rows[r];
        }
        MPI_Alltoallv(outputs, out_bytes, out_at, MPI_BYTE, returned, in_bytes, in_at, MPI_BYTE, MPI_COMM_WORLD);
        for (int t = 0; t < tokens; t++) {
            const uint16_t *rows[MAX_TOP_K];
            for (int k = 0; k < top_k; k++) {
                rows[k] = (const uint16_t *)(returned + (size_t)place[t * top_k + k] * row_bytes);
            }
            reduce_token(combined + (size_t)t * (size_t)hidden, rows, weights);
        }
        double summed = MPI_Wtime() - computed;
        MPI_Allreduce(MPI_IN_PLACE, &dispatched, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
        MPI_Allreduce(MPI_IN_PLACE, &summed, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
        if (call >= 0) {
            dispatch_ns[call] = dispatched * 1e9;
            combine_ns[call] = summed * 1e9;
        }
    }
    if ((top_k & (top_k - 1)) == 0 && memcmp(combined, x, (size_t)tokens * row_bytes) != 0) {
        fprintf(stderr, "rank %d: a combined row differs from its token\n", rank);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    if (rank == 0) {
        printf("%.0f %.0f\n", median(dispatch_ns, calls), median(combine_ns, calls));
    }
    MPI_Finalize();
    return 0;
}
