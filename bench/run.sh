#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every benchmark; the figures go to build/bench/*.json. Exits 1 when a target is missed.
set -u
build=${WEIR_BUILD_DIR:-build}
cmake --build "$build" --target bench_datapath bench_extract >/dev/null || exit 1
mkdir -p "$build/bench"
status=0
"$build/bench_datapath" "$build/bench/datapath.json" || status=1
"$build/bench_extract" "$build/bench/extract.json" || status=1
/usr/bin/python3 bench/startup.py "$build/bench/startup.json" || status=1
exit $status
