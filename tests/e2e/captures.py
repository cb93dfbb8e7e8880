#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Real attack captures, sent by tcpreplay into a veth: the windows' packets are the capture's packets, which
this test counts itself. The captures are third-party data beside the repository, not part of it."""
import signal
import struct

import _harness as harness

ATTACKS = harness.SHARED_DATA / "captures" / "attack"
ETHERNET = 1
RATE = 20000  # packets/s: below what one CPU's backlog takes, so that nothing is dropped before the hook


def frames_of(path):
    """Lengths of the frames of a classic pcap file, read from its record headers."""
    data = path.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link_type, = struct.unpack_from(order + "I", data, 20)
    assert link_type & 0xFFFF == ETHERNET, f"{path.name}: link type {link_type} does not fit a veth"
    lengths, at = [], 24
    while at + 16 <= len(data):
        captured, = struct.unpack_from(order + "I", data, at + 8)
        lengths.append(captured)
        at += 16 + captured
    return lengths


def replay(box, path, mode):
    """Sends one capture; returns (packets in it, windows)."""
    lengths = frames_of(path)
    net = box.net(mtu=max(1500, max(lengths) - 14), with_addresses=False)  # no address: nobody answers
    weir = box.inject(net.right, "-x", mode, "--strict-mode", "-t", "0.2", "--max-rows", "0")
    harness.wait_attached(weir)
    net.run(net.left, "tcpreplay", f"--pps={RATE}", "-i", net.left.device, str(path), timeout=120)
    weir.signal(signal.SIGINT)
    windows = weir.windows()
    assert weir.wait() == 0, weir.stderr
    net.close()
    return len(lengths), windows


def check_all(box, mode):
    captures = sorted(ATTACKS.glob("*.pcap"))
    if not captures:
        raise harness.Skip(f"no captures in {ATTACKS}", is_kernel=False)
    wrong = []
    for path in captures:
        sent, windows = replay(box, path, mode)
        counted = harness.entered(windows)
        print(f"     {mode} {path.name}: sent {sent}, entered {counted}, windows {len(windows)}", flush=True)
        if counted != sent:
            wrong.append(path.name)
    assert not wrong, wrong


def test_generic_mode_counts_every_packet_of_every_capture(box):
    check_all(box, "skb")


def test_driver_mode_counts_every_packet_of_every_capture(box):
    check_all(box, "drv")


if __name__ == "__main__":
    harness.main(globals())
