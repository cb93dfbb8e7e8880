#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Extractors in Python, on live traffic: what on_window(window) sees, what becomes of what it returns, and that
nothing a script does stops the counting."""
import json
import os
import random
import re
import struct
import subprocess
import textwrap
import time

import _harness as harness

PROBE = """
#include <linux/bpf.h>
#include <linux/in6.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
enum colour { RED, GREEN = 7 };
struct inner { __u8 a; __u32 b; };
struct wide {
    __u64 packets;
    struct inner inner;
    __u16 list[3];
    __be16 port;
    __be32 address;
    struct in6_addr six;
    char text[8];
    enum colour colour;
    bool is_set;
    __s8 small;
    struct { __u32 hidden; };
    union { __u32 word; __u8 bytes[4]; };
    __u32 low : 3, high : 29;
    double number;
    struct inner grid[2][2];
};
struct packed { __u8 a; __u64 b; __u16 c; } __attribute__((packed));
struct key { __be32 address; __u16 number; __u16 pad; };
#define MAP(NAME, KIND, KEY, VALUE, COUNT)                                                         \\
    struct { __uint(type, BPF_MAP_TYPE_##KIND); __uint(max_entries, COUNT); __type(key, KEY); __type(value, VALUE); } \\
    NAME SEC(".maps")
#define LIST(NAME, KIND, VALUE, COUNT)                                                             \\
    struct { __uint(type, BPF_MAP_TYPE_##KIND); __uint(max_entries, COUNT); __type(value, VALUE); } NAME SEC(".maps")
MAP(wide, HASH, struct key, struct wide, 64);
MAP(words, ARRAY, __u32, __u32, 5);
MAP(packed, ARRAY, __u32, struct packed, 4);
MAP(cpus, PERCPU_ARRAY, __u32, __u32, 3);
MAP(per_cpu, PERCPU_HASH, __u32, struct packed, 8);
MAP(lru, LRU_HASH, __u64, __u8, 8);
LIST(queue, QUEUE, struct packed, 256);
LIST(stack, STACK, __u32, 256);
__u64 total;
__u16 shorts[3];
SEC("xdp") int count(struct xdp_md *ctx)
{
    struct key key = {bpf_htonl(0x0a000001), 9, 0};
    static const struct wide first = {
        .packets = 0, .inner = {1, 2}, .list = {3, 4, 5}, .port = bpf_htons(443), .address = bpf_htonl(0xc0a80001),
        .text = "weir", .colour = GREEN, .is_set = true, .small = -3, .hidden = 11, .word = 0x01020304,
        .low = 5, .high = 6, .number = 2.5, .grid = {{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}};
    struct wide *w = bpf_map_lookup_elem(&wide, &key);
    if (!w) {
        bpf_map_update_elem(&wide, &key, &first, BPF_ANY);
        w = bpf_map_lookup_elem(&wide, &key);
    }
    if (w) { __sync_fetch_and_add(&w->packets, 1); w->six.in6_u.u6_addr8[15] = 1; }
    __u32 three = 3, one = 1, zero = 0, *word = bpf_map_lookup_elem(&words, &three);
    if (word) __sync_fetch_and_add(word, 1);
    struct packed row = {1, 2, 3}, *p = bpf_map_lookup_elem(&packed, &one);
    if (p) { p->a = 1; p->b += 1; p->c = 9; }
    word = bpf_map_lookup_elem(&cpus, &one);
    if (word) *word += 1;
    bpf_map_update_elem(&per_cpu, &three, &row, BPF_ANY);
    __u64 long_key = 1ull << 40; __u8 byte = 200;
    bpf_map_update_elem(&lru, &long_key, &byte, BPF_ANY);
    row.b = total;
    bpf_map_push_elem(&queue, &row, 0);
    word = (__u32 *)&total;
    bpf_map_push_elem(&stack, word, 0);
    shorts[1] = 77;
    __sync_fetch_and_add(&total, 1);
    return XDP_DROP;
}
char LICENSE[] SEC("license") = "GPL";
"""

WHERE = """
def where(array):
    # What /proc says of the memory that an array lies in.
    at = array.__array_interface__["data"][0]
    for line in open("/proc/self/maps"):
        begin, end = (int(each, 16) for each in line.split()[0].split("-"))
        if begin <= at < end:
            return line.split(None, 5)[-1].strip()
"""


# ------------------------------------------------------------------------------------------ tools
def script(box, text, name="mine.py"):
    return box.file(name, textwrap.dedent(text))


def start(box, net, extractor, *args, window="0.3", probe=None, **options):
    """weir with the probe; packets are counted when this returns."""
    weir = box.inject(net.right, "-b", probe or box.file("counter.bpf.c", PROBE), "-e", extractor, "-t", window, *args,
                      **options)
    harness.wait_attached(weir, 40)
    return weir


def send(net, count):
    """From one CPU, so that the probe's counters need no atomics."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    with net.raw_socket(net.left) as raw:
        for _ in range(count):
            raw.send(harness.frame())
    os.sched_setaffinity(0, before)


def stop(weir):
    """All windows that are left, after Ctrl-C."""
    weir.signal(harness.signal.SIGINT)
    found = weir.windows(30)
    assert weir.wait(30) == 0, weir.stderr
    return found


def errors(windows):
    return [error for window in windows for error in window["health"].get("errors", [])]


def refused(box, net, extractor, *args):
    """(exit code, standard error) of a start that fails; nothing was attached."""
    weir = box.inject(net.right, "-b", box.file("counter.bpf.c", PROBE), "-e", extractor, *args)
    code = weir.wait(40)
    assert weir.windows() == [], "it ran"
    return code, weir.stderr


def run_with_packets(box, text, count=20, **options):
    """The windows of a script on `count` packets; no errors."""
    net = box.net()
    weir = start(box, net, script(box, text), **options)
    send(net, count)
    windows = stop(weir)
    assert harness.entered(windows) == count, windows
    assert errors(windows) == [], errors(windows)
    return windows, weir


def filled(windows):
    found = [window for window in windows if window["packets"]["entered"]]
    assert found, "no window saw a packet"
    return found


# ------------------------------------------------------------------------------------------ what it sees
SEE_ALL = """
import sys
assert "numpy" not in sys.modules
def plain(thing):
    # Nested records as dictionaries.
    if hasattr(thing, "dtype") and thing.dtype.names:
        if thing.shape:
            return [plain(each) for each in thing]
        return {name: plain(thing[name]) for name in thing.dtype.names}
    found = thing.tolist() if hasattr(thing, "tolist") else thing
    return found.decode() if isinstance(found, bytes) else found
def on_window(window):
    if window.packets.entered == 0:
        return None
    return {"tables": {name: plain(window.tables[name]) for name in window.tables if not name.startswith(".ro")},
            "dtypes": {name: str(window.tables["wide"].dtype["value"][name]) for name in ("port", "address", "packets")}}
"""


def check_all(window, cpus):
    seen, count = window["extractor"]["tables"], window["packets"]["entered"]
    wide = seen["wide"][0]
    assert len(seen["wide"]) == 1 and wide["key"] == {"address": 0x0A000001, "number": 9, "pad": 0}, wide
    assert wide["value"] == {
        "packets": count, "inner": {"a": 1, "b": 2}, "list": [3, 4, 5], "port": 443, "address": 0xC0A80001,
        "six": [0] * 15 + [1], "text": "weir", "colour": 7, "is_set": True, "small": -3, "hidden": 11,
        "word": 0x01020304, "bytes": [4, 3, 2, 1], "number": 2.5,
        "grid": [[{"a": 1, "b": 2}, {"a": 3, "b": 4}], [{"a": 5, "b": 6}, {"a": 7, "b": 8}]]}, wide["value"]
    assert window["extractor"]["dtypes"] == {"port": ">u2", "address": ">u4", "packets": "uint64"}
    assert seen["words"] == [0, 0, 0, count, 0], seen["words"]
    nothing = {"a": 0, "b": 0, "c": 0}
    assert seen["packed"] == [nothing, {"a": 1, "b": count, "c": 9}, nothing, nothing], seen["packed"]
    assert [len(each) for each in seen["cpus"]] == [cpus] * 3 and sum(seen["cpus"][1]) == count, seen["cpus"]
    assert sum(seen["cpus"][0]) == sum(seen["cpus"][2]) == 0, seen["cpus"]
    (row,) = seen["per_cpu"]
    assert row["key"] == 3 and len(row["value"]) == cpus and {"a": 1, "b": 2, "c": 3} in row["value"], row
    assert seen["lru"] == [{"key": 1 << 40, "value": 200}], seen["lru"]
    assert sorted(each["b"] for each in seen["queue"]) == list(range(count)), seen["queue"]
    assert sorted(seen["stack"], reverse=True) == list(range(count))[::-1], seen["stack"]
    assert seen[".bss"] == [{"total": count, "shorts": [0, 77, 0]}], seen[".bss"]


def check_kinds(box, disabled):
    windows, _ = run_with_packets(box, SEE_ALL, env={"WEIR_DISABLE": disabled})
    for window in filled(windows):
        check_all(window, len(window["tables"]["cpus"]["entries"][0]["cpus"]))
    return windows


def test_every_kind_of_map_and_type_is_an_array(box):
    windows = check_kinds(box, "")
    assert filled(windows)[0]["tables"]["wide"]["read"] == "drain", windows


def test_the_arrays_are_alike_however_the_maps_are_read(box):
    check_kinds(box, "drain")
    check_kinds(box, "drain,mmap,batch")


def test_facts_alerts_context_and_teardown(box):
    windows, weir = run_with_packets(box, """
        import numpy as np
        seen = {}
        def setup(context):
            seen.update(vars(context))
        def on_window(window):
            window.alert(src="10.0.0.1", dst=np.uint32(0x0a000002), sport=5, dport=np.uint16(80), protocol="TCP",
                         packets=np.uint64(9), score=np.float32(0.5), reason='"x"')
            window.alert(src=bytes(15) + b"\\1", reason="six")
            facts = {name: getattr(window, name) for name in (
                "number", "probe", "interface", "start_ns", "end_ns", "start", "end", "duration", "late")}
            return {"context": seen, "window": facts, "packets": vars(window.packets), "none": window.tensor,
                    "numpy": [np.int64(1), np.float32(0.5), np.nan, np.arange(3)]}
        def teardown():
            print("torn down")
    """)
    for window in windows:
        said = window["extractor"]
        assert said["context"] == {"probe": "counter", "interface": window["interface"], "window": 0.3, "model": None,
                                   "is_replay": False}, said
        facts = said["window"]
        assert all(facts[name] == window[name] for name in ("start_ns", "end_ns", "late", "probe", "interface"))
        assert facts["number"] == window["window"] and abs(facts["start"] - facts["start_ns"] / 1e9) < 1e-6
        assert abs(facts["duration"] - (facts["end_ns"] - facts["start_ns"]) / 1e9) < 1e-6
        assert said["packets"] == {"entered": window["packets"]["entered"], "recorded": None, "beyond": None,
                                   "untracked": None, "ignored": None}
        assert said["none"] is None and said["numpy"] == [1, 0.5, None, [0, 1, 2]], said
        assert window["alerts"] == [
            {"src": "10.0.0.1", "dst": "10.0.0.2", "sport": 5, "dport": 80, "protocol": "TCP", "packets": 9,
             "score": 0.5, "reason": '"x"'}, {"src": "::1", "reason": "six"}], window["alerts"]
    assert weir.stderr.count("torn down") == 1, weir.stderr


TENSOR = WHERE + """
import numpy as np
def on_window(window):
    tensor = window.tensor
    if len(tensor) == 0:
        return None
    floats = tensor.to_float32("ip_length", ("ip_length", 0.5), ("time", 1, "first_packet"))
    mask = np.arange(tensor.packets_per_flow) < tensor.recorded[:, None]
    assert floats.shape == (len(tensor), tensor.packets_per_flow, 3) and floats.dtype == np.float32
    assert (floats[..., 0] == tensor.packets["ip_length"]).all()
    assert (floats[..., 1] == tensor.packets["ip_length"] * 0.5).all()
    assert (floats[..., 2].min(axis=1) == 0).all() and (floats[..., 2].max(axis=1) > 0).any()
    assert ((tensor.packets["ip_length"] > 0) == mask).all() and mask.sum() == window.packets.recorded
    assert tensor.to_float32().shape[2] == len(tensor.features)
    for wrong, kind in ((("nothing",), KeyError), ((("time", 1, "middle"),), ValueError)):
        try:
            tensor.to_float32(*wrong)
            assert False
        except kind:
            pass
    assert window.tables["flows"] is tensor.flows
    return {"flows": len(tensor), "where": where(tensor.flows), "packets": where(tensor.packets),
            "is_written": tensor.packets.flags.writeable or tensor.flows.flags.writeable,
            "ports": sorted(tensor.flows["key"]["destination_port"].tolist()),
            "first": tensor.features[0]._asdict(), "outcomes": vars(window.packets)}
"""


def udp(port, length=40):
    """A frame from 10.0.0.1:1000 to 10.0.0.2:port."""
    head = struct.pack(">HHHH", 1000, port, 8 + length, 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(head) + length, 1, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
    return harness.frame(ether_type=0x0800, payload=ip + head + bytes(length))


def test_the_flow_tensor_is_a_view_and_float32_in_one_pass(box):
    net = box.net()
    weir = start(box, net, script(box, TENSOR), probe="ddos")
    with net.raw_socket(net.left) as raw:
        for i in range(60):
            raw.send(udp(2000 + i % 3, length=20 + i % 3))
    windows = stop(weir)
    assert errors(windows) == [], errors(windows)
    said = [window for window in windows if window["extractor"]]
    assert sum(window["packets"]["entered"] for window in said) >= 60
    for window in said:
        found = window["extractor"]
        assert found["where"] == found["packets"] == "anon_inode:bpf-map" and not found["is_written"], found
        assert found["outcomes"] == window["packets"] and found["flows"] == window["flows"], window
        assert found["first"]["name"] == "time" and found["first"]["unit"] == "ns", found
    assert any(window["extractor"]["ports"] == [2000, 2001, 2002] for window in said), said


COPIES = """#include <weir/probe.h>
#include <weir/copy.h>
WEIR_PROBE(copies) { weir_copy_packet(p); return WEIR_PASS; }
"""


def test_packets_that_the_probe_copies(box):
    net = box.net()
    weir = start(box, net, script(box, """
        import time
        seen = []
        def on_packet(packet):
            seen.append([packet.length, len(packet.data), packet.data[-8:-4].hex(), abs(time.time() - packet.time) < 5])
            if packet.data[50] == 9:
                raise ValueError("nine")
        def on_window(window):
            found = seen[:]
            seen.clear()
            return found
    """), probe=box.file("copies.bpf.c", COPIES))
    frames = [harness.frame(payload=bytes(36) + bytes([i]) * 40) for i in range(20)]
    with net.raw_socket(net.left) as raw:
        for frame in frames:
            raw.send(frame)
    windows = stop(weir)
    seen = [packet for window in windows for packet in window["extractor"]]
    assert seen == [[90, 90, f"{i:02x}" * 4, True] for i in range(20)], seen
    (error,) = errors(windows)
    assert "on_packet, 1 times: " in error and "line 7, in on_packet" in error and "nine" in error, error


# ------------------------------------------------------------------------------------------ memory
def test_arrays_lie_in_the_maps_and_cannot_be_written(box):
    windows, _ = run_with_packets(box, WHERE + """
def on_window(window):
    if window.packets.entered == 0:
        return None
    found = {}
    for name in ("wide", "words", "packed", "queue", "stack", ".bss"):
        array = window.tables[name]
        found[name] = where(array)
        assert window.tables[name] is array
        for write in (lambda: array.__setitem__(0, array[0]), lambda: array.setflags(write=True)):
            try:
                write()
                found[name] += " was written"
            except ValueError:
                pass
    return found
""")
    for window in filled(windows):
        assert set(window["extractor"].values()) == {"anon_inode:bpf-map"}, window["extractor"]


KEEP = WHERE + """
import weir
kept, last = [], None
NAMES = ("wide", "words", "packed", "cpus", "per_cpu", "queue", "stack", ".bss")
def on_window(window):
    global last
    changed = [name for name, array, then, _ in kept if array.tobytes() != then]
    mapped = [name for name, array, _, _ in kept if where(array) == "anon_inode:bpf-map"]
    try:
        closed = last is None or last.tables["words"] is None
    except weir.Error as error:
        closed = error.code == "Invalid" and "the window is over" in str(error)
    if window.packets.entered:
        kept.extend((name, window.tables[name], window.tables[name].tobytes(), window.number) for name in NAMES)
    last = window
    return {"changed": changed, "mapped": mapped, "closed": closed, "kept": len(kept)}
"""


def check_kept(box, disabled, least):
    net = box.net()
    weir = start(box, net, script(box, KEEP), window="0.2", env={"WEIR_DISABLE": disabled})
    sent = 0
    seen = []
    deadline = time.monotonic() + 60
    while len(filled_or_none(seen)) < 5:
        assert time.monotonic() < deadline
        send(net, 7)
        sent += 7
        seen.append(weir.window())
    windows = seen + stop(weir)
    assert harness.entered(windows) == sent and errors(windows) == [], errors(windows)
    for window in windows:
        said = window["extractor"]
        assert said["changed"] == said["mapped"] == [] and said["closed"], said
        escaped = window["health"].get("escaped", 0)
        assert escaped >= least if window["packets"]["entered"] else escaped == 0, window["health"]
        # What people see of the window lies where the tables are now.
        assert sum(each["value"]["b"] for each in window["tables"]["packed"]["entries"]) == window["packets"]["entered"]
    assert windows[-1]["extractor"]["kept"] >= 40


def filled_or_none(windows):
    return [window for window in windows if window["packets"]["entered"]]


def test_an_array_that_is_kept_keeps_its_content(box):
    check_kept(box, "", 5)  # words, packed, queue, stack, .bss; a small hash is copied anyway


def test_kept_arrays_keep_their_content_however_the_maps_are_read(box):
    check_kept(box, "drain,mmap", 3)  # queue, stack, .bss
    check_kept(box, "drain,mmap,batch", 3)


KEEP_TENSOR = """
kept = []
def on_window(window):
    changed = sum(array.tobytes() != then or seen.tobytes() != seen_then for array, then, seen, seen_then in kept)
    tensor = window.tensor
    if len(tensor):
        kept.append((tensor.flows, tensor.flows.tobytes(), tensor.packets, tensor.packets.tobytes()))
    return [changed, len(kept)]
"""


def test_a_tensor_that_is_kept_keeps_its_content(box):
    for disabled in ("", "mmap"):
        net = box.net()
        weir = start(box, net, script(box, KEEP_TENSOR), "--set", "ddos.max_flows=1k", probe="ddos", window="0.2",
                     env={"WEIR_DISABLE": disabled})
        windows = []
        with net.raw_socket(net.left) as raw:
            while not windows or windows[-1]["extractor"][1] < 5:
                for i in range(20):
                    raw.send(udp(3000 + 7 * len(windows) + i % 7))
                windows.append(weir.window())
        windows += stop(weir)
        assert errors(windows) == [] and not any(window["extractor"][0] for window in windows), windows
        for window in windows:
            assert (window["health"].get("escaped", 0) > 0) == (window["flows"] > 0), window["health"]
            entries = window["tables"]["flows"]["entries"]
            assert sum(entry["value"]["packets"] for entry in entries) == sum(
                window["packets"][name] for name in ("recorded", "beyond")), window["packets"]


def test_numpy_is_imported_by_the_first_table_only(box):
    windows, _ = run_with_packets(box, """
        import sys
        def on_window(window):
            before = "numpy" in sys.modules
            list(window.tables), "words" in window.tables, len(window.tables)
            asked = "numpy" in sys.modules
            if window.packets.entered:
                window.tables["words"]
            return [before, asked, "numpy" in sys.modules]
    """)
    assert windows[0]["extractor"][:2] == [False, False] and filled(windows)[0]["extractor"][2], windows


# ------------------------------------------------------------------------------------------ what goes wrong
WRONG = """
import weir
CASES = [
    lambda window: 1 / 0,
    lambda window: exit(3),
    lambda window: (_ for _ in ()).throw(KeyboardInterrupt()),
    lambda window: object(),
    lambda window: {(1, 2): 3},
    lambda window: CIRCLE,
    lambda window: deep(window),
    lambda window: window.tables["nothing"],
    lambda window: window.alert(sport=70000),
    lambda window: window.alert(packets=-1),
    lambda window: window.alert(score="high"),
    lambda window: (_ for _ in ()).throw(Rude()),
    lambda window: [window.alert(reason="before"), 1 / 0],
]
CIRCLE = []
CIRCLE.append(CIRCLE)
class Rude(BaseException):
    def __str__(self):
        raise ValueError("no")
def deep(window):
    return deep(window)
def on_window(window):
    if window.number <= len(CASES):
        return CASES[window.number - 1](window)
    return "well"
"""
SAID = [r"line 4, in <lambda>\n.*ZeroDivisionError: division by zero", "SystemExit: 3", "KeyboardInterrupt",
        r"TypeError: on_window\(\) returned what is no JSON: Object of type object", "keys must be str", "Circular",
        "RecursionError", "KeyError: .no table 'nothing'; the probe has wide, words", "ValueError: no port: 70000",
        "no number of packets: -1", "could not convert string to float: 'high'", "Rude", "ZeroDivisionError"]


def test_what_a_callback_raises_or_returns_ends_its_turn_only(box):
    net = box.net()
    weir = start(box, net, script(box, WRONG), window="0.1")
    send(net, 50)
    windows = [weir.window() for _ in range(len(SAID) + 2)] + stop(weir)
    assert harness.entered(windows) == 50
    for window, said in zip(windows, SAID):
        (error,) = window["health"]["errors"]
        assert re.search(said, error, re.DOTALL) and error.startswith("extractor mine.py: "), (said, error)
        assert "python/weir" not in error and "extractor" not in window, error
    assert all(window["extractor"] == "well" for window in windows[len(SAID):]), windows


def test_people_are_told_too(box):
    net = box.net()
    weir = box.weir(net.right, "inject", "-b", box.file("counter.bpf.c", PROBE), "-t", "0.3", "-e", script(box, """
        def on_window(window):
            print("printed", window.number)
            if window.number == 2:
                raise ValueError("two")
            return window.number
    """), "--windows", "3", net.right.device)
    assert weir.wait(40) == 0, weir.stderr
    text = ""
    while (line := weir.line()) is not None:
        text += line
    assert all(each in text for each in ("printed 1", "printed 2", "printed 3", "extractor: 1", "extractor: 3",
                                         "ValueError: two", "line 5, in on_window")), text


def test_starts_that_fail_say_where(box):
    net = box.net()
    for text, said in (
            ("def on_window(window):\n    pass\n\nthat was wrong\n", r'mine.py", line 4\n.*SyntaxError'),
            ("import os\nimport nowhere_at_all\n", r"line 2, in <module>.*No module named 'nowhere_at_all'"),
            ("import sys\nsys.exit(5)\n", "line 2, in <module>.*SystemExit: 5"),
            ("def setup(context):\n    raise ValueError(context.probe)\ndef on_window(window): pass\n",
             "line 2, in setup.*ValueError: counter"),
            ("x = 1\n", "mine.py is no extractor: it has neither on_window.*read_program_maps"),
            ("def init(model_path, time_window): pass\n", r"has init\(\) but no read_program_maps\(\)"),
            ("def on_window(window): pass\ndef setup():\n    pass\n", r"TypeError: setup\(\) takes 0 positional")):
        code, stderr = refused(box, net, script(box, text))
        assert code == 2 and re.search(said, stderr, re.DOTALL), (code, stderr)
        assert "python/weir" not in stderr and "_embed" not in stderr, stderr
    assert harness.attached_program(net.right) is None


def test_a_gigabyte_of_prints(box):
    net = box.net()
    text = script(box, """
        line = "x" * (1 << 20)
        def on_window(window):
            for _ in range(512 if window.number <= 2 else 0):
                print(line)
            return window.number
    """)
    output = box.folder / "windows.json"
    weir = box.start(*harness.netpair.NetPair.command(net.right, "sh"), "-c",
                     f"exec {harness.WEIR} inject --format json --output {output} -t 0.3 --windows 4 -b "
                     f"{box.file('counter.bpf.c', PROBE)} -e {text} {net.right.device} >/dev/null 2>&1",
                     env={"WEIR_CACHE": str(box.folder / "cache")})
    weir.end = net.right
    harness.wait_attached(weir, 40)
    send(net, 50)
    assert weir.wait(60) == 0
    windows = [json.loads(line) for line in output.read_text().splitlines()]
    assert harness.entered(windows) == 50 and errors(windows) == []
    assert [window["extractor"] for window in windows] == [1, 2, 3, 4]


def test_json_has_standard_output_to_itself(box):
    windows, weir = run_with_packets(box, """
        import os, subprocess, sys
        def on_window(window):
            print("printed")
            os.write(1, b"written\\n")
            subprocess.run(["echo", "echoed"])
            return 1
    """)
    assert all(window["extractor"] == 1 for window in windows)
    assert all(weir.stderr.count(word) == len(windows) for word in ("printed", "written", "echoed")), weir.stderr


def test_a_callback_over_two_windows_is_told_and_nothing_is_lost(box):
    net = box.net()
    weir = start(box, net, script(box, """
        import weir
        def on_window(window):
            if window.number == 1:
                while True:
                    pass
            if window.number == 2:
                try:
                    while True:
                        pass
                except weir.Overrun:
                    return "came to an end"
            return "well"
    """), window="0.2")
    sent = 0
    windows = []
    while len(windows) < 4:
        send(net, 10)
        sent += 10
        windows.append(weir.window(30))
    windows += stop(weir)
    assert harness.entered(windows) == sent, windows
    assert "extractor" not in windows[0] and "weir.Overrun: " in errors(windows)[0], windows[0]
    assert len(errors(windows)) == 1 and "line 5, in on_window" in errors(windows)[0], errors(windows)
    assert windows[1]["extractor"] == "came to an end" and windows[2]["extractor"] == "well"
    assert sum(window["health"]["late"] for window in windows) > 0, [window["health"] for window in windows]


def test_forks_and_children(box):
    windows, weir = run_with_packets(box, """
        import os, signal, subprocess, sys, time
        def on_window(window):
            if window.packets.entered == 0:
                return None
            if os.fork() == 0:
                return "the child's"
            os.wait()
            if (pid := os.fork()) == 0:
                raise ValueError("the child's")
            os.waitpid(pid, 0)
            listing = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True).stdout
            sleeper = subprocess.Popen(["sleep", "100"])
            sleeper.terminate()
            if (pid := os.fork()) == 0:
                time.sleep(100)
            os.kill(pid, signal.SIGTERM)
            return [listing.count("bpf"), listing.count("->") > 2, sleeper.wait(10), os.waitpid(pid, 0)[1]]
    """)
    for window in filled(windows):
        assert window["extractor"] == [0, True, -15, 15], window["extractor"]
    numbers = [window["window"] for window in windows]
    assert numbers == sorted(set(numbers)), numbers


def test_threads_run_between_windows_and_hold_nothing_up(box):
    net = box.net()
    weir = start(box, net, script(box, """
        import threading, time
        counted, kept = [0], []
        def count():
            while True:
                counted[0] += 1
                time.sleep(0.005)
        threading.Thread(target=count, daemon=True).start()
        threading.Thread(target=count).start()
        def on_window(window):
            if window.packets.entered:
                words = window.tables["words"]
                def look():
                    time.sleep(0.4)
                    kept.append(int(words[3]))
                threading.Thread(target=look).start()
            return [counted[0], kept, window.packets.entered]
    """))
    send(net, 30)
    windows = [weir.window() for _ in range(5)] + stop(weir)
    said = [window["extractor"] for window in windows]
    assert harness.entered(windows) == 30 and errors(windows) == []
    assert all(b[0] - a[0] > 5 for a, b in zip(said[:4], said[1:5])), said
    assert sum(said[4][1]) == sum(each[2] for each in said[:3]), said


def test_signals_stay_weirs(box):
    windows, _ = run_with_packets(box, """
        import signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        def on_window(window):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            return 1
    """)
    assert windows


# ------------------------------------------------------------------------------------------ the classic contract
def classic(box, name, frames, env=None):
    """All windows of examples/NAME.py with its probe on those frames, and weir."""
    net = box.net()
    examples = harness.REPOSITORY / "examples"
    weir = start(box, net, examples / f"{name}.py", probe=examples / f"{name}.c", env=env or {})
    with net.raw_socket(net.left) as raw:
        for frame in frames:
            raw.send(frame)
    windows = stop(weir)
    assert errors(windows) == [] and harness.entered(windows) >= len(frames), errors(windows)
    return windows, weir


def test_the_classic_examples_run_live(box):
    for disabled in ("", "drain,mmap,batch"):
        windows, weir = classic(box, "classic_sessions", [udp(2000 + i % 40) for i in range(400)],
                                {"WEIR_DISABLE": disabled})
        said = [window["extractor"] for window in windows]
        assert [sum(each[name] for each in said) for name in ("records", "packets", "recorded", "bytes")] == [
            400, 400, 400, 400 * 68], said
        assert max(each["sessions"] for each in said) == 40 and "40 sessions, " in weir.stderr, (said, weir.stderr)
        for window in windows:  # what the script drained is in the window all the same
            assert window["tables"]["PACKETS"]["rows"] == window["extractor"]["records"], window["tables"]["PACKETS"]
        windows, weir = classic(box, "classic_batch", [udp(2000) for i in range(30)], {"WEIR_DISABLE": disabled})
        said = [window["extractor"] for window in windows]
        assert sum(each["packets"] for each in said) == 30 and sum(each["bytes"] for each in said) == 30 * 68, said
        syns = [tcp_syn(port) for port in range(1000, 1030)]
        windows, weir = classic(box, "classic_items", syns, {"WEIR_DISABLE": disabled})
        said = [window["extractor"] for window in windows]
        assert sum(each["low"] for each in said) == 24 and sum(each["high"] for each in said) == 6, said
        assert all(each["left"] == 0 for each in said), said


def tcp_syn(port):
    tcp = struct.pack(">HHIIBBHHH", 1000, port, 1, 0, 0x50, 2, 1000, 0, 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
    return harness.frame(ether_type=0x0800, payload=ip + tcp)


# ------------------------------------------------------------------------------------------ replay, examples
def capture(box, frames):
    """A pcap of [(seconds, frame)]."""
    path = box.folder / "frames.pcap"
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1) + b"".join(
        struct.pack("<IIII", int(time_s), round(time_s % 1 * 1e9), len(frame), len(frame)) + frame
        for time_s, frame in frames))
    return path


def replay(box, path, extractor, *args, code=0):
    weir = box.start(harness.WEIR, "replay", "--format", "json", "-e", extractor, *args, path,
                     env={"WEIR_CACHE": str(box.folder / "cache")})
    windows = []
    while (line := weir.line(60)) is not None:
        windows.append(json.loads(line))
    assert weir.wait(30) == code, weir.stderr
    return windows


def test_replay_and_the_example_top_flows(box):
    frames = [(1000 + i / 10, udp(2000 + i % 4, length=40 if i % 4 else 900)) for i in range(40)]
    windows = replay(box, capture(box, frames), harness.REPOSITORY / "examples/top_flows.py", "-b", "flows", "-t", "2")
    assert len(windows) == 2 and errors(windows) == [], errors(windows)
    for window in windows:
        large, small = 5 * 928, 5 * 68
        assert window["extractor"] == {"flows": 4, "bytes": large + 3 * small, "top": [
            {"source": "10.0.0.1", "destination": "10.0.0.2", "bytes": size} for size in (large, small, small)]}, window
        assert window["alerts"] == [{"src": "10.0.0.1", "dst": "10.0.0.2", "sport": 1000, "dport": 2000, "packets": 5,
                                     "reason": "more than half of all bytes"}], window["alerts"]
    again = replay(box, box.folder / "frames.pcap", harness.REPOSITORY / "examples/top_flows.py", "-b", "flows", "-t", "2")
    assert [each["extractor"] for each in again] == [each["extractor"] for each in windows]


def test_the_example_outliers_trains_and_flags(box):
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise harness.Skip("needs python3-sklearn", is_kernel=False) from None
    source = random.Random(1)
    frames = []
    for second in range(6):  # sixty flows of a few small packets each, every second
        for flow in range(60):
            begin = second + source.random() * 0.2
            frames += [(1000 + begin + k * source.uniform(0.01, 0.03), udp(4000 + flow, source.randrange(60, 200)))
                       for k in range(source.randrange(4, 9))]
    frames += [(1004.5 + k / 1e5, udp(9, 1400)) for k in range(300)]  # and a flood in the fifth
    path = capture(box, sorted(frames))
    windows = replay(box, path, harness.REPOSITORY / "examples/outliers.py", "-b", "ddos", "-t", "1")
    assert errors(windows) == [], errors(windows)
    said = [window["extractor"] for window in windows]
    assert [each["outliers"] for each in said[:3]] == [None] * 3 and said[3]["flows"] == 60, said
    alerts = windows[4]["alerts"]
    assert alerts and alerts[0]["dport"] == 9 and alerts[0]["packets"] == 300 and alerts[0]["score"] > 0, alerts
    assert said[3]["outliers"] <= 6 and said[4]["outliers"] <= 7, said  # the usual flows are hardly ever among them


# ------------------------------------------------------------------------------------------ the library
def test_the_binary_does_not_need_python(_):
    needed = subprocess.run(["readelf", "-d", harness.WEIR], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" in needed and "python" not in needed, needed
    library = harness.BUILD / "share/weir/python/libweir_python.so"
    needed = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    assert "libpython3" in needed, needed


if __name__ == "__main__":
    harness.main(globals())
