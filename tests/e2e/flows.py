#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The default probe's flows on real traffic: what windows add up to, full tables, memory, and interfaces whose
frames begin with IP."""
import fcntl
import ipaddress
import os
import re
import signal
import socket
import struct
import time
from pathlib import Path

import _harness as harness
import netpair

GIB = 1 << 30
OUTCOMES = ("recorded", "beyond", "untracked", "ignored")


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source, destination, protocol, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 7, 0, 64, protocol, 0,
                       ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(source, destination, protocol, payload):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, 64, ipaddress.ip_address(source).packed,
                       ipaddress.ip_address(destination).packed) + payload


def udp(source_port, destination_port, payload=b""):
    return struct.pack("!HHHH", source_port, destination_port, 8 + len(payload), 0) + payload


def send(net, packets, ether_type=0x0800):
    with net.raw_socket(net.left) as raw:
        for packet in packets:
            raw.send(harness.frame(ether_type=ether_type, payload=packet))


def totals(windows):
    """The outcomes of all windows; each window must add up by itself."""
    found = dict.fromkeys(OUTCOMES, 0)
    for window in windows:
        packets = window["packets"]
        assert sum(packets[name] for name in OUTCOMES) == packets["entered"], packets
        entries = window["tables"]["flows"]["entries"]
        in_flows = sum(e["value"]["packets"] for e in entries)
        assert in_flows == packets["recorded"] + packets["beyond"], (in_flows, packets)
        assert sum(len(e["value"]["packet"]) for e in entries) == packets["recorded"], packets
        for name in OUTCOMES:
            found[name] += packets[name]
    return found


def stopped(weir):
    """Stops weir; its windows."""
    weir.signal(signal.SIGINT)
    windows = weir.windows()
    assert weir.wait() == 0, weir.stderr
    return windows


def by_key(windows):
    """{(source, source port, destination, destination port, protocol): [value per window]}"""
    flows = {}
    for window in windows:
        for entry in window["tables"]["flows"]["entries"]:
            key = entry["key"]
            name = (key["source"], key["source_port"], key["destination"], key["destination_port"], key["protocol"])
            flows.setdefault(name, []).append(entry["value"])
    return flows


def test_every_window_accounts_for_every_packet(box):
    net = box.net()
    weir = box.inject(net.right, "-t", "0.1")
    harness.wait_attached(weir)
    rounds, flows, others = 40, 20, 7
    for _ in range(rounds):  # 0.8 s and more: over several windows
        send(net, [ipv4("10.1.0.1", "10.77.0.2", 17, udp(1000 + i, 53, b"query")) for i in range(flows)])
        send(net, [b"experiment"] * others, ether_type=0x88B5)
        time.sleep(0.02)
    windows = stopped(weir)
    found = totals(windows)
    assert found["ignored"] == rounds * others, found
    assert found["untracked"] == 0 and found["recorded"] + found["beyond"] == rounds * flows, found
    assert sum(1 for w in windows if w["packets"]["entered"]) >= 3, "all in one window"
    seen = by_key(windows)
    assert len(seen) == flows, sorted(seen)
    for i in range(flows):
        values = seen[("10.1.0.1", 1000 + i, "10.77.0.2", 53, 17)]
        assert sum(v["packets"] for v in values) == rounds
        assert sum(v["forward_bytes"] for v in values) == rounds * 33
        assert all(v["server"] == "WEIR_SERVER_DESTINATION" for v in values), values
    for window in windows:
        table = window["tables"]["flows"]
        assert (table["kind"], table["read"], table["capacity"]) == ("flow_tensor", "mmap", 65536), table
        assert not table["saturated"]


def test_a_tcp_connection_is_one_flow_from_syn_to_fin(box):
    net = box.net()
    weir = box.inject(net.right, "-t", "30")
    harness.wait_attached(weir)
    with netpair.inside(net.right.namespace):
        listener = socket.create_server((net.right.address, 8080))
    with netpair.inside(net.left.namespace):
        client = socket.create_connection((net.right.address, 8080), timeout=5)
    with listener, client:
        server, (_, port) = listener.accept()
        with server:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert server.recv(100).startswith(b"GET")
            client.shutdown(socket.SHUT_WR)
            assert server.recv(100) == b""
    window, = stopped(weir)
    value, = by_key([window])[(net.left.address, port, net.right.address, 8080, 6)]
    packets = value["packet"]
    assert value["server"] == "WEIR_SERVER_DESTINATION" and value["backward_bytes"] == 0, value
    assert value["forward_bytes"] == sum(p["ip_length"] for p in packets), value
    assert packets[0]["tcp_flags"] & 0x17 == 2, "SYN first"
    assert [p["tcp_length"] for p in packets if p["tcp_length"]] == [18], packets
    assert any(p["tcp_flags"] & 1 for p in packets), "no FIN"
    times = [p["time"] for p in packets]
    assert times == sorted(times) and 0 < times[-1] - times[0] < 5_000_000_000, times


def test_a_full_table_is_saturated_and_counts_on(box):
    net = box.net()
    size = ("--set", "ddos.max_flows=64", "--set", "ddos.packets_per_flow=2")
    for _ in range(2):  # the same twice: a window after a full one
        weir = box.inject(net.right, "-t", "30", *size)
        harness.wait_attached(weir)
        packets = [ipv4("10.1.0.1", "10.77.0.2", 17, udp(1000 + i, 53)) for i in range(300)]
        send(net, packets * 3)
        window, = stopped(weir)
        found = totals([window])
        table = window["tables"]["flows"]
        assert table["saturated"] and table["capacity"] == 64 and 64 <= table["rows"] <= 128, table["rows"]
        assert found["untracked"] == 3 * (300 - table["rows"]) > 0, found
        assert found["recorded"] == 2 * table["rows"] and found["beyond"] == table["rows"], found
    weir = box.weir(net.right, "inject", "-t", "30", *size, net.right.device)
    harness.wait_attached(weir)
    send(net, packets)
    weir.signal(signal.SIGINT)
    text = "".join(iter(weir.line, None))
    assert weir.wait() == 0, weir.stderr
    warning = [line for line in text.splitlines() if line.startswith("! ")]
    assert len(warning) == 1 and warning[0].startswith("! flows is full ("), text


def available_bytes():
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise harness.Skip("no MemAvailable in /proc/meminfo")


def test_memory_is_told_before_attaching_and_too_much_is_refused(box):
    net = box.net()
    weir = box.inject(net.right, "-t", "0.05", "--windows", "1", "--set", "ddos.max_flows=1k")
    assert weir.wait() == 0, weir.stderr
    told = re.search(r"memory for the maps of both clones: (\d+(?:\.\d+)?) (\w+)", weir.stderr)
    # 1,024 rows of 64 bytes and ten packets of 32, 2,049 heads of 32, twice
    assert told and told[2] == "kB" and 880 <= float(told[1]) <= 920, weir.stderr

    if available_bytes() > 50 * GIB:
        raise harness.Skip("this machine has the memory that is to be refused", is_kernel=False)
    weir = box.inject(net.right, "--set", "ddos.max_flows=60M")
    assert weir.wait() == 8, (weir.wait(), weir.stderr)
    assert re.search(r"need 53 GB for both clones, and \S+ \w+ of memory are left", weir.stderr), weir.stderr
    assert "hint:" in weir.stderr and "max_flows" in weir.stderr, weir.stderr
    assert "memory for the maps" not in weir.stderr
    assert harness.attached_program(net.right) is None


TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def open_tun(end, name):
    """A tun interface in the end's namespace, up; it is gone when the descriptor is closed."""
    if not os.path.exists("/dev/net/tun"):
        raise harness.Skip("no /dev/net/tun")
    with netpair.inside(end.namespace):  # the interface lies where the device was opened
        tun = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        netpair.ip("-n", end.namespace, "link", "set", name, "up")
    except BaseException:
        os.close(tun)
        raise
    return tun


