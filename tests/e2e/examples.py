#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The probes of examples/README.md. Each counts what tshark counts in captures (third-party data beside the
repository), or what this script wrote into a capture frame by frame; the blocklist also drops live packets."""
import collections
import ctypes
import os
import re
import socket
import struct
import subprocess

import _harness as harness
import _leaks as leaks
import _live as live
import replay as replays

EXAMPLES = harness.REPOSITORY / "examples"
NAMES = ("blocklist", "dns_names", "handshake", "packet_sizes", "port_scan", "syn_sources", "tls_names", "vlans")
MAX_LINES = 60
SYN, ACK, RST = 2, 16, 4
BPF_MAP_UPDATE_ELEM = 2


# ------------------------------------------------------------------------------------------ tools
def source(name):
    return EXAMPLES / f"{name}.bpf.c"


def window_of(box, name, path, *args):
    """(tables, frames, standard error) of one window over the whole capture."""
    process = replays.replay(box, path, "-b", source(name), "-t", "1000000", *args)
    windows = replays.windows_of(process)
    assert len(windows) == 1 and replays.unseen(windows) == 0, [w["packets"] for w in windows]
    return windows[0]["tables"], windows[0]["packets"]["entered"], process.stderr


def rows(table):
    """{key: value} of a table without nested keys; of a map per CPU its sums."""
    return {row["key"]: row["sum"] if "sum" in row else row["value"] for row in table["entries"]}


def totals(tables, table="totals"):
    """The one row of an array; {} where nothing was counted."""
    return next(iter(rows(tables[table]).values()), {})


def names(table):
    return {row["key"]["text"]: row["sum"] for row in table["entries"]}


def capture(name):
    path = harness.SHARED_DATA / "captures" / name
    if not path.exists():
        raise harness.Skip(f"no {path}", is_kernel=False)
    return path


def tshark(path, display_filter, *fields, options=()):
    """The fields of each frame that the filter takes."""
    command = ["tshark", "-n", *options, "-r", path, "-Y", display_filter, "-T", "fields", "-E", "occurrence=f"]
    text = subprocess.run([*command, *(word for field in fields for word in ("-e", field))],
                          capture_output=True, text=True, check=True).stdout
    return [tuple(line.split("\t")) for line in text.splitlines()]


def first_of(*alternatives):
    return next((text for text in alternatives if text), "")


def written(box, frames, name="frames.pcap"):
    """A capture of frames, or of (time in ns, frame)."""
    timed = [each if isinstance(each, tuple) else (replays.NS + i, each) for i, each in enumerate(frames)]
    return replays.write(box, name, replays.pcap(timed))


def tagged(frame, *tags):
    """`frame` behind VLAN tags, each (ethertype, TCI)."""
    return frame[:12] + b"".join(struct.pack(">HH", *tag) for tag in tags) + frame[12:]


def ipv6(sender, receiver, protocol, payload):
    head = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64)
    ends = socket.inet_pton(socket.AF_INET6, sender) + socket.inet_pton(socket.AF_INET6, receiver)
    return harness.frame(ether_type=0x86DD, payload=head + ends + payload)


def ipv6_tcp(sender, receiver, sport, dport, flags):
    return ipv6(sender, receiver, 6, struct.pack(">HHIIBBHHH", sport, dport, 0, 0, 0x50, flags, 100, 0, 0))


def tcp(sender, sport, dport, flags, to="10.1.0.1"):
    return live.packet(sender, sport, dport, protocol=6, flags=flags, destination=to)


def udp(payload, dport=53):
    head = struct.pack(">HHHH", 4000, dport, 8 + len(payload), 0)
    return harness.frame(ether_type=0x0800, payload=live.ipv4("10.0.0.1", "10.1.0.1", 17, head + payload))


def update_map(name, key, value):
    """What `bpftool map update name NAME ...` does; NAME must be there once."""
    found = [number for number in leaks.ids("map") if (info := leaks._info("map", number)) and info[1] == name]
    assert len(found) == 1, f"{len(found)} maps are called {name}"
    descriptor = leaks._open("map", found[0])
    key, value = ctypes.create_string_buffer(key, len(key)), ctypes.create_string_buffer(value, len(value))
    attr = (ctypes.c_uint64 * 4)(descriptor, ctypes.addressof(key), ctypes.addressof(value), 0)
    try:
        assert leaks._libc.syscall(leaks._NR_BPF, BPF_MAP_UPDATE_ELEM, attr, 32) == 0, ctypes.get_errno()
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------------------------------ all of them
def test_each_is_short_and_stands_in_the_readme(box):
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        lines = len(source(name).read_text(encoding="utf-8").splitlines())
        assert lines <= MAX_LINES, f"{name}: {lines} lines"
        assert f"examples/{name}.bpf.c" in readme, f"{name} is not in examples/README.md"


def test_each_runs_on_tc_and_counts_the_same(box):
    frames = [tcp("10.0.0.1", 1, 80, SYN), tcp("10.0.0.2", 1, 81, SYN), udp(question(b"\1a\0")),
              segment(client_hello(b"weir.example"))]
    path = written(box, [tagged(frame, (0x8100, 5)) for frame in frames])
    for name in NAMES:
        on_xdp, entered, _ = window_of(box, name, path)
        on_tc, _, _ = window_of(box, name, path, "--hook", "tc-ingress")
        counted = [{table: found["entries"] for table, found in tables.items()} for tables in (on_xdp, on_tc)]
        assert entered == len(frames) and any(counted[0].values()), (name, counted)
        assert counted[0] == counted[1], (name, counted)


# ------------------------------------------------------------------------------------------ syn_sources
def test_syn_sources_agrees_with_tshark(box):
    for name in ("mixed/doriguzzi-benign-syn.pcap", "benign/ndpi-http_ipv6.pcap"):
        path = capture(name)
        seen = tshark(path, "tcp.flags.syn == 1 && tcp.flags.ack == 0", "ip.src", "ipv6.src")
        expected = collections.Counter(first_of(*each) for each in seen)
        tables, _, _ = window_of(box, "syn_sources", path)
        assert expected and rows(tables["sources"]) == expected, name
        assert totals(tables) == {"syns": len(seen), "untracked": 0}, name


def test_full_map_is_told(box):
    frames = [tcp(f"10.0.{i // 200}.{i % 200}", 1, 80, SYN) for i in range(1000)]
    frames += [tcp("10.9.9.9", 1, 80, SYN | ACK), tcp("10.9.9.9", 1, 80, ACK)]
    tables, _, _ = window_of(box, "syn_sources", written(box, frames), "--set", "syn_sources.sources.max_entries=16")
    kept, all_of_them = rows(tables["sources"]), totals(tables)
    assert 0 < len(kept) < 1000 and tables["sources"]["saturated"], tables["sources"]["rows"]
    assert all_of_them == {"syns": 1000, "untracked": 1000 - sum(kept.values())}, all_of_them


def test_full_maps_are_told_by_the_others_too(box):
    """handshake and port_scan have tests of their own."""
    sent = {("dns_names", "names"): [udp(question(b"\4" + b"%04d" % i + b"\0")) for i in range(500)],
            ("tls_names", "names"): [segment(client_hello(b"%d.example" % i)) for i in range(500)],
            ("vlans", "by_vlan"): [tagged(harness.frame(), (0x8100, 1 + i)) for i in range(500)]}
    for (name, table), frames in sent.items():
        tables, _, _ = window_of(box, name, written(box, frames), "--set", f"{name}.{table}.max_entries=16")
        kept = sum(row["sum"]["packets"] if name == "vlans" else row["sum"] for row in tables[table]["entries"])
        assert 0 < kept < 500 and tables[table]["saturated"], (name, kept)
        assert totals(tables)["untracked"] == 500 - kept, (name, kept, totals(tables))


# ------------------------------------------------------------------------------------------ dns_names
def question(name, flags=0x0100, questions=1):
    return struct.pack(">HHHHHH", 7, flags, questions, 0, 0, 0) + name + struct.pack(">HH", 1, 1)


def test_dns_names_agrees_with_tshark(box):
    for name in ("benign/ndpi-alexa-app.pcapng", "benign/pcapplusplus-example.pcap", "benign/ipfixprobe-dns.pcap"):
        path = capture(name)
        asked = tshark(path, "dns.flags.response == 0 && udp.dstport == 53", "dns.qry.name")
        expected = collections.Counter("" if each == "<Root>" else each for (each,) in asked)
        tables, _, _ = window_of(box, "dns_names", path)
        assert expected and names(tables["names"]) == expected, (name, names(tables["names"]), expected)
        assert totals(tables) == {"queries": len(asked), "unread": 0, "untracked": 0}, name


def test_dns_names_tells_what_it_cannot_read(box):
    label = lambda size: bytes([size]) + b"x" * size  # noqa: E731
    longest = label(63) + label(63) + b"\0"  # 127 letters with the dot
    good = [question(b"\3WwW\2a-\0"), question(longest), question(b"\0")]
    bad = [question(b"\xc0\x0c"), question(label(63) + label(62) + label(1) + b"\0"), question(b"\1a", questions=0),
           question(b"")[:12] + b"\5abc"]
    bad.append(question(b"")[:12] + b"\3abc")  # its end would be the frame's padding
    others = [udp(question(b"\1a\0", flags=0x8180)), udp(question(b"\1a\0"), dport=5353), udp(b"short")]
    frames = [udp(each) for each in good + bad] + others
    v6 = question(b"\2v6\0")
    frames.append(ipv6("fd00::1", "fd00::2", 17, struct.pack(">HHHH", 4000, 53, 8 + len(v6), 0) + v6))
    # And once with the frame itself cut.
    frames.append(udp(bad[-1])[:14 + 20 + 8 + len(bad[-1])])
    tables, _, _ = window_of(box, "dns_names", written(box, frames))
    assert names(tables["names"]) == {"WwW.a-": 1, "x" * 63 + "." + "x" * 63: 1, "": 1, "v6": 1}, names(tables["names"])
    assert totals(tables) == {"queries": 10, "unread": 6, "untracked": 0}, totals(tables)


# ------------------------------------------------------------------------------------------ tls_names
def test_tls_names_agrees_with_tshark(box):
    for name in ("benign/ndpi-netflix.pcap", "benign/ndpi-teams.pcap", "benign/ndpi-http_ipv6.pcap"):
        path = capture(name)
        asked = tshark(path, "tcp && tls.handshake.type == 1", "tls.handshake.extensions_server_name",
                       options=("-o", "tcp.desegment_tcp_streams:FALSE", "-o", "tcp.analyze_sequence_numbers:FALSE"))
        expected = collections.Counter(each for (each,) in asked if each)
        tables, _, _ = window_of(box, "tls_names", path)
        assert expected and names(tables["names"]) == expected, (name, names(tables["names"]), expected)
        assert totals(tables) == {"hellos": len(asked), "unread": len(asked) - sum(expected.values()),
                                  "untracked": 0}, (name, totals(tables))


def client_hello(host):
    """A TLS record whose last extension, and last bytes, are the server's name."""
    name = struct.pack(">HHHBH", 0, len(host) + 5, len(host) + 3, 0, len(host)) + host
    extensions = struct.pack(">HH", 23, 0) + name
    body = b"\3\3" + bytes(32) + b"\4sess" + b"\0\2\x13\1" + b"\1\0" + struct.pack(">H", len(extensions)) + extensions
    hello = b"\1" + len(body).to_bytes(3, "big") + body
    return b"\x16\3\1" + len(hello).to_bytes(2, "big") + hello


