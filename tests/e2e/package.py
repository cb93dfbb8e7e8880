#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Python package: a probe that a program puts on an interface and whose windows it iterates over; its errors;
its stubs."""
import ast
import inspect
import json
import signal
import sys
import time

import numpy as np

import _harness as harness

sys.path.insert(0, str(harness.REPOSITORY / "tests" / "python"))
import _six as six  # noqa: E402

PACKAGE = harness.BUILD / "share" / "weir" / "python"

PRELUDE = """
import json, os, sys, threading, time
import weir
def say(value):
    print(json.dumps(value), flush=True)
"""


def program(box, net, text, *args):
    """Runs a program that imports weir, inside the right end's namespace."""
    path = box.file("program.py", PRELUDE + text)
    return box.start(*harness.netpair.NetPair.command(net.right, "/usr/bin/python3", "-B", path, *args),
                     env={"PYTHONPATH": str(PACKAGE), "WEIR_CACHE": str(box.folder / "cache")})


def said(process, timeout_s=20):
    line = process.line(timeout_s)
    assert line is not None, process.stderr
    return json.loads(line)


def needs_the_package():
    if not list(PACKAGE.glob("_weir_core*.so")):
        raise harness.Skip("built without Python's headers")


def send(net, count, sources=1):
    payload = bytearray.fromhex("4500001e0000000040110000010101010202020200350050000a0000")
    with net.raw_socket(net.left) as raw:
        for i in range(count):
            payload[13] = 1 + i % sources
            raw.send(harness.frame(ether_type=0x0800, payload=bytes(payload)))


def test_windows_are_iterated_over_and_exact(box):
    needs_the_package()
    net = box.net()
    process = program(box, net, """
kept = []
with weir.inject(sys.argv[1], window=0.2, windows=8, settings={"max_flows": "1k"}) as probe:
    say({"mode": probe.mode, "notices": probe.notices})
    for window in probe:
        flows = window.tables["flows"]
        kept.append(flows)
        say([window.number, window.packets.entered, len(flows), int(flows["packets"].sum()),
             window.tensor.features[0][0], window.duration])
say([int(flows["packets"].sum()) for flows in kept])
""", net.right.device)
    assert said(process)["mode"] == "skb"
    send(net, 30)
    windows = [said(process) for _ in range(8)]
    assert [w[0] for w in windows] == list(range(1, 9))
    assert sum(w[1] for w in windows) == 30
    for _, entered, flows, packets, first, duration in windows:
        assert flows == (1 if entered else 0) and packets == entered and first == "time", windows
        assert 0.15 < duration < 2
    assert said(process) == [w[3] for w in windows], "arrays that are kept keep their content"
    assert process.wait() == 0, process.stderr
    assert harness.attached_program(net.right) is None


def test_a_probe_on_tc_egress_counts_what_is_sent(box):
    needs_the_package()
    net = box.net()
    process = program(box, net, """
with weir.inject(sys.argv[1], probe="flows", window=0.3, windows=4, hook="tc-egress") as probe:
    say(probe.mode)
    for window in probe:
        say([window.packets.entered, int(window.tables["flows"]["value"]["packets"].sum())])
""", net.right.device)
    assert said(process) in ("tcx", "clsact")
    send(net, 7)  # arrives: not its matter
    with net.raw_socket(net.right) as raw:
        for _ in range(20):
            raw.send(harness.frame(ether_type=0x0800, payload=bytes.fromhex(
                "4500001e0000000040110000010101010202020200350050000a0000")))
    windows = [said(process) for _ in range(4)]
    assert sum(w[0] for w in windows) == sum(w[1] for w in windows) == 20, windows
    assert process.wait() == 0, process.stderr


