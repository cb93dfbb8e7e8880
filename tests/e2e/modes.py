#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""XDP modes, and what becomes of packets: skb, drv, the fall-back from hw, --strict-mode; programs that
transmit, redirect or drop do so from inside the chain as they would alone."""
import json
import select
import socket
import time

import _harness as harness
import netpair

SOURCES = harness.REPOSITORY / "tests" / "sources"
ETHERTYPE = 0x88B5

REDIRECT = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
const volatile __u32 target = 0;
SEC("xdp") int redirect(struct xdp_md *ctx)
{
    return bpf_redirect(target, 0);
}
char LICENSE[] SEC("license") = "GPL";
"""

VERDICT = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
const volatile int verdict = XDP_PASS;
SEC("xdp") int decide(struct xdp_md *ctx)
{
    return verdict;
}
char LICENSE[] SEC("license") = "GPL";
"""


def receiver(end):
    """A socket that sees the frames of our type that arrive on an end."""
    with netpair.inside(end.namespace):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
    raw.bind((end.device, ETHERTYPE))
    raw.setblocking(False)
    return raw


def arrived(raw, expected, timeout_s=2.0):
    """How many frames come in, until it is as many as expected, and none for a moment after that."""
    count, deadline = 0, time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        wait = 0.1 if count >= expected else deadline - time.monotonic()
        if not select.select([raw], [], [], wait)[0]:
            break
        _, address = raw.recvfrom(2048)
        count += address[2] != socket.PACKET_OUTGOING
    return count


def send(net, end, count):
    with net.raw_socket(end) as raw:
        for _ in range(count):
            raw.send(harness.frame())


def first_window(weir):
    weir.signal(harness.signal.SIGINT)
    windows = weir.windows()
    assert weir.wait() == 0, weir.stderr
    return windows[0]


def test_each_mode_is_what_was_asked_for(box):
    net = box.net()
    for asked, got in (("skb", "skb"), ("2", "skb"), ("drv", "drv"), ("4", "drv"), ("hw", "skb"), ("8", "skb")):
        weir = box.inject(net.right, "-x", asked, "-t", "0.05", "--windows", "1")
        windows = weir.windows()
        assert weir.wait() == 0 and windows[0]["mode"] == got, f"-x {asked}: {windows} {weir.stderr}"
        assert ("using skb" in weir.stderr) == (asked in ("hw", "8")), weir.stderr
        assert ("-x drv is faster" in weir.stderr) == (asked in ("skb", "2")), weir.stderr


def test_strict_mode_fails_rather_than_fall_back(box):
    net = box.net()
    weir = box.inject(net.right, "-x", "hw", "--strict-mode")
    assert weir.wait() == 7 and "hw mode does not work" in weir.stderr, weir.stderr
    assert harness.attached_program(net.right) is None


def test_large_mtu_works_in_driver_mode(box):
    net = box.net(mtu=9000)
    weir = box.inject(net.right, "-x", "drv", "--strict-mode", "-t", "30")
    harness.wait_attached(weir)
    with net.raw_socket(net.left) as raw:
        for _ in range(20):
            raw.send(harness.frame(payload=bytes(8900)))
    time.sleep(0.05)
    assert first_window(weir)["packets"]["entered"] == 20


def test_transmitted_packets_come_back(box):
    net = box.net()
    source = box.file("verdict.bpf.c", VERDICT)
    for mode in ("skb", "drv"):
        # veth transmits from driver mode only where the other end has a driver-mode program too.
        other = box.inject(net.left, "-x", mode, "-t", "30")
        harness.wait_attached(other)
        weir = box.inject(net.right, "-x", mode, "-b", source, "--set", "verdict.verdict=3", "-t", "30")
        harness.wait_attached(weir)
        with receiver(net.left) as back:
            send(net, net.left, 25)
            assert arrived(back, 25) == 25, f"{mode}: not all came back"
        assert first_window(weir)["packets"]["entered"] == 25
        assert first_window(other)["packets"]["entered"] == 25


def test_redirected_packets_arrive(box):
    net, other = box.net(), box.net(devices=("out0", "out1"))
    # a second pair whose left end moves beside the probe's interface
    netpair.ip("-n", other.left.namespace, "link", "set", "out0", "netns", net.right.namespace)
    netpair.ip("-n", net.right.namespace, "link", "set", "out0", "up")
    links = json.loads(netpair.ip("-n", net.right.namespace, "-j", "link", "show", "dev", "out0"))
    source = box.file("redirect.bpf.c", REDIRECT)
    weir = box.inject(net.right, "-b", source, "--set", f"redirect.target={links[0]['ifindex']}", "-t", "30")
    harness.wait_attached(weir)
    with receiver(other.right) as there:
        send(net, net.left, 25)
        assert arrived(there, 25) == 25, "not all were redirected"
    assert first_window(weir)["packets"]["entered"] == 25


def test_dropped_packets_are_dropped_and_others_pass(box):
    net = box.net()
    source = box.file("verdict.bpf.c", VERDICT)
    for verdict, expected in ((1, 0), (2, 25)):  # XDP_DROP, XDP_PASS
        weir = box.inject(net.right, "-b", source, "--set", f"verdict.verdict={verdict}", "-t", "30")
        harness.wait_attached(weir)
        with receiver(net.right) as here:
            send(net, net.left, 25)
            assert arrived(here, expected or 1, 1.0) == expected, f"verdict {verdict}"
        assert first_window(weir)["packets"]["entered"] == 25


if __name__ == "__main__":
    harness.main(globals())
