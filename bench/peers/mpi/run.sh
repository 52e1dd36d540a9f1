#!/usr/bin/env bash
# Expertlane's low-latency exchange against the same exchange written with MPI_Alltoall and MPI_Alltoallv (exchange.c), on identical shapes:
# ranks in shared memory, each on a core of its own. The two run in turn, ROUNDS times; medians are compared.
#
# Needs: gcc and Open MPI (apt-get install gcc openmpi-bin libopenmpi-dev), JDK 25, the jar of "mvn package".
# Environment: RANKS (2), TOKENS (128), HIDDEN (7168), TOPK (8), EXPERTS (256), ROUNDS (3).
set -euo pipefail
unset CDPATH

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
ranks=${RANKS:-2} tokens=${TOKENS:-128} hidden=${HIDDEN:-7168} topk=${TOPK:-8} experts=${EXPERTS:-256} rounds=${ROUNDS:-3}

fail() {
    echo "$1" >&2
    exit 2
}

for value in "$ranks" "$tokens" "$hidden" "$topk" "$experts" "$rounds"; do
    [[ $value =~ ^[1-9][0-9]*$ ]] || fail "RANKS, TOKENS, HIDDEN, TOPK, EXPERTS and ROUNDS must be positive numbers, not $value"
done
command -v mpicc > /dev/null || fail "mpicc is missing: apt-get install openmpi-bin libopenmpi-dev"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mpicc -O3 -march=native -Wall -Wextra -o "$work/exchange" "$here/exchange.c"

# Open MPI refuses root unless told that it is meant. With "huge", its rows lie in huge pages where the system offers them, as ours do.
mpi() {
    GLIBC_TUNABLES=glibc.malloc.hugetlb=$([ "$1" = huge ] && echo 1 || echo 0) OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun \
        --bind-to core --mca btl self,vader -n "$ranks" "$work/exchange" "$tokens" "$hidden" "$topk" "$experts" 200
}

# Prints nanoseconds of dispatch and of combine.
ours() {
    "$root/bench/bin/expertlane" jmh 'LowLatencyBenchmark\.(dispatch|combine)$' -p ranks="$ranks" -p tokens="$tokens" -p hidden="$hidden" \
        -p topK="$topk" -p experts="$experts" -p dispatchType=BF16 -p combine=PULL -f 1 -wi 6 -w 1 -i 5 -r 1 -rf csv -rff "$work/ours.csv" \
        > "$work/ours.log" 2>&1 || { cat "$work/ours.log" >&2; fail "the benchmark failed"; }
    awk -F, '/LowLatencyBenchmark/ {gsub(/"/, ""); score[$1 ~ /dispatch/ ? "d" : "c"] = $5} END {printf "%.0f %.0f\n", score["d"], score["c"]}' \
        "$work/ours.csv"
}

echo "$ranks ranks x $tokens tokens, hidden $hidden, top-$topk of $experts, BF16; times in us"
printf '%-6s %12s %12s %9s %12s %12s %9s\n' round 'MPI dispatch' 'huge pages' ours 'MPI combine' 'huge pages' ours
for ((round = 1; round <= rounds; round++)); do
    read -r plain_dispatch plain_combine < <(mpi plain)
    read -r huge_dispatch huge_combine < <(mpi huge)
    read -r our_dispatch our_combine < <(ours)
    echo "$plain_dispatch $huge_dispatch $our_dispatch $plain_combine $huge_combine $our_combine" >> "$work/times"
    awk -v round="$round" 'END {printf "%-6s %12.0f %12.0f %9.0f %12.0f %12.0f %9.0f\n", round, $1 / 1e3, $2 / 1e3, $3 / 1e3, $4 / 1e3, $5 / 1e3, $6 / 1e3}' "$work/times"
done
median() {
    awk -v column="$1" '{print $column}' "$work/times" | sort -n | awk '{value[NR] = $1} END {print value[int((NR + 1) / 2)]}'
}
times() {
    awk -v dispatch="$(median "$2")" -v our_dispatch="$(median 3)" -v combine="$(median "$3")" -v our_combine="$(median 6)" -v than="$1" \
        'BEGIN {printf "times as fast as %s, medians: dispatch %.2f, combine %.2f\n", than, dispatch / our_dispatch, combine / our_combine}'
}
times 'MPI with its rows in huge pages' 2 5
times MPI 1 4
