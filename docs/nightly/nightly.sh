#!/usr/bin/env bash
# One night: measure, look for changes, write the dashboard. Settings come from the environment:
#   EXPERTLANE_HOME     checkout of the project          (default: the one this file is in)
#   EXPERTLANE_PRESET   what to run                      (default: nightly)
#   EXPERTLANE_RESULTS  folder of the runs               (default: $EXPERTLANE_HOME/results)
#   EXPERTLANE_SITE     folder of the dashboard          (default: $EXPERTLANE_HOME/report)
#   EXPERTLANE_UPDATE   yes to pull the newest commit    (default: no)
# Exit codes: 0 nothing slower, 1 a benchmark failed, 2 bad input or interrupted, 3 a regression. An interrupted night keeps and shows what was
# done.
set -euo pipefail
unset CDPATH

home=${EXPERTLANE_HOME:-$(cd -P "$(dirname "$0")/../.." && pwd)}
preset=${EXPERTLANE_PRESET:-nightly}
results=${EXPERTLANE_RESULTS:-$home/results}
site=${EXPERTLANE_SITE:-$home/report}
expertlane=$home/bench/bin/expertlane

if [ "${EXPERTLANE_UPDATE:-no}" = yes ]; then
    git -C "$home" pull --ff-only --quiet
fi

measured=0
"$expertlane" bench --preset "$preset" --results "$results" || measured=$?

changed=0
"$expertlane" history --results "$results" || changed=$?
"$expertlane" report --results "$results" --out "$site"

[ "$measured" -eq 0 ] || exit "$measured"
exit "$changed"