def test_a_tun_interface_has_flows_with_their_addresses(box):
    net = box.net()
    tun = open_tun(net.right, "tun0")
    try:
        weir = box.weir(net.right, "inject", "--format", "json", "-t", "30", "-x", "skb", "tun0")
        end = netpair.End(net.right.namespace, "tun0", 9, False)
        weir.end = end
        harness.wait_attached(weir)
        for i in range(5):
            os.write(tun, ipv4("10.9.8.7", "192.168.3.4", 17, udp(40000, 53, b"x" * i)))
            os.write(tun, ipv6("2001:db8::7", "2001:db8::9", 17, udp(123, 50000)))
        os.write(tun, ipv4("10.9.8.7", "192.168.3.4", 1, b"\x08\0" + b"\0" * 6))
        windows = stopped(weir)
    finally:
        os.close(tun)
    found = totals(windows)
    assert found == {"recorded": 11, "beyond": 0, "untracked": 0, "ignored": 0}, found
    seen = by_key(windows)
    assert len(seen) == 3, sorted(seen)
    value, = seen[("10.9.8.7", 40000, "192.168.3.4", 53, 17)]
    assert [p["ip_length"] for p in value["packet"]] == [28, 29, 30, 31, 32], value
    assert value["server"] == "WEIR_SERVER_DESTINATION"
    value, = seen[("2001:db8::7", 123, "2001:db8::9", 50000, 17)]
    assert value["packets"] == 5 and value["server"] == "WEIR_SERVER_SOURCE", value
    value, = seen[("10.9.8.7", 0, "192.168.3.4", 0, 1)]
    assert value["packet"][0]["icmp_type"] == 8, value


if __name__ == "__main__":
    harness.main(globals())
