#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`weir inject --hook`: exact counts on tc in both directions, and where a source for tc goes by itself."""
import signal
import time

import _harness as harness

TC_SOURCE = harness.REPOSITORY / "tests" / "sources" / "tc" / "libbpf_tc.bpf.c"
MODES = {"xdp": ("skb",), "tc-ingress": ("tcx", "clsact"), "tc-egress": ("tcx", "clsact")}


def send(net, end, count):
    with net.raw_socket(end) as raw:
        for _ in range(count):
            raw.send(harness.frame())


def wait_counting(weir):
    """Until the first window is out: packets are counted from then on."""
    first = weir.window()
    assert first is not None, weir.stderr
    return first


def counts(box, hook, arriving, leaving, *args):
    """All windows of a probe while so many frames arrive and leave."""
    net = box.net()
    weir = box.inject(net.right, "--hook", hook, *args, "-t", "0.1")
    windows = [wait_counting(weir)]
    send(net, net.left, arriving)
    send(net, net.right, leaving)
    time.sleep(0.1)
    weir.signal(signal.SIGINT)
    windows += weir.windows()
    assert weir.wait() == 0, weir.stderr
    return windows


def test_each_hook_counts_its_direction_alone(box):
    for hook, expected in (("xdp", 40), ("tc-ingress", 40), ("tc-egress", 25)):
        windows = counts(box, hook, 40, 25, "-b", "flows")
        assert harness.entered(windows) == expected, (hook, windows)
        for window in windows:
            assert window["hook"] == hook and window["mode"] in MODES[hook], window


def test_a_source_for_tc_is_on_tc_ingress_by_itself(box):
    windows = counts(box, "auto", 30, 11, "-b", TC_SOURCE)
    assert {window["hook"] for window in windows} == {"tc-ingress"}, windows
    assert harness.entered(windows) == 30
    seen = sum(row["value"]["packets"] for window in windows for row in window["tables"]["by_protocol"]["entries"])
    assert seen == 30, windows


def test_text_says_hook_and_mode(box):
    net = box.net()
    weir = box.weir(net.right, "inject", "--hook", "tc-egress", "-b", "flows", "-t", "0.05", "--windows", "1", net.right.device)
    assert weir.wait() == 0, weir.stderr
    head = weir.line()
    assert any(f"flows on {net.right.device} (tc-egress, {mode})" in head for mode in MODES["tc-egress"]), head


def test_a_source_for_tc_does_not_go_on_xdp(box):
    net = box.net()
    weir = box.inject(net.right, "--hook", "xdp", "-b", TC_SOURCE)
    assert weir.wait() == 2 and "no XDP program here" in weir.stderr, weir.stderr
    assert harness.attached_program(net.right) is None


if __name__ == "__main__":
    harness.main(globals())
