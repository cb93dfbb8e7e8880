#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Extractors in Python, on live traffic: what on_window(window) and on_packet(packet) see, that it is exact, and that it
lies in the kernel's own memory."""
import time

import _harness as harness
from _live import errors, send, stop
from _scripts import PROBE, WHERE, capture, filled, replay, run_with_packets, script, start, udp


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


def test_the_flow_tensor_is_a_view_and_float32_in_one_pass(box):
    net = box.net()
    weir = start(box, net, script(box, TENSOR), probe="ddos")
    send(net, [udp(2000 + i % 3, length=20 + i % 3) for i in range(60)])
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
#include <weir/punt.h>
WEIR_PROBE(copies) { weir_punt(p, WEIR_COPY_BYTES); return WEIR_PASS; }
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
    send(net, frames)
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


GROWTH = """
import os
import re
marks = {}
kept = None
def on_window(window):
    global kept
    for name in window.tables:
        kept = window.tables[name].copy()
    if window.number % 7 == 0:
        kept = window.tables["wide"], window.tables["words"], window.tables["queue"]  # these escape, one set at a time
    if window.number % 11 == 0:
        raise ValueError(window.number)
    if window.number in (WINDOWS // 2, WINDOWS - 2):
        text = open("/proc/self/smaps_rollup").read()
        marks[str(window.number)] = [sum(map(int, re.findall(r"Private_Dirty: *([0-9]+)", text))), len(os.listdir("/proc/self/fd"))]
        return marks
"""


def test_nothing_grows_over_the_windows(box):
    """Of the second half of many windows; 10,000 of them with WEIR_LONG=1."""
    count = 10000 if harness.IS_LONG else 1000
    path = capture(box, [(1000 + i, harness.frame()) for i in range(count)])
    windows = replay(box, path, script(box, GROWTH.replace("WINDOWS", str(count))), "-t", "1", "-b",
                     box.file("counter.bpf.c", PROBE))
    assert len(windows) == count and len(errors(windows)) == count // 11
    marks = next(window["extractor"] for window in reversed(windows) if window.get("extractor"))
    (before, before_fds), (after, after_fds) = marks.values()
    assert after - before < 64 and after_fds == before_fds, marks  # kB; 200 bytes a window would be 100


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

if __name__ == "__main__":
    harness.main(globals())