def segment(payload):
    """A frame to port 443 without padding."""
    head = struct.pack(">HHIIBBHHH", 4000, 443, 0, 0, 0x50, ACK, 100, 0, 0)
    packet = live.ipv4("10.0.0.1", "10.1.0.1", 6, head + payload)
    return harness.frame(ether_type=0x0800, payload=packet)[:14 + len(packet)]


def test_tls_names_counts_a_hello_that_is_cut_anywhere(box):
    record = client_hello(b"weir.example")
    longest = client_hello(b"x" * 127)
    frames = [segment(record[:size]) for size in range(len(record) + 1)] + [segment(longest)]
    frames += [segment(client_hello(b"x" * 128)), segment(client_hello(b"x")[:5] + b"\2" + bytes(60))]
    tables, _, _ = window_of(box, "tls_names", written(box, frames))
    assert names(tables["names"]) == {"weir.example": 1, "x" * 127: 1}, names(tables["names"])
    assert totals(tables) == {"hellos": len(record) - 5 + 2, "unread": len(record) - 6 + 1, "untracked": 0}


# ------------------------------------------------------------------------------------------ port_scan
def test_port_scan_agrees_with_tshark(box):
    path = capture("attack/ndpi-synscan.pcap")
    seen = tshark(path, "tcp.flags.syn == 1 && tcp.flags.ack == 0", "ip.src", "ip.dst", "tcp.dstport")
    expected = collections.Counter(sender for sender, _, _ in set(seen))
    tables, _, said = window_of(box, "port_scan", path)
    assert len(seen) > 1000 and rows(tables["sources"]) == expected, rows(tables["sources"])
    assert totals(tables) == {"syns": len(seen), "untracked": 0}
    assert said.count("172.16.0.8 asks 20 ends for a connection") == 1, said


