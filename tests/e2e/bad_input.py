#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input: a message that names the thing, the documented exit code, nothing left behind (the harness
looks after each test). Codes: 2 usage or compile error, 3 privileges, 4 not found, 5 busy, 6 rejected,
7 unsupported."""
import re

import _harness as harness
import netpair

GOOD = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }
"""
BROKEN = GOOD.replace("return XDP_PASS", "return nonsense")
UNSAFE = GOOD.replace("return XDP_PASS;", "return *(int *)(long)ctx->data;  /* no bounds check */")


def refused(box, end, code, *words, args=(), device=None, prefix=(), env=None):
    """Runs weir inject to its end; returns its standard error."""
    weir = box.weir(end, "inject", *map(str, args), device or end.device, prefix=prefix, env=env)
    got = weir.wait(30)
    assert got == code, f"exit {got} instead of {code}:\n{weir.stderr}"
    assert weir.stderr.startswith("weir: ") or "\nweir: " in weir.stderr, weir.stderr
    for word in words:
        assert re.search(word, weir.stderr), f"{word!r} is missing in:\n{weir.stderr}"
    assert weir.line() is None, "an error does not belong on standard output"
    return weir.stderr


def test_no_such_file(box):
    refused(box, box.net().right, 4, "nowhere.c", args=("-b", box.folder / "nowhere.c"))


def test_no_such_interface(box):
    refused(box, box.net().right, 4, "nowhere0", device="nowhere0")


def test_interface_is_checked_before_anything_is_compiled(box):
    source = box.file("broken.c", BROKEN)
    said = refused(box, box.net().right, 4, "nowhere0", args=("-b", source), device="nowhere0")
    assert "nonsense" not in said, said


def test_compile_error_is_clangs_own_with_its_place(box):
    source = box.file("broken.c", BROKEN)
    refused(box, box.net().right, 2, r"broken\.c:4:\d+: error: .*nonsense", args=("-b", source))


def test_verifier_rejection_shows_the_lines_that_matter(box):
    source = box.file("unsafe.c", UNSAFE)
    net = box.net()
    short = refused(box, net.right, 6, r"invalid access to packet", r"unsafe\.c|ctx->data", args=("-b", source))
    whole = refused(box, net.right, 6, r"invalid access to packet", args=("-b", source, "--verbose"))
    assert len(whole) > len(short), "--verbose shows the whole log"
    assert "processed" in whole, "the verifier's last line is part of the whole log"


def test_object_without_btf(box):
    target = harness.compile_bpf(box, "good", GOOD, "-g0")
    refused(box, box.net().right, 2, r"good\.bpf\.o", "BTF", args=("-b", target))


def test_no_xdp_program(box):
    source = box.file("none.c", "#include <linux/bpf.h>\nint nothing = 1;\n")
    refused(box, box.net().right, 2, "none.c", "program", args=("-b", source))


def test_object_without_xdp_program(box):
    target = harness.compile_bpf(box, "none", "#include <linux/bpf.h>\nint nothing = 1;\n")
    refused(box, box.net().right, 2, r"none\.bpf\.o", "program", args=("-b", target))


def test_several_programs_are_listed(box):
    source = box.file("two.c", GOOD + 'SEC("xdp") int other(struct xdp_md *ctx) { return XDP_DROP; }\n')
    net = box.net()
    refused(box, net.right, 2, "pass", "other", "--program", args=("-b", source))
    refused(box, net.right, 2, "third", args=("-b", source, "--program", "third"))


def test_interface_that_vanishes(box):
    net = box.net()
    weir = box.inject(net.right, "-t", "0.1")
    harness.wait_attached(weir)
    netpair.ip("-n", net.right.namespace, "link", "delete", "dev", net.right.device)
    weir.windows()
    assert weir.wait() == 4, weir.stderr
    assert net.right.device in weir.stderr and "vanish" in weir.stderr, weir.stderr


def test_interface_that_carries_somebody_elses_program(box):
    net = box.net()
    target = harness.compile_bpf(box, "theirs", GOOD.replace("int pass", "int theirs"))
    net.run(net.right, "ip", "link", "set", "dev", net.right.device, "xdpgeneric", "obj", str(target), "sec", "xdp")
    before = harness.attached_program(net.right)
    for mode in ("skb", "drv"):
        refused(box, net.right, 5, "theirs", rf"\b{before['id']}\b", net.right.device, args=("-x", mode))
        assert harness.attached_program(net.right) == before, "their program does not run on"


def test_missing_privileges_are_named(box):
    net = box.net()
    for capability in ("bpf", "net_admin"):
        lacking = ("setpriv", f"--bounding-set=-{capability},-sys_admin", f"--inh-caps=-{capability},-sys_admin")
        refused(box, net.right, 3, f"CAP_{capability.upper()}", prefix=lacking)
    refused(box, net.right, 3, "CAP_", prefix=("setpriv", "--bounding-set=-all", "--inh-caps=-all"))


def test_window_lengths_that_are_none(box):
    net = box.net()
    for text in ("0", "abc", "-1", "0.01", "nan", "1e99", ""):
        refused(box, net.right, 2, r"-t|time.window", args=("-t", text))


def test_unknown_options_and_values(box):
    net = box.net()
    refused(box, net.right, 2, "nonsense", args=("--nonsense",))
    refused(box, net.right, 2, "3", args=("-x", "3"))
    refused(box, net.right, 2, "yaml", args=("--format", "yaml"))
    refused(box, net.right, 2, "--windows", args=("--windows", "-1"))


def test_models_that_are_none(box):
    net = box.net()
    for name, content, word in (("m.h5", "", "empty"), ("m.onnx", "not one", "not an ONNX model"),
                                ("m.keras", "PK\x03\x04 and no more", r"m\.keras")):
        refused(box, net.right, 2, word, args=("-m", box.file(name, content)))
    refused(box, net.right, 2, r"m\.h5", args=("-m", box.file("m.h5", "\x89HDF\r\n\x1a\n" + "x" * 3000)))
    refused(box, net.right, 4, r"none\.onnx", args=("-m", box.folder / "none.onnx"))
    refused(box, net.right, 4, "lucid99", args=("--profile", "lucid99"))


def test_extractors_that_are_none(box):
    net = box.net()
    empty, broken = box.file("e.py", ""), box.file("b.py", "def on_window(window):\n    return (\n")
    refused(box, net.right, 2, r"e\.py is no extractor", args=("-e", empty))
    refused(box, net.right, 2, r"(?s)b\.py\", line 2.*SyntaxError", args=("-e", broken))
    refused(box, net.right, 2, r"ebpf\.c: not an extractor", args=("-e", box.file("ebpf.c", "")))
    refused(box, net.right, 4, r"none\.py", args=("-e", box.folder / "none.py"))


def test_no_arguments(box):
    weir = box.weir(box.net().right)
    assert weir.wait() == 2, weir.stderr


if __name__ == "__main__":
    harness.main(globals())
