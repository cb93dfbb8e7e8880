#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a window owns and what outlives it; late windows; who may do what while they run."""
import json
import os
import select
import time
from pathlib import Path

import _harness as harness
import _leaks
from _live import send

COUNTERS = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, __u32); __type(value, __u64); } hash SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 16); __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct { __u32 length; __u32 data; }); __type(value, __u64); } trie SEC(".maps");
__u64 zeroed;
__u64 preset = 1000;
SEC("xdp") int count(struct xdp_md *ctx)
{
    __u32 key = 7;
    struct { __u32 length, data; } prefix = {32, 7};
    __u64 one = 1, *n = bpf_map_lookup_elem(&hash, &key);
    if (n) __sync_fetch_and_add(n, 1); else bpf_map_update_elem(&hash, &key, &one, BPF_ANY);
    n = bpf_map_lookup_elem(&trie, &prefix);
    if (n) __sync_fetch_and_add(n, 1); else bpf_map_update_elem(&trie, &prefix, &one, BPF_ANY);
    __sync_fetch_and_add(&zeroed, 1);
    __sync_fetch_and_add(&preset, 1);
    return XDP_DROP;
}
char LICENSE[] SEC("license") = "GPL";
"""

# 4,096 rows that are never zero: 200 kB of JSON a window, more than a pipe holds.
BULKY = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4096); __type(key, __u32); __type(value, __u64); } rows SEC(".maps");
static long fill(__u64 i, void *context)
{
    __u32 key = i;
    __u64 *value = bpf_map_lookup_elem(&rows, &key);
    if (value)
        *value = ~0ULL;
    return 0;
}
SEC("xdp") int bulky(struct xdp_md *ctx)
{
    bpf_loop(4096, fill, 0, 0);
    return XDP_DROP;
}
char LICENSE[] SEC("license") = "GPL";
"""


STAMP = """
BPF_ARRAY(stamp, u64, 1);
int handle_rx(struct CTXTYPE *ctx)
{
    int first = 0;
    u64 now = EPOCH_BASE + bpf_ktime_get_ns();
    stamp.update(&first, &now);
    return RX_OK;
}
"""


def busy_windows(box, net, *args, bursts=3, each=10):
    """Sends bursts, each within a window of its own; returns the windows that saw packets."""
    weir = box.inject(net.right, "-b", box.file("counters.bpf.c", COUNTERS), "-t", "0.4", *args)
    weir.window()  # the grid is known from here on
    found = []
    for _ in range(bursts):
        send(net, each)
        while True:
            window = weir.window()
            if window["packets"]["entered"]:
                break
        found.append(window)
    weir.signal(harness.signal.SIGTERM)
    assert weir.wait() == 0, weir.stderr
    assert [w["packets"]["entered"] for w in found] == [each] * bursts
    return found


def values(windows, table, member=None):
    read = [w["tables"][table]["entries"][0]["value"] for w in windows]
    return [v[member] for v in read] if member else read


def test_windowed_maps_begin_empty_and_persistent_ones_go_on(box):
    windows = busy_windows(box, box.net())
    assert values(windows, "hash") == [10, 10, 10]
    assert values(windows, ".bss", "zeroed") == [10, 10, 10]
    assert values(windows, ".data", "preset") == [1010, 1010, 1010], "not reset to its image in the object"
    assert values(windows, "trie") == [10, 20, 30]
    assert windows[0]["tables"]["trie"]["class"] == "persistent"


def test_the_command_line_changes_the_class_of_a_map(box):
    windows = busy_windows(box, box.net(), "--persist", "hash", "--persist", ".data")
    assert values(windows, "hash") == [10, 20, 30]
    assert values(windows, ".data", "preset") == [1010, 1020, 1030]
    assert windows[0]["tables"]["hash"]["class"] == "persistent"
    windows = busy_windows(box, box.net(), "--window", "trie")
    assert values(windows, "trie") == [10, 10, 10], "an LPM trie is kept unless it is asked for"


def test_maps_that_are_not_there_or_cannot_be_windowed_are_refused(box):
    net = box.net()
    source = box.file("counters.bpf.c", COUNTERS)
    events = box.file("events.bpf.c", COUNTERS.replace("__u64 zeroed;", """
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
__u64 zeroed;"""))
    for probe, option, name in ((source, "--persist", "nothing"), (events, "--window", "events")):
        weir = box.inject(net.right, "-b", probe, option, name)
        assert weir.wait() == 2 and f"{option} {name}" in weir.stderr, weir.stderr