def test_port_scan_warns_at_its_parameter(box):
    frames = [tcp("10.0.0.1", 1, 100 + i % 5, SYN) for i in range(50)]
    frames += [tcp("10.0.0.2", 1, 100, SYN, to=f"10.1.0.{i}") for i in range(6)]
    frames += [ipv6_tcp("fd00::3", "fd00::4", 1, i, SYN) for i in range(7)]
    frames += [tcp("10.0.0.5", 1, i, SYN | ACK) for i in range(30)] + [tcp("10.0.0.5", 1, i, RST) for i in range(30)]
    path = written(box, frames)
    tables, _, said = window_of(box, "port_scan", path, "--set", "port_scan.TARGETS=6")
    assert rows(tables["sources"]) == {"10.0.0.1": 5, "10.0.0.2": 6, "fd00::3": 7}, rows(tables["sources"])
    assert said.count("asks 6 ends") == 2 and "10.0.0.2 asks" in said and "0003 asks" in said, said
    _, _, said = window_of(box, "port_scan", path)
    assert "asks" not in said, said
    tables, _, _ = window_of(box, "port_scan", path, "--set", "port_scan.targets.max_entries=4")
    assert totals(tables)["untracked"] > 0, totals(tables)


# ------------------------------------------------------------------------------------------ packet_sizes
def test_packet_sizes_agree_with_tshark(box):
    starts = {0: "UP_TO_63", 64: "FROM_64", 128: "FROM_128", 256: "FROM_256", 512: "FROM_512", 1024: "FROM_1024",
              1519: "FROM_1519"}
    edges = [size + d for size in starts if size for d in (-1, 0)] + [14, 9000]
    written_by_us = written(box, [bytes(size) for size in edges])
    for path in (written_by_us, capture("benign/tcpreplay-test.pcap"), capture("benign/ndpi-signal.pcap")):
        expected = {}
        for (text,) in tshark(path, "frame", "frame.cap_len"):
            seen = expected.setdefault(starts[max(start for start in starts if start <= int(text))],
                                       {"packets": 0, "bytes": 0})
            seen["packets"] += 1
            seen["bytes"] += int(text)
        tables, entered, _ = window_of(box, "packet_sizes", path)
        assert len(expected) > 3 and rows(tables["sizes"]) == expected, (path, rows(tables["sizes"]), expected)
        assert sum(seen["packets"] for seen in expected.values()) == entered


