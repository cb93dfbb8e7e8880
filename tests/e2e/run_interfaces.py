#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`weir run`: interfaces that come, go and come again; and SIGKILL, which leaves nothing on any hook."""
import os
import random
import signal
import socket
import time

import _harness as harness
import _run
import netpair
from _run import Load, Run, counted, probe

KILLS = 200 if harness.IS_LONG else 20
HOOKS = '["xdp", "tc-ingress", "tc-egress"]'


def add_pair(end, name, peer):
    """A veth pair inside the namespace of an end, both up."""
    netpair.ip("-n", end.namespace, "link", "add", name, "type", "veth", "peer", "name", peer)
    for device in (name, peer):
        netpair.ip("-n", end.namespace, "link", "set", "dev", device, "up")


def send_from(end, device, count):
    with netpair.inside(end.namespace):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        raw.bind((device, 0))
    with raw:
        for _ in range(count):
            raw.send(harness.frame())


def test_interfaces_that_match_later_are_taken_up_and_let_go(box):
    net = box.net()
    end = net.right
    _run.source(box, "count.bpf.c")
    run = Run(box, end, probe("one", hook=HOOKS), interface="late*")
    run.says("one: no interface late* yet")  # it waits
    add_pair(end, "late0", "peer0")
    run.says("late0 xdp: one added", "late0 tc-egress: one added")
    run.until("one")
    send_from(end, "peer0", 50)
    run.until("one", "one")
    since = len(run.weir.stderr)
    netpair.ip("-n", end.namespace, "link", "delete", "dev", "late0")
    run.says("late0 xdp: the interface vanished", since=since)
    since = len(run.weir.stderr)
    add_pair(end, "late0", "peer0")
    run.says("late0 xdp: one added", since=since)
    send_from(end, "peer0", 30)
    windows = run.stop()
    xdp = [w for w in windows if w["hook"] == "xdp"]
    # what the kernel sends by itself on a fresh interface (neighbour discovery) comes on top
    assert 80 <= harness.entered(xdp) <= 80 + 60, harness.entered(xdp)
    starts = [w for w in xdp if w["window"] == 1]
    assert len(starts) == 2, "one first window for each time that the interface was there"
    netpair.ip("-n", end.namespace, "link", "delete", "dev", "late0")


def test_an_interface_that_is_there_again_keeps_the_others_counting(box):
    net = box.net()
    end = net.right
    _run.source(box, "count.bpf.c")
    add_pair(end, "more0", "peer0")
    run = Run(box, end, probe("one", interface=f'["{end.device}", "more*"]'))
    run.until("one", "one")
    with Load(net, net.left, pause_s=0.001) as load:
        for _ in range(3):
            netpair.ip("-n", end.namespace, "link", "delete", "dev", "more0")
            run.says("more0 xdp: the interface vanished")
            run.until("one")
            since = len(run.weir.stderr)
            add_pair(end, "more0", "peer0")
            run.says("more0 xdp: one added", since=since)
            run.until("one")
    windows = run.stop()
    assert counted(windows, "one", interface=end.device) == load.sent > 0
    netpair.ip("-n", end.namespace, "link", "delete", "dev", "more0")


def kill_at_random_moments(box, **options):
    net = box.net()
    _run.source(box, "count.bpf.c")
    seed = int(os.environ.get("WEIR_SEED", time.time_ns()))
    print(f"     WEIR_SEED={seed}")
    rng = random.Random(seed)
    attached = 0
    with Load(net, net.left, pause_s=0.0005):
        for number in range(KILLS):
            run = Run(box, net.right, probe("one", hook=HOOKS), **options)
            time.sleep(rng.uniform(0, 0.5))  # the moment of the kill is the input
            if rng.random() < 0.5:
                run.write(probe("one", hook=HOOKS, priority=rng.randrange(9)), probe("two", hook=HOOKS))
                run.weir.signal(signal.SIGHUP)
                time.sleep(rng.uniform(0, 0.1))
            attached += harness.attached_program(net.right) is not None
            run.weir.signal(signal.SIGKILL)
            run.weir.popen.wait()
            harness.wait_until(lambda: _run.is_bare(net.right), f"bare hooks after kill {number}", 1.0)
            run.weir.kill()
    assert attached, "no kill fell on a program that was attached"
    return net


def test_killed_at_any_moment_leaves_nothing(box):
    kill_at_random_moments(box)


def test_filters_of_the_dead_go_with_the_next_start(box):
    net = kill_at_random_moments(box, env={"WEIR_DISABLE": "tcx"})
    run = Run(box, net.right, probe("one"))
    run.until("one")
    assert not _run.clsact_filters(net.right), "filters of dead processes"
    run.stop()


if __name__ == "__main__":
    harness.main(globals())