def test_settings_reach_constants_and_sizes(box):
    net = box.net()
    source = box.file("counters.bpf.c", COUNTERS)
    weir = box.inject(net.right, "-b", source, "--set", "counters.hash.max_entries=1k", "-t", "0.05", "--windows", "1")
    assert weir.window()["tables"]["hash"]["capacity"] == 1024
    for wrong in ("counters.hash.max_entries=0", "counters.nothing=1", "other.hash.max_entries=1", "counters=1"):
        weir = box.inject(net.right, "-b", source, "--set", wrong)
        assert weir.wait() == 2 and "--set" in weir.stderr, f"{wrong}: {weir.stderr}"


def test_epoch_base_makes_unix_time_of_the_kernels_clock(box):
    net = box.net()
    weir = box.inject(net.right, "-b", box.file("stamp.c", STAMP), "-t", "30")
    harness.wait_attached(weir)
    send(net, 1)
    time.sleep(0.05)
    weir.signal(harness.signal.SIGINT)
    window = weir.window()
    stamp = window["tables"]["stamp"]["entries"][0]["value"]
    assert window["start_ns"] <= stamp <= window["end_ns"], (window["start_ns"], stamp, window["end_ns"])


def test_empty_windows_are_windows(box):
    net = box.net()
    weir = box.inject(net.right, "-t", "0.05", "--windows", "5")
    windows = weir.windows()
    assert weir.wait() == 0
    assert [w["window"] for w in windows] == [1, 2, 3, 4, 5]
    assert all(w["packets"]["entered"] == 0 and w["tables"]["flows"]["rows"] == 0 for w in windows)


def test_a_reader_that_stalls_makes_windows_late_and_loses_nothing(box):
    net = box.net()
    fifo = box.folder / "windows"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    weir = box.inject(net.right, "-b", box.file("bulky.bpf.c", BULKY), "-t", "0.1", "--output", fifo)
    harness.wait_attached(weir)
    text, sent, stalled_until = b"", 0, time.monotonic() + 1.5
    while time.monotonic() < stalled_until:  # nobody reads: the pipe fills, the worker blocks
        send(net, 5)
        sent += 5
        time.sleep(0.02)
    weir.signal(harness.signal.SIGTERM)
    while weir.popen.poll() is None or select.select([reader], [], [], 0)[0]:
        if select.select([reader], [], [], 0.1)[0]:
            chunk = os.read(reader, 1 << 16)
            text += chunk
            if not chunk and weir.popen.poll() is not None:
                break
    os.close(reader)
    assert weir.wait() == 0, weir.stderr
    windows = [json.loads(line) for line in text.splitlines()]
    assert harness.entered(windows) == sent
    assert max(w["late"] for w in windows) >= 5, [w["late"] for w in windows]
    for before, after in zip(windows, windows[1:]):
        assert before["end_ns"] == after["start_ns"], "a gap between windows"
        assert after["window"] == before["window"] + 1


def test_a_program_that_somebody_detaches_is_told_of(box):
    net = box.net()
    before = set(_leaks.ids("link"))
    weir = box.inject(net.right, "-t", "0.1")
    weir.window()
    link, = set(_leaks.ids("link")) - before
    _leaks.detach_link(link)
    assert weir.wait() == 4 and "detached" in weir.stderr, weir.stderr
    assert weir.windows(), "the open window was not reported"


def test_worker_threads_have_no_capabilities(box):
    net = box.net()
    weir = box.inject(net.right, "-t", "0.1")
    weir.window()
    # `ip netns exec` becomes weir by exec: the process is the one that was started.
    threads = list(Path(f"/proc/{weir.popen.pid}/task").iterdir())
    effective = []
    for thread in threads:
        for line in (thread / "status").read_text().splitlines():
            if line.startswith("CapEff:"):
                effective.append((thread.name == str(weir.popen.pid), int(line.split()[1], 16)))
    engine = [bits for is_main, bits in effective if is_main]
    workers = [bits for is_main, bits in effective if not is_main]
    assert engine == [1 << 39 | 1 << 38 | 1 << 12], f"engine thread: {engine}"  # BPF, PERFMON, NET_ADMIN
    assert workers == [0], f"worker threads: {workers}"


if __name__ == "__main__":
    harness.main(globals())