# ------------------------------------------------------------------------------------------ handshake
def test_handshake_times_are_those_of_the_frames(box):
    us, server, client = 1000, "10.1.0.1", "10.0.0.1"

    def at(time_us, frame):
        return (replays.NS + time_us * us, frame)

    def asked(port, flags):
        return tcp(client, port, 80, flags)

    def answered(port):
        return tcp(server, 80, port, SYN | ACK, to=client)
    frames = [
        at(0, asked(1, SYN)), at(150, answered(1)), at(400, asked(1, ACK)), at(900, asked(1, ACK)),
        at(1000, asked(2, SYN)), at(2000, asked(2, SYN)), at(2500, answered(2)), at(2700, answered(2)),
        at(3000, asked(2, ACK)),                   # sent again: from the first SYN, to the first answer
        at(4000, asked(3, SYN)),                   # never answered
        at(5000, asked(4, ACK)), at(5100, answered(5)),  # began earlier
        at(6000, asked(6, SYN)), at(6300, asked(6, RST | ACK)),
        at(7000, ipv6_tcp("fd00::1", "fd00::2", 9, 443, SYN)),
        at(7020, ipv6_tcp("fd00::2", "fd00::1", 443, 9, SYN | ACK)),
        at(7050, ipv6_tcp("fd00::1", "fd00::2", 9, 443, ACK))]
    tables, _, _ = window_of(box, "handshake", written(box, frames))
    assert rows(tables["servers"]) == {
        server: {"syns": 4, "synacks": 2, "synack_us": 150 + 1500, "acks": 2, "ack_us": 400 + 2000, "untracked": 0},
        "fd00::2": {"syns": 1, "synacks": 1, "synack_us": 20, "acks": 1, "ack_us": 50, "untracked": 0},
    }, rows(tables["servers"])
    syns = [tcp(client, i, 80, SYN) for i in range(1, 300)]
    tables, _, _ = window_of(box, "handshake", written(box, syns), "--set", "handshake.began.max_entries=16")
    assert 0 < rows(tables["servers"])[server]["untracked"] < 299, rows(tables["servers"])


