#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every source of tests/sources/, unmodified, through `weir inject`: it compiles, loads, counts what was
sent and decodes as tests/sources/expected.json says; those under bad/ are refused as it says. And the
tables are the same whichever way the maps are read."""
import ast
import json
import operator
import platform
import re
import struct
import time

import _harness as harness

SOURCES = harness.REPOSITORY / "tests" / "sources"
EXPECTED = json.loads((SOURCES / "expected.json").read_text(encoding="utf-8"))
PACKETS = 64

# The packet that expected.json speaks of: UDP 10.0.0.1:1000 -> 10.0.0.2:2000, 64 bytes.
_IPV4 = bytes.fromhex("4500003200000000401166b90a0000010a000002")
_UDP = bytes.fromhex("03e807d0001e0000")
FRAME = harness.frame(ether_type=0x0800, payload=_IPV4 + _UDP).ljust(64, b"\0")

_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def evaluate(text, n):
    """Arithmetic on digits, N and -*+; any other string is itself."""
    if not re.fullmatch(r"[0-9N*+-]+", text) or not re.search(r"\d|N", text):
        return text

    def value(node):
        if isinstance(node, ast.BinOp):
            return _OPERATORS[type(node.op)](value(node.left), value(node.right))
        return n if isinstance(node, ast.Name) else node.value
    return value(ast.parse(text, mode="eval").body)


def differences(expected, found, n, path=""):
    """Where `found` is not what was expected; members that are not named may be anything."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [f"{path}: {found!r} is no object"]
        lines = []
        for name, value in expected.items():
            if name == "each":
                for i, entry in enumerate(found.get("entries", [])):
                    lines += differences(value, entry, n, f"{path}.entries[{i}]")
            elif name == "entries":
                lines += entry_differences(value, found.get("entries", []), n, path)
            elif name not in found:
                lines.append(f"{path}: no {name}")
            else:
                lines += differences(value, found[name], n, f"{path}.{name}")
        return lines
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return [f"{path}: {found!r} instead of {expected!r}"]
        return [line for i, pair in enumerate(zip(expected, found)) for line in differences(*pair, n, f"{path}[{i}]")]
    if isinstance(expected, str):
        expected = evaluate(expected, n)
    return [] if expected == found else [f"{path}: {found!r} instead of {expected!r}"]


def entry_differences(expected, found, n, path):
    missing = [e for e in expected if not any(not differences(e, f, n) for f in found)]
    return [f"{path}: no entry {e} in {json.dumps(found)[:400]}" for e in missing]


def is_for_newer_kernel(facts):
    needed = tuple(map(int, facts.get("kernel", "0.0").split(".")))
    running = tuple(map(int, re.match(r"(\d+)\.(\d+)", platform.release()).groups()))
    return running < needed


def merged(windows):
    """The window that saw the packets: all were sent within one, but a flip may stand between two."""
    busy = [w for w in windows if w["packets"]["entered"]]
    assert len(busy) == 1, f"packets in {len(busy)} windows of {len(windows)}"
    return busy[0]


def observe(box, net, name, facts, env=None, count=None, probe=None):
    """Sends the packets into one window of the source (or of the object `probe`); returns that window."""
    args = ["-b", probe or SOURCES / name, "-t", "30"]
    if "program" in facts:
        args += ["--program", facts["program"]]
    if "cflags" in facts:
        args += ["--cflags", facts["cflags"]]
    n = count or min(PACKETS, facts.get("max_n", PACKETS))
    weir = box.inject(net.right, *args, env=env)
    harness.wait_attached(weir)
    with net.raw_socket(net.left) as raw:
        for _ in range(n):
            raw.send(FRAME)
    time.sleep(0.05)  # veth hands frames on by a softirq; the end below closes the window
    weir.signal(harness.signal.SIGINT)
    windows = weir.windows()
    assert weir.wait() == 0, f"{name}: {weir.stderr}"
    window = merged(windows)
    assert window["packets"]["entered"] == n, f"{name}: {window['packets']} of {n}"
    return window, n


def check_good(box, net, name, facts):
    window, n = observe(box, net, name, facts)
    wrong = differences(facts["tables"], window["tables"], n, name)
    wrong += [f"{name}: {t} is reported" for t in facts.get("absent", []) if t in window["tables"]]
    return wrong


