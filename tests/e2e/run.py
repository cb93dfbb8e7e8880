#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`weir run`: chains on every hook of an interface, each frame counted once by each probe; interfaces that come and go."""
import time

import _harness as harness
import _run
from _live import send
from _run import Load, Run, by_hook, of, probe

HOOKS = '["xdp", "tc-ingress", "tc-egress"]'
NAMES = ("first", "second", "third")


def three(hooks=HOOKS):
    return [probe(name, hook=hooks, priority=place) for place, name in enumerate(NAMES)]


def check_all_hooks(box, tc_mode, **options):
    net = box.net()
    _run.source(box, "count.bpf.c")
    run = Run(box, net.right, *three(), **options)
    run.until(*NAMES)
    send(net, 300)
    with net.raw_socket(net.right) as raw:
        for _ in range(70):
            raw.send(harness.frame())
    run.until(*NAMES)
    windows = run.stop()
    wanted = {(name, hook): count for name in NAMES
              for hook, count in (("xdp", 300), ("tc-ingress", 300), ("tc-egress", 70))}
    assert by_hook(windows) == wanted, by_hook(windows)
    modes = {(window["hook"], window["mode"]) for window in windows}
    assert modes == {("xdp", "skb"), ("tc-ingress", tc_mode), ("tc-egress", tc_mode)}, modes
    assert _run.is_bare(net.right) and not _run.clsact_filters(net.right), "something stayed"
    return windows


def test_three_probes_on_every_hook_count_each_frame_once(box):
    windows = check_all_hooks(box, "tcx")
    assert {window["interface"] for window in windows} == {"veth0"}
    for name in NAMES:
        numbers = [window["window"] for window in of(windows, name, hook="tc-egress")]
        assert numbers == list(range(1, len(numbers) + 1)), numbers


def test_the_same_without_tcx(box):
    check_all_hooks(box, "clsact", env={"WEIR_DISABLE": "tcx"})


def spans(windows, name, hook):
    return [(w["start_ns"], w["end_ns"], w["packets"]["entered"]) for w in of(windows, name, hook=hook)]


def test_windows_of_one_length_agree_under_load(box):
    net = box.net()
    _run.source(box, "count.bpf.c")
    run = Run(box, net.right, *three('["xdp", "tc-ingress"]'))
    run.until(*NAMES)
    with Load(net, net.left) as load:
        for _ in range(30 if not harness.IS_LONG else 600):
            run.until(*NAMES)
    time.sleep(2 * _run.WINDOW_S)
    windows = run.stop()
    assert load.sent > 10_000, f"that was no load: {load.sent}"
    for hook in ("xdp", "tc-ingress"):
        first = spans(windows, "first", hook)
        for name in NAMES[1:]:
            others = spans(windows, name, hook)
            assert others == first, [pair for pair in zip(first, others) if pair[0] != pair[1]]
        assert sum(span[2] for span in first) == load.sent, (hook, load.sent)
        assert all(a[1] == b[0] for a, b in zip(first, first[1:])), "windows have gaps"


if __name__ == "__main__":
    harness.main(globals())