def test_who_is_slow_is_late_and_loses_nothing(box):
    needs_the_package()
    net = box.net()
    process = program(box, net, """
with weir.inject(sys.argv[1], window=0.1) as probe:
    say("ready")
    total = late = 0
    for window in probe:
        total, late = total + window.packets.entered, late + window.late
        if window.number == 2:
            time.sleep(0.7)
        say([total, late])
        if total == 40 and late:
            break
""", net.right.device)
    assert said(process) == "ready"
    for _ in range(8):
        send(net, 5)
        time.sleep(0.1)
    total, late = said(process)
    while not (total == 40 and late):
        total, late = said(process)
    assert process.wait() == 0, process.stderr


def test_other_threads_run_while_a_window_is_waited_for_and_ctrl_c_ends_it(box):
    needs_the_package()
    net = box.net()
    process = program(box, net, """
ticks = []
def tick():
    while True:
        ticks.append(time.monotonic())
        time.sleep(0.01)
threading.Thread(target=tick, daemon=True).start()
try:
    with weir.inject(sys.argv[1], window=30) as probe:
        say("ready")
        next(probe)
except KeyboardInterrupt:
    say(len(ticks))
""", net.right.device)
    assert said(process) == "ready"
    time.sleep(0.5)
    process.signal(signal.SIGINT)
    assert said(process) > 20, "the GIL was held"
    assert process.wait() == 0, process.stderr
    assert harness.attached_program(net.right) is None


def test_errors_carry_code_log_and_hint(box):
    needs_the_package()
    net = box.net()
    broken = box.file("broken.c", "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC(\"xdp\") int f(struct xdp_md *c) { return nothing; }")
    endless = box.file("wild.c", "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
                                 "SEC(\"xdp\") int f(struct xdp_md *c) { return *(int *)(long)c->data; }\nchar L[] SEC(\"license\") = \"GPL\";")
    process = program(box, net, f"""
def attempt(*args, **options):
    try:
        weir.inject(*args, **options).close()
        say("no error")
    except weir.Error as e:
        say([e.code, str(e), len(e.log), e.hint])
    except (ValueError, TypeError) as e:
        say([type(e).__name__, str(e)])
d = sys.argv[1]
attempt("nothing0")
attempt(d, "no_such_probe")
attempt(d, {str(broken)!r})
attempt(d, {str(endless)!r})
attempt(d, settings={{"nothing": 1}})
attempt(d, window=0.01)
attempt(d, mode="fast")
attempt(d, hook="tc")
first = weir.inject(d)
attempt(d)
first.close()
attempt(d)
""", net.right.device)
    answers = [said(process) for _ in range(10)]
    assert process.wait() == 0, process.stderr
    assert answers[0][0] == "NotFound" and "nothing0" in answers[0][1]
    assert answers[1][0] == "NotFound"
    assert answers[2][0] == "Invalid" and "broken.c:3" in answers[2][1] and answers[2][2] > 0, answers[2]
    assert answers[3][0] == "Rejected" and answers[3][2] > 100, answers[3]
    assert answers[4][0] == "Invalid" and "max_flows" in answers[4][3]
    assert answers[5][0] == answers[6][0] == answers[7][0] == "ValueError"
    assert answers[8][0] == "Busy"
    assert answers[9] == "no error"


def test_a_program_that_ends_or_is_killed_leaves_the_interface(box):
    needs_the_package()
    net = box.net()
    for how in ("next(iter(probe)); os._exit(3)", "next(iter(probe)); time.sleep(60)", "next(iter(probe)); sys.exit(4)"):
        process = program(box, net, f"probe = weir.inject(sys.argv[1], window=0.1)\nsay('ready')\n{how}\n", net.right.device)
        assert said(process) == "ready"
        assert harness.attached_program(net.right)
        if "sleep" in how:
            time.sleep(0.2)
            process.kill()
        else:
            process.wait()
        harness.wait_until(lambda: harness.attached_program(net.right) is None, "the interface to be free")


def test_a_vanished_interface_is_an_error(box):
    needs_the_package()
    net = box.net()
    process = program(box, net, """
try:
    with weir.inject(sys.argv[1], window=0.1) as probe:
        say("ready")
        for window in probe:
            pass
except weir.Error as e:
    say([e.code, str(e)])
""", net.right.device)
    assert said(process) == "ready"
    harness.netpair.ip("-n", net.right.namespace, "link", "del", net.right.device)
    code, text = said(process)
    assert code == "NotFound" and "vanished" in text
    assert process.wait() == 0