def test_handshake_agrees_with_tshark(box):
    path = capture("benign/ndpi-http_ipv6.pcap")
    seen = tshark(path, "tcp.flags.syn == 1", "frame.time_epoch", "ipv6.src", "ipv6.dst", "tcp.stream", "tcp.flags.ack")
    began, expected = {}, collections.defaultdict(lambda: [0, 0])
    for when, sender, _, stream, ack in seen:
        nanoseconds = int(when.replace(".", ""))
        if ack in ("1", "True"):
            expected[sender][0] += 1
            expected[sender][1] += (nanoseconds - began[stream]) // 1000
        else:
            began.setdefault(stream, nanoseconds)
    tables, _, _ = window_of(box, "handshake", path)
    found = {key: [row["synacks"], row["synack_us"]] for key, row in rows(tables["servers"]).items()}
    assert expected and found == expected, (found, dict(expected))


# ------------------------------------------------------------------------------------------ vlans
def test_vlans_are_counted_by_their_tags(box):
    plain, q, ad = tcp("10.0.0.1", 1, 80, SYN), 0x8100, 0x88A8
    sent = {(0, 0, 0): [plain] * 3, (1, 5, 0): [tagged(plain, (q, 5)), tagged(plain, (q, 0xE005))],
            (1, 4094, 0): [tagged(plain, (q, 4094))], (2, 100, 7): [tagged(plain, (ad, 100), (q, 7))] * 4,
            (2, 100, 8): [tagged(plain, (ad, 100), (q, 8), (q, 9))]}
    frames = [frame for group in sent.values() for frame in group]
    frames += [plain[:12] + struct.pack(">HH", q, 5)]  # cut off within the tag
    tables, _, _ = window_of(box, "vlans", written(box, frames))
    found = {tuple(row["key"].values()): row["sum"] for row in tables["by_vlan"]["entries"]}
    assert found == {key: {"packets": len(group), "bytes": sum(map(len, group))} for key, group in sent.items()}, found
    assert totals(tables) == {"unread": 1, "untracked": 0}, totals(tables)


