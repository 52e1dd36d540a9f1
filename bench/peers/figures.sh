#!/usr/bin/env bash
# The figures that the kernel's speed is held to, in one table with their aims: "expertlane figures" and the comparison with MPI (mpi/run.sh).
# Takes about 25 minutes. The machine should do nothing else.
#
# Arguments go to the figures command, as: --pairs 9. Environment: that of mpi/run.sh. Needs: what mpi/run.sh needs.
set -euo pipefail
unset CDPATH

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# MPI first: what it lacks shows at once.
"$here/mpi/run.sh" > "$work/mpi" || exit $?
"$here/../bin/expertlane" figures "$@" > "$work/table"
cat "$work/mpi"
echo
# Two rows more in the columns of the command's table.
cat "$work/table"
sed -n 's/^times as fast as MPI, medians: dispatch \([0-9.]*\), combine \([0-9.]*\)$/dispatch \1 2.5\ncombine \2 5/p' "$work/mpi" |
    awk -v heading="$(head -n 1 "$work/table")" '{
        name = "LL " $1 (($1 == "combine") ? ", pulled" : "") ", times as fast as MPI"
        aim = index(heading, "aim"); ratio = index(heading, "ratio") + 5; interval = index(heading, "90 %") + 13; reached = index(heading, "reached") + 7
        printf "%-*s>= %.2f", aim - 1, name, $3
        printf "%*.2f%*s%*s\n", ratio - aim - 7, $2, interval - ratio, "-", reached - interval, ($2 >= $3) ? "yes" : "no"
    }'