def signatures(tree):
    """{"Class.method": [parameter, ...]} of a stub."""
    found = {}

    def add(prefix, node):
        for item in node.body:
            if isinstance(item, ast.FunctionDef):
                a = item.args
                found[prefix + item.name] = [p.arg for p in [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg] if p]
            elif isinstance(item, ast.ClassDef):
                found[prefix + item.name] = None
                add(prefix + item.name + ".", item)
            elif isinstance(item, ast.AnnAssign):
                found[prefix + item.target.id] = None
    add("", tree)
    return found


def test_a_model_scores_every_flow(box):
    """Against numpy on what the window's own tables hold."""
    needs_the_package()
    net = box.net()
    model = box.folder / "six.h5"
    six.write(model)
    process = program(box, net, """
import numpy as np
with weir.inject(sys.argv[1], window=0.3, windows=4, model=sys.argv[2], threshold=0.4) as probe:
    say(probe.notices)
    for window in probe:
        flows = window.tables["flows"]
        seen = flows["packet"]
        first = np.where(np.arange(10) < flows["packets"][:, None], seen["time"], 2**63).min(axis=1, initial=2**63)
        time = np.where(np.arange(10) < flows["packets"][:, None], seen["time"] - first[:, None].astype(np.uint64), 0)
        ip = (seen["ip_fragment"] >> 13) + (seen["ip_fragment"] & 0x1fff) / 2**13
        x = np.stack([time / 0.3e9, ip / 2**16, seen["tcp_flags"] / 2**16, seen["tcp_window"] / 2**16,
                      seen["udp_length"] / 2**16, seen["icmp_type"] / 2**8], axis=-1)
        d = window.detection
        say({"x": x.tolist(), "scores": d.scores.tolist(), "malicious": d.malicious, "alerts": d.alerts,
             "victims": d.victims, "threshold": d.threshold})
""", net.right.device, model)
    assert "lucid6" in " ".join(said(process))
    flows = 0
    for number in range(4):
        send(net, 400, sources=30)
        window = said(process)
        flows += len(window["scores"])
        if not window["scores"]:
            continue
        expected = six.expected(np.float32(window["x"])).reshape(-1)
        assert np.abs(expected - window["scores"]).max() < 1e-5, number
        over = [score for score in window["scores"] if score > 0.4]
        assert window["malicious"] == len(over) == len(window["alerts"]), window["malicious"]
        assert [alert["score"] for alert in window["alerts"]] == sorted(over, reverse=True)
        assert sum(victim["flows"] for victim in window["victims"]) == len(over) and window["threshold"] == 0.4
    assert process.wait() == 0 and flows > 0, process.stderr


def test_the_stub_says_what_the_package_has(_box):
    needs_the_package()
    sys.path.insert(0, str(PACKAGE))
    import weir
    stub = signatures(ast.parse((harness.REPOSITORY / "python" / "weir" / "__init__.pyi").read_text(encoding="utf-8")))
    assert {name for name in stub if "." not in name} == set(weir.__all__)
    for name, parameters in stub.items():
        owner, _, member = name.rpartition(".")
        holder = getattr(weir, owner) if owner else weir
        if parameters is None:
            continue
        there = inspect.getattr_static(holder, member)
        if isinstance(there, property):
            assert parameters == ["self"], name
        else:
            assert list(inspect.signature(there).parameters) == parameters, name
        assert inspect.getdoc(there) or member.startswith("__"), f"{name} has no docstring"
    for name in weir.__all__:
        thing = getattr(weir, name)
        for member, value in vars(thing).items() if isinstance(thing, type) else ():
            if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                assert f"{name}.{member}" in stub, f"the stub lacks {name}.{member}"


if __name__ == "__main__":
    harness.main(globals())
