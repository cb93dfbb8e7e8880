#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`weir check`: what it says of a probe, and that it attaches nothing."""
import json
import re

import _harness as harness

SOURCES = harness.REPOSITORY / "tests" / "sources"


def check(box, *args):
    """Runs weir check to its end; returns its standard output."""
    weir = box.weir(box.net().right, "check", *map(str, args))
    assert weir.wait() == 0, weir.stderr
    lines = []
    while (line := weir.line()) is not None:
        lines.append(line)
    assert harness.attached_program(weir.end) is None, "check attaches something"
    return "".join(lines)


def report(box, *args):
    said = check(box, "--format", "json", *args)
    assert said.count("\n") == 1, "one line"
    return json.loads(said)


def test_shipped_probe_without_a_compiler(box):
    said = report(box, "flows")
    assert said["probe"] == "flows" and said["maps"], said
    assert not (box.folder / "cache").exists() or not list((box.folder / "cache").iterdir())


def test_class_and_reason_of_every_map(box):
    said = report(box, SOURCES / "bcc_handler.c")["maps"]
    assert said["TOTAL"]["class"] == "windowed" and "SWAP" in said["TOTAL"]["reason"], said
    assert said["EMPTIED"]["class"] == "persistent" and "EMPTY" in said["EMPTIED"]["reason"], said
    assert said["KEPT"]["exported"] is False, said
    said = report(box, SOURCES / "libbpf_lpm_blacklist.bpf.c", "--window", "blacklist")["maps"]
    assert (said["blacklist"]["class"], said["blacklist"]["reason"]) == ("windowed", "--window"), said


def test_programs_memory_and_parameters(box):
    said = report(box, "--program", "first", SOURCES / "libbpf_tail_call.bpf.c")
    roles = {program["name"]: program["role"] for program in said["programs"]}
    assert roles["first"] == "entry, wrapped, tail-calls away: last in a chain", roles
    assert "tail call target" in roles.values(), roles
    for program in said["programs"]:
        assert program["instructions"] > 0 and program["native_bytes"] > 0, program
    assert said["memory_bytes"] >= sum(m["memory_bytes"] for m in said["maps"].values())


def test_hook(box):
    assert report(box, "flows")["hook"] == "xdp"
    for hook in "xdp", "tc-ingress", "tc-egress":
        said = report(box, "--hook", hook, "flows")
        assert said["hook"] == hook and said["source"].endswith("flows.bpf.o" if hook == "xdp" else "flows.tc.bpf.o")
        assert report(box, "--hook", hook, SOURCES / "native_parsers.bpf.c")["hook"] == hook
    said = report(box, SOURCES / "tc" / "libbpf_tc.bpf.c")
    assert said["hook"] == "tc-ingress" and any("tc-egress" in note for note in said["notices"]), said
    weir = box.weir(box.net().right, "check", "--hook", "xdp", str(SOURCES / "tc" / "libbpf_tc.bpf.c"))
    assert weir.wait() == 2, weir.stderr
    assert "no XDP program here, only tc ones" in weir.stderr and "hint: --hook tc-ingress" in weir.stderr, weir.stderr


def test_memory_counts_drains_and_heads(box):
    said = report(box, SOURCES / "libbpf_queue.bpf.c")
    copies = {"windowed": 2, "fixed": 2, "persistent": 1}
    total = sum(copies[m["class"]] * (m["memory_bytes"] + m["drain_bytes"]) for m in said["maps"].values())
    assert said["memory_bytes"] == total, said
    drained = {name: m for name, m in said["maps"].items() if m["read"] == "drain"}
    assert drained, said["maps"]
    for name, m in drained.items():
        assert m["drain_bytes"] >= m["capacity"] * 8, (name, m)
    assert "drain" in check(box, SOURCES / "libbpf_queue.bpf.c")
    tensor = report(box, "ddos")["maps"]["flows"]
    assert tensor["capacity"] == 65536 and tensor["drain_bytes"] == 0, tensor
    heads = 32 * (2 * 65536 + 1)
    row = 384
    assert 65536 * row + heads <= tensor["memory_bytes"] < 1.02 * (65536 * row + heads), tensor


def test_what_inject_tells_of_memory_counts_drains(box):
    weir = box.inject(box.net().right, "-b", SOURCES / "libbpf_queue.bpf.c", "-t", "0.05", "--windows", "1")
    assert weir.wait() == 0, weir.stderr
    told = re.search(r"memory for .* both clones: (\d+) kB", weir.stderr)
    # a queue of 4,097 places of 24 bytes and a drain of 4,160, twice: half of it without the drain
    assert told and 386 <= int(told[1]) <= 420, weir.stderr


def test_object(box):
    target = harness.compile_bpf(box, "mine", (SOURCES / "libbpf_array.bpf.c").read_text(encoding="utf-8"))
    said = report(box, target)
    assert said["kind"] == "foreign object", said["kind"]
    assert [program["role"] for program in said["programs"]] == ["entry, behind a stub: last in a chain"]


def test_map_with_timers_is_not_frozen_and_one_with_locks_not_mapped(box):
    maps = report(box, SOURCES / "libbpf_timer.bpf.c")["maps"]
    assert {name: m["frozen"] for name, m in maps.items()} == {"clocks": False, "by_key": True, "by_index": True}, maps
    assert maps["by_index"]["read"] != "mmap", maps["by_index"]
    net = box.net()
    weir = box.inject(net.right, "-b", SOURCES / "libbpf_timer.bpf.c", "-t", "0.05", "--windows", "1")
    assert weir.window()["health"]["not_frozen"] == ["clocks"]
    assert weir.wait() == 0, weir.stderr


def test_text_names_what_json_names(box):
    text = check(box, SOURCES / "libbpf_array.bpf.c")
    for word in ("counters", "array", "windowed", "default of array", "mmap", "count", "memory"):
        assert word in text, f"{word} is missing in:\n{text}"
    assert "\033" not in text, "colours in a pipe"


def test_errors_are_those_of_inject(box):
    for code, path in ((4, box.folder / "nowhere.c"), (2, SOURCES / "bad" / "compile_error.bpf.c"),
                       (6, SOURCES / "bad" / "unchecked_access.bpf.c"), (2, SOURCES / "bad" / "no_program.bpf.c")):
        weir = box.weir(box.net().right, "check", str(path))
        assert weir.wait() == code, f"{path.name}: {weir.stderr}"
        assert path.name in weir.stderr and weir.line() is None, weir.stderr


if __name__ == "__main__":
    harness.main(globals())
