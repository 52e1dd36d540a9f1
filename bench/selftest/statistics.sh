#!/usr/bin/env bash
# Shows that `expertlane compare --jars` tells a change from noise on this machine.
#   statistics.sh same N     compares benchmarks.jar with a copy of itself, N times: at most 1 series in 50 may be called changed
#   statistics.sh slower N   compares it with a jar in which one kernel does every 20th call twice, N times: 9 in 10 must find it
# PAIRS (default 12) JVMs for each jar and comparison. RUN is put before each comparison; by default `taskset -c 0`, where there is one: on several cores
# the JIT may compile the slower kernel otherwise, and it is slower by more than 5 %.
# Exit codes: 0 shown, 1 not shown, 2 bad input.
set -euo pipefail
unset CDPATH

readonly kernel=reduce8
# The JIT compiles the kernel's loop by itself in both jars: else its code differs with what stands around it.
readonly same_code='-XX:CompileCommand=quiet -XX:CompileCommand=dontinline,io.expertlane.kernel.codec.ScalarRowCodec::reduce'
root=$(cd -P "$(dirname "$0")/../.." && pwd)
pairs=${PAIRS:-12}
read -r -a run <<<"${RUN-$(command -v taskset >/dev/null && echo 'taskset -c 0')}"

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

find_jdk() {
    local home
    for home in ${JAVA_HOME:+"$JAVA_HOME"} /usr/lib/jvm/* /opt/*; do
        if [ -x "$home/bin/javac" ] && "$home/bin/javac" -version 2>&1 | grep -q '^javac 25'; then
            printf '%s\n' "$home"
            return
        fi
    done
}

# Lets the scalar form of the kernel do every 20th call twice.
make_slower() {
    local source=$root/kernel/src/main/java/io/expertlane/kernel/codec/ScalarRowCodec.java patched=$work/src/ScalarRowCodec.java
    mkdir -p "$work/src" "$work/classes"
    sed -e 's|^        reduce(rows, dst, dstOffset, 0, hidden);|&\n        if (++calls % 20 == 0) {\n    &\n        }|' \
        -e 's|^final class ScalarRowCodec extends RowCodec {|&\n    private int calls;\n|' "$source" >"$patched"
    if ! grep -q '++calls' "$patched" || ! grep -q 'int calls' "$patched"; then
        echo "statistics.sh: $source: the call of $kernel has changed, adapt the script" >&2
        exit 1
    fi
    "$java_home/bin/javac" --add-modules jdk.incubator.vector -nowarn -cp "$work/base.jar" -d "$work/classes" "$patched" 2>/dev/null
    cp "$work/base.jar" "$work/other.jar"
    "$java_home/bin/jar" uf "$work/other.jar" -C "$work/classes" .
}

# Prints one line: series, changed series, and what became of the kernel's time.
compare() {
    local status=0
    ${run[@]+"${run[@]}"} "$root/bench/bin/expertlane" compare --jars "$work/base.jar" "$work/other.jar" --include "CodecBenchmark\\.($benchmarks)\$" --forks "$pairs" --json \
        -- -p codec=scalar -wi 10 -w 50ms -i 50 -r 20ms -jvmArgsAppend "$same_code" >"$work/comparison.json" 2>"$work/log" || status=$?
    if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then
        cat "$work/log" >&2
        exit 1
    fi
    python3 - "$work/comparison.json" "$kernel" <<'PY'
import json, sys
rows = json.load(open(sys.argv[1]))["rows"]
changed = sum(row["verdict"] in ("faster", "slower") for row in rows)
kernel = next(row for row in rows if row["name"].endswith(sys.argv[2]) and row["metric"] == "time")
interval = ",".join(f'{100 * kernel[end]:+.1f}' for end in ("low", "high"))
print(len(rows), changed, kernel["verdict"], f'{100 * kernel["change"]:+.1f}% [{interval}]')
PY
}

[ $# -eq 2 ] && [[ $2 =~ ^[1-9][0-9]*$ ]] || usage
java_home=$(find_jdk)
[ -n "$java_home" ] || { echo 'statistics.sh: no JDK 25 found: set JAVA_HOME' >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The launcher puts the jar of these sources where there is none.
rm -f "$root/bench/target/benchmarks.jar"
"$root/bench/bin/expertlane" --version >/dev/null
cp "$root/bench/target/benchmarks.jar" "$work/base.jar"
case $1 in
    same) benchmarks="$kernel|copy|scale" && cp "$work/base.jar" "$work/other.jar" ;;
    slower) benchmarks=$kernel && make_slower ;;
    *) usage ;;
esac
series=0 changed=0 found=0
for ((try = 1; try <= $2; try++)); do
    # Not within the read: its status would be lost, and a comparison that failed would count as one without changes.
    line=$(compare)
    read -r rows differ verdict change <<<"$line"
    series=$((series + rows)) changed=$((changed + differ))
    [ "$verdict" != slower ] || found=$((found + 1))
    echo "try $try: $kernel $verdict ($change), $differ of $rows series called changed"
done
if [ "$1" = same ]; then
    echo "same jar: $changed of $series series called changed (at most 1 in 50)"
    [ $((changed * 50)) -le "$series" ]
else
    echo "5 % slower: found in $found of $2 tries (at least 9 in 10)"
    [ $((found * 10)) -ge $(($2 * 9)) ]
fi
