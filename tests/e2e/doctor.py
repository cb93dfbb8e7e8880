#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weir doctor: what it says is true here, and its exit code says whether `weir inject` can work: 0, or 3
without privileges."""
import ctypes
import json
import os
import re
from pathlib import Path

import _harness as harness
import netpair

NO_CAPABILITIES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
ONLY_OURS = ("setpriv", "--bounding-set=-all,+bpf,+net_admin,+perfmon", "--inh-caps=-all")
PASS = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char _license[] SEC("license") = "GPL";
SEC("xdp") int somebody(struct xdp_md *ctx) { return XDP_PASS; }
"""


def findings(box, code, prefix=(), env=None):
    """What `weir doctor --format json` found, by feature; also inside the pair's namespace."""
    net = box.net()
    return net, examine(box, net, code, prefix, env)


def examine(box, net, code, prefix=(), env=None):
    weir = box.weir(net.right, "doctor", "--format", "json", prefix=prefix, env=env)
    text = ""
    while (line := weir.line(30)) is not None:
        text += line
    got = weir.wait()
    assert got == code, f"exit {got} instead of {code}:\n{text}\n{weir.stderr}"
    assert weir.stderr == "", weir.stderr
    return {found["feature"]: found for found in json.loads(text)}


def test_everything_inject_needs_is_found_here(box):
    _, found = findings(box, 0)
    assert found["Linux"]["outcome"] == os.uname().release, found["Linux"]
    for feature in ("bpf() system call", "CAP_BPF", "XDP programs", "XDP links", "tail calls", "mmap-able arrays"):
        assert found[feature]["state"] == "ok", found[feature]
    assert not [f for f in found.values() if f["blocks_inject"]]
    assert {f["state"] for f in found.values()} <= {"ok", "no", "n.a."}


def test_text_is_aligned_and_plain_where_there_is_no_terminal(box):
    weir = box.weir(box.net().right, "doctor")
    lines = []
    while (line := weir.line(30)) is not None:
        lines.append(line.rstrip("\n"))
    assert weir.wait() == 0 and weir.stderr == "", weir.stderr
    assert "\033" not in "".join(lines)
    assert lines[-1] == "weir inject can work here.", lines[-1]
    rows = [line for line in lines if line.startswith("  ")]
    assert len(rows) > 30 and all(re.match(r"  (ok  |no  |n\.a\.)  \S", row) for row in rows), rows
    groups = [line for line in lines[:-1] if line and not line.startswith(" ")]
    assert groups == ["kernel", "privileges", "data path", "reading", "interfaces", "compiler", "models", "tools"], groups


def test_without_privileges_it_says_so_and_blames_no_feature(box):
    _, found = findings(box, 3, NO_CAPABILITIES)
    assert [f for f in found if found[f]["blocks_inject"]] == ["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"]
    assert "sudo" in found["CAP_BPF"]["why"]
    blamed = [f for f in found.values() if f["group"] in ("kernel", "data path", "reading") and f["state"] == "no"]
    assert not blamed, blamed
    worked = [f["feature"] for f in found.values() if f["group"] == "data path" and f["state"] == "ok"]
    assert not worked, "nothing of the data path can be tried without privileges"


def test_the_three_capabilities_are_enough(box):
    _, found = findings(box, 0, ONLY_OURS)
    assert found["CAP_SYS_ADMIN"]["state"] == "n.a."
    assert found["XDP programs"]["state"] == "ok"
    assert found["XDP links"]["state"] == "n.a.", "attaching is tried only in a namespace of its own"


def test_a_missing_compiler_blocks_nothing(box):
    weir = box.net()
    tools = box.folder / "bin"
    tools.mkdir()
    found = examine(box, weir, 0, ("/usr/bin/env", f"PATH={tools}"))
    assert found["clang with bpf target"]["state"] == "no", found["clang with bpf target"]
    assert found["libbpf headers"]["state"] == "n.a."
    assert found["tshark"]["state"] == "no"


def test_onnx_runtime_is_told_by_what_it_loads(box):
    """Asked of the library itself, by its C interface."""
    found = findings(box, 0)[1]
    runtime, cuda = found["ONNX Runtime"], found["CUDA"]
    assert runtime["state"] == "ok" and "-m" in runtime["why"], runtime
    path, version = re.fullmatch(r"(/.+) \((\d+\.\d+\.\d+)\)", runtime["outcome"]).groups()
    base = ctypes.CDLL(path).OrtGetApiBase
    base.restype = ctypes.POINTER(ctypes.CFUNCTYPE(ctypes.c_char_p) * 2)
    assert base().contents[1]().decode() == version  # OrtApiBase::GetVersionString
    if not list(Path(path).parent.glob("libonnxruntime_providers_cuda.so")):
        assert cuda["state"] == "n.a." and "run on the CPU" in cuda["why"], cuda


def test_without_onnx_runtime_it_says_where_it_looked_and_blocks_nothing(box):
    net = box.net()
    for library, why in (("/nowhere.so", "/nowhere.so: cannot open"), ("libz.so.1", "libz.so.1: not ONNX Runtime")):
        found = examine(box, net, 0, env={"WEIR_ONNXRUNTIME": library})
        runtime = found["ONNX Runtime"]
        assert runtime["state"] == "no" and not runtime["blocks_inject"], runtime
        assert why in runtime["why"] and "weir model" in runtime["why"] and "./dev deps" in runtime["why"], runtime
        assert found["CUDA"]["state"] == "n.a." and "not tried" in found["CUDA"]["outcome"], found["CUDA"]


def test_the_owner_of_an_interface_is_named(box):
    target = harness.compile_bpf(box, "somebody", PASS)
    net = box.net()
    found = examine(box, net, 0)
    assert found[net.right.device]["state"] == "ok" and "free" in found[net.right.device]["outcome"]
    assert "driver has XDP" in found[net.right.device]["why"]
    netpair.ip("-n", net.right.namespace, "link", "set", "dev", net.right.device,
               "xdpgeneric", "obj", str(target), "sec", "xdp")
    owned = examine(box, net, 0)[net.right.device]
    assert owned["state"] == "no" and "'somebody'" in owned["outcome"] and "skb" in owned["outcome"], owned
    number = harness.attached_program(net.right)["id"]
    assert f"id {number}," in owned["outcome"], owned


def test_a_format_that_does_not_exist_is_a_usage_error(box):
    weir = box.weir(box.net().right, "doctor", "--format", "xml")
    assert weir.wait() == 2
    assert "xml" in weir.stderr, weir.stderr


def test_it_works_where_a_feature_is_forced_off(box):
    _, found = findings(box, 0, env={"WEIR_DISABLE": "drain,batch"})
    assert found["WEIR_DISABLE"]["outcome"] == "drain,batch"


if __name__ == "__main__":
    harness.main(globals())