def test_vlans_agree_with_tshark(box):
    for name in ("edge/zeek-http-vlan-0.pcap", "edge/zeek-http-qinq-0.pcap", "edge/zeek-icmp_dot1q.pcap"):
        path = capture(name)
        outer = collections.Counter(
            int(outer or inner) for outer, inner in tshark(path, "vlan || ieee8021ad", "ieee8021ad.id", "vlan.id"))
        tables, _, _ = window_of(box, "vlans", path)
        found = collections.Counter()
        for row in tables["by_vlan"]["entries"]:
            if row["key"]["tags"]:
                found[row["key"]["outer"]] += row["sum"]["packets"]
        assert outer and found == outer, (name, found, outer)


# ------------------------------------------------------------------------------------------ blocklist
def test_blocklist_counts_the_source_it_is_given(box):
    frames = [tcp("10.0.0.6", 1, 80, SYN)] * 5 + [tcp("10.0.0.7", 1, 80, SYN)] * 3 + [harness.frame()]
    path = written(box, frames)
    tables, _, _ = window_of(box, "blocklist", path, "--set", "blocklist.SOURCE=0x0a000006")
    assert totals(tables) == {"passed": 4, "dropped": 5, "untracked": 0} and rows(tables["dropped"]) == {"10.0.0.6": 5}
    tables, _, _ = window_of(box, "blocklist", path)
    assert totals(tables) == {"passed": 9, "dropped": 0, "untracked": 0}, totals(tables)


def test_blocklist_drops_listed_sources_and_nothing_else(box):
    """What arrives is counted by a socket behind the probe."""
    net = box.net()
    weir = box.inject(net.right, "-b", source("blocklist"), "-t", "60", "--set", "blocklist.SOURCE=0x0a000006")
    harness.wait_attached(weir, 40)
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"bpftool map update name (\w+) key hex (.+) value hex (.+)", readme)
    assert len(commands) == 2, commands
    for name, *numbers in commands:  # 10.0.3.0/24 and fd00::bad
        update_map(name, *(bytes(int(number, 16) for number in each.split()) for each in numbers))
    with harness.netpair.inside(net.right.namespace):
        behind = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    with behind:
        behind.bind((net.right.device, 3))
        behind.settimeout(5)
        good = [tcp("10.0.0.7", 1, 80, SYN), tcp("10.0.4.1", 1, 80, SYN), ipv6_tcp("fd00::600d", "fd00::1", 1, 80, SYN),
                tagged(tcp("10.0.0.8", 1, 80, SYN), (0x88A8, 9))]
        bad = {"10.0.0.6": tcp("10.0.0.6", 1, 80, SYN), "10.0.3.77": tcp("10.0.3.77", 1, 80, SYN),
               "fd00::bad": ipv6_tcp("fd00::bad", "fd00::1", 1, 80, SYN)}
        last = harness.frame(payload=b"last")
        live.send(net, [*bad.values(), *good] * 10 + [last])
        arrived = []
        while not arrived or arrived[-1] != last:
            arrived.append(behind.recv(2000))
    windows = live.stop(weir)
    assert sum(frame in bad.values() for frame in arrived) == 0, "a listed source came through"
    for frame in (good[0], good[1], good[2]):
        assert arrived.count(frame) == 10, len(arrived)
    assert len(arrived) == 41, len(arrived)
    tables = windows[0]["tables"]
    assert rows(tables["dropped"]) == {key: 10 for key in bad}, rows(tables["dropped"])
    assert totals(tables) == {"passed": 41, "dropped": 30, "untracked": 0} and tables["blocked"]["rows"] == 2


if __name__ == "__main__":
    harness.main(globals())