def capture(folder, n):
    """The packet n times, as a pcap file."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    record = struct.pack("<IIII", 1, 0, len(FRAME), len(FRAME)) + FRAME
    path = folder / "packets.pcap"
    path.write_bytes(head + record * n)
    return path


def test_every_tc_source_counts_and_decodes(box):
    folder = SOURCES / "tc"
    assert {p.name for p in folder.iterdir()} == set(EXPECTED["tc"])
    wrong = []
    for name, facts in EXPECTED["tc"].items():
        flags = ["--cflags", facts["cflags"]] if "cflags" in facts else []
        checked = box.weir(box.net().right, "check", "--format", "json", *flags, str(folder / name))
        report = json.loads(checked.line())
        assert checked.wait() == 0 and report["hook"] == "tc-ingress", f"{name}: {report}"
        assert facts["function"] in [p["name"] for p in report["programs"]], report["programs"]
        weir = box.weir(box.net().right, "replay", "--format", "json", "-b", str(folder / name), *flags,
                        str(capture(box.folder, PACKETS)))
        windows = weir.windows()
        assert weir.wait() == 0, f"{name}: {weir.stderr}"
        wrong += differences(facts["tables"], merged(windows)["tables"], PACKETS, name)
    assert not wrong, "\n".join(wrong)


def test_every_good_source_counts_and_decodes(box):
    net = box.net()
    known = {p.name for p in SOURCES.iterdir() if p.suffix == ".c"}
    assert known == set(EXPECTED["good"]), f"expected.json and the folder differ: {known ^ set(EXPECTED['good'])}"
    wrong = []
    for name, facts in EXPECTED["good"].items():
        if not is_for_newer_kernel(facts):
            wrong += check_good(box, net, name, facts)
    assert not wrong, "\n".join(wrong)


def test_every_bad_source_is_refused(box):
    net = box.net()
    wrong = []
    for name, facts in EXPECTED["bad"].items():
        weir = box.inject(net.right, "-b", SOURCES / "bad" / name)
        code = weir.wait()
        texts = facts["says"]
        if code != facts["exit"] or any(text not in weir.stderr for text in texts):
            wrong.append(f"{name}: exit {code} instead of {facts['exit']}, or not {texts} in:\n{weir.stderr}")
        if harness.attached_program(net.right):
            wrong.append(f"{name}: something is attached")
    assert not wrong, "\n".join(wrong)


def test_objects_built_by_clang_alone_show_the_same(box):
    """Foreign objects: no wrapper in them, so a stub counts before them."""
    net = box.net()
    wrong = []
    for name, facts in EXPECTED["good"].items():
        if not name.startswith("libbpf_") or "vmlinux" in name or is_for_newer_kernel(facts):
            continue
        source = (SOURCES / name).read_text(encoding="utf-8")
        probe = harness.compile_bpf(box, name.removesuffix(".bpf.c"), source, "-Wno-everything")
        window, n = observe(box, net, name, facts, probe=probe)
        wrong += differences(facts["tables"], window["tables"], n, f"object of {name}")
    assert not wrong, "\n".join(wrong)


def stripped(tables):
    """Tables without the way they were read; entries and CPUs in a fixed order."""
    result = {}
    for name, table in tables.items():
        table = dict(table)
        table.pop("read", None)
        if "entries" in table:
            for entry in table["entries"]:
                if "cpus" in entry:
                    entry["cpus"].sort()  # which CPU it was differs from run to run
            table["entries"].sort(key=json.dumps)
        result[name] = table
    return result


def test_forced_fallbacks_give_the_same_tables(box):
    net = box.net()
    ways = {  # source, table -> the way read when nothing, batch, mmap, drain and all are disabled
        ("libbpf_array.bpf.c", "counters"): ("mmap", "mmap", "batch", "mmap", "lookup"),
        ("libbpf_percpu_hash.bpf.c", "sources"): ("batch", "lookup", "batch", "batch", "lookup"),
        # One row in a large table: drained in the first window, while nothing is known, later by batches.
        ("libbpf_lru_hash.bpf.c", "stations"): ("drain batch", "drain", "drain batch", "batch", "lookup"),
        ("bcc_counters.c", None): None,
        ("libbpf_stack.bpf.c", "lengths"): ("drain", "drain", "drain", "lookup", "lookup"),
    }
    for (name, table), expected in ways.items():
        seen = []
        for number, disabled in enumerate(("", "batch", "mmap", "drain", "mmap,batch,drain")):
            window, _ = observe(box, net, name, EXPECTED["good"][name], {"WEIR_DISABLE": disabled}, count=10)
            if expected:
                read = window["tables"][table]["read"]
                assert read in expected[number].split(), f"{name} without '{disabled}': read by {read}"
            seen.append(stripped(window["tables"]))
        assert all(tables == seen[0] for tables in seen), f"{name}: {seen}"


def test_a_queue_is_drained_where_that_is_not_disabled(box):
    net = box.net()
    name = "libbpf_queue.bpf.c"
    for disabled, expected in (("", "drain"), ("drain", "lookup")):
        window, n = observe(box, net, name, EXPECTED["good"][name], {"WEIR_DISABLE": disabled}, count=10)
        table = window["tables"]["records"]
        assert table["read"] == expected and table["rows"] == n, table
        times = [entry["value"]["time_ns"] for entry in table["entries"]]
        assert times == sorted(times), "a queue comes out in the order of its packets"


if __name__ == "__main__":
    harness.main(globals())
