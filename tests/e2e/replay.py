#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weir replay against tshark: every frame of every capture is counted once, in windows that begin and end
where this script computes it from tshark's times. The captures are third-party data beside the repository,
not part of it; the rest of the tests writes its own."""
import gzip
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess

import _harness as harness

CAPTURES = harness.SHARED_DATA / "captures"
NS = 10**9

FIRST_TIME = """#include <weir/probe.h>
WEIR_MAP(times, ARRAY, __u32, __u64, 2);
WEIR_PROBE(first_time) {
    __u32 first = 0, count = 1;
    __u64 *time = bpf_map_lookup_elem(&times, &first), *seen = bpf_map_lookup_elem(&times, &count);
    if (!time || !seen)
        return WEIR_PASS;
    if (*seen == 0)
        *time = weir_now();
    *seen += 1;
    return WEIR_PASS;
}
"""


# ------------------------------------------------------------------------------------------ tools
def pcap(frames, link_type=1, nanoseconds=True):
    """A classic pcap of [(time in ns, bytes)]."""
    out = struct.pack("<IHHiIII", 0xA1B23C4D if nanoseconds else 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type)
    for time_ns, data in frames:
        part = time_ns % NS if nanoseconds else time_ns % NS // 1000
        out += struct.pack("<IIII", time_ns // NS, part, len(data), len(data)) + data
    return out


def write(box, name, content):
    path = box.folder / name
    path.write_bytes(content)
    return path


def replay(box, path, *args, **options):
    return box.start(harness.WEIR, "replay", "--format", "json", *args, path,
                     env={"WEIR_CACHE": str(box.folder / "cache"), **options})


def windows_of(process, code=0):
    found = []
    while (line := process.line(60)) is not None:
        found.append(json.loads(line))
    got = process.wait()
    assert got == code, f"exit {got} instead of {code}: {process.command}\n{process.stderr}"
    return found


def without_timings(windows):
    return [{key: value for key, value in window.items() if key != "timings_us"} for window in windows]


def unseen(windows):
    return sum(sum(window["health"]["unseen"].values()) for window in windows)


def tshark_times(path):
    """Nanoseconds of every frame that tshark reads, in the file's order. Broken files hold fractions of more
    than a second, or less than none: tshark prints them as they stand, a minus in front of all."""
    text = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.time_epoch"],
                          capture_output=True, text=True).stdout
    found = re.findall(r"^(-?)(\d+)\.(\d{9,})$", text, re.MULTILINE)
    assert len(found) == len(text.split()), text
    return [int(seconds) * NS + int(sign + fraction) for sign, seconds, fraction in found]


def expected_windows(times, window_ns, rule):
    """[(start, end, frames, skipped)], from the definition: each frame by itself, no running state but the
    windows so far."""
    windows = [[times[0], times[0] + window_ns, [], 0]]
    for time in times:
        is_over = time >= windows[-1][1] if rule == "fixed" else time > windows[-1][1]
        if is_over and rule == "fixed":
            place = (time - times[0]) // window_ns
            start = times[0] + place * window_ns
            empty = (start - windows[-1][1]) // window_ns
            if empty:
                windows.append([windows[-1][1], start, [], empty])
            windows.append([start, start + window_ns, [], 0])
        elif is_over:
            windows.append([time, time + window_ns, [], 0])
        windows[-1][2].append(time)
    windows[-1][1] = max([windows[-1][0], *windows[-1][2]])  # the file's end closes it with its latest packet
    return [(start, end, len(inside), empty) for start, end, inside, empty in windows]


def told(windows):
    return [(w["start_ns"], w["end_ns"], w["packets"]["entered"] + unseen([w]), w.get("skipped", 0)) for w in windows]


# ------------------------------------------------------------------------------------------ captures
def test_every_capture_is_cut_where_tsharks_times_say(box):
    if shutil.which("tshark") is None:
        raise harness.Skip("tshark is not installed", is_kernel=False)
    captures = sorted(path for path in CAPTURES.glob("*/*") if ".pcap" in path.name or path.suffix == ".cap")
    if not captures:
        raise harness.Skip(f"no captures in {CAPTURES}", is_kernel=False)
    wrong, frames = [], 0
    for path in captures:
        times = tshark_times(path)
        frames += len(times)
        for rule, seconds in (("fixed", "1"), ("lucid", "10")):
            weir = replay(box, path, "--window-rule", rule, "-t", seconds, "--max-rows", "0")
            got = told(windows_of(weir))
            expected = expected_windows(times, int(seconds) * NS, rule)
            if got != expected:
                wrong.append(f"{path.name} {rule}")
                print(f"     {wrong[-1]}: {got[:4]} instead of {expected[:4]} {weir.stderr}", flush=True)
    print(f"     {len(captures)} captures, {frames} frames, two rules", flush=True)
    assert not wrong, wrong


def test_two_runs_print_the_same_but_for_their_timings(box):
    path = CAPTURES / "attack" / "ddosgrid-synflood.pcap"
    if not path.exists():
        raise harness.Skip(f"no {path}", is_kernel=False)
    runs = [without_timings(windows_of(replay(box, path, "-t", "2"))) for _ in range(2)]
    assert len(runs[0][0]["tables"]["flows"]["entries"]) > 100
    assert json.dumps(runs[0]) == json.dumps(runs[1]), "also the order of rows"


if __name__ == "__main__":
    harness.main(globals())
