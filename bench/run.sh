#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every benchmark; the figures go to build/bench/*.json. Exits 1 when a target is missed.
set -u
build=${WEIR_BUILD_DIR:-build}
cmake --build "$build" --target bench >/dev/null || exit 1
mkdir -p "$build/bench"
status=0
for name in datapath chain flows live extract; do
    printf '== %s\n' "$name"
    "$build/bench_$name" "$build/bench/$name.json" || status=1
done
printf '== view\n'
"$build/bench_view" "$build/bench/view.json" --benchmark_enable_random_interleaving=true \
    --benchmark_out="$build/bench/view-runs.json" || status=1
printf '== model\n'
model=../shared/data/models/ammar-siddique-10t-10n-DOS2019-LUCID.h5 # a published network, not part of weir
if [ -f "$model" ]; then
    "$build/bench_model" "$build/bench/model.json" "$model" || status=1
else
    printf 'no %s: nothing to measure\n' "$model"
fi
printf '== replay\n'
/usr/bin/python3 -B bench/replay.py "$build/bench/replay.json" || status=1
printf '== startup\n'
/usr/bin/python3 bench/startup.py "$build/bench/startup.json" || status=1
printf '== classic\n'
/usr/bin/python3 -B bench/classic.py "$build/bench/classic.json" || status=1
printf '== python\n'
/usr/bin/python3 -B bench/python.py "$build/bench/python.json" || status=1
exit $status
