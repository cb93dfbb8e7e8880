#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Labels of an episode: which flows of the uplink are an attack's, and which program sent them.

    labels.py build/traffic/train-000.json

A flow is an attack's when an attacker host sent a packet of it (its own capture tells), in either direction. And,
should that capture have missed some, when an attacker's own address is an end of it, or when its first packet comes from an
address that nobody has: then it is of the attack that hit the same victim nearest in time. What a victim's ICMP errors
say is none.
Reads Ethernet pcaps with IPv4 and no VLAN; other frames and fragments after the first are passed over.
"""
import json
import socket
import struct
import sys
from pathlib import Path

import numpy as np

HEADER = "source,destination,source_port,destination_port,protocol,label,kind,program,packets,first,last"
ICMP, TCP, UDP = 1, 6, 17
ICMP_ERRORS = (3, 4, 5, 11, 12)
MAGIC = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}  # to nanoseconds of each record's fraction


class Packets:
    """The columns of a capture, in its order: time (s), source, destination, ports, protocol, icmp_type."""

    def __init__(self, path):
        data = Path(path).read_bytes()
        offsets, lengths, self.time = _records(data)
        # Padded, so that a field that a short capture lacks can be read (as 0) and then be ignored.
        octets = np.frombuffer(data + bytes(128), dtype=np.uint8)

        def number(at, width):
            value = np.zeros(len(at), dtype=np.int64)
            for index in range(width):
                value = value << 8 | octets[at + index]
            return value

        is_ip = (lengths >= 34) & (number(offsets + 12, 2) == 0x0800)
        is_ip &= (number(offsets + 20, 2) & 0x1FFF) == 0
        offsets, lengths, self.time = offsets[is_ip], lengths[is_ip], self.time[is_ip]
        self.protocol = number(offsets + 23, 1)
        self.source, self.destination = number(offsets + 26, 4), number(offsets + 30, 4)
        layer4 = offsets + 14 + 4 * (number(offsets + 14, 1) & 15)
        has_ports = np.isin(self.protocol, (TCP, UDP)) & (lengths >= layer4 - offsets + 4)
        self.source_port = np.where(has_ports, number(layer4, 2), 0)
        self.destination_port = np.where(has_ports, number(layer4 + 2, 2), 0)
        self.icmp_type = np.where(self.protocol == ICMP, number(layer4, 1), -1)

    def keys(self):
        """Shape [packets, 2]: the same two numbers for both directions of a flow, unique to the flow."""
        one = self.source << 16 | self.source_port
        other = self.destination << 16 | self.destination_port
        # 48 bits each way: the lower end with the protocol in one number, the higher end in the other.
        return np.stack((np.minimum(one, other) << 8 | self.protocol, np.maximum(one, other)), axis=1)


def _records(data):
    if len(data) < 24:
        raise RuntimeError("not a pcap file")
    (magic,) = struct.unpack_from("<I", data)
    if magic not in MAGIC or struct.unpack_from("<I", data, 20)[0] & 0xFFFF != 1:
        raise RuntimeError("not a little-endian pcap file of Ethernet")
    header = struct.Struct("<III").unpack_from
    offsets, lengths, seconds, fractions = [], [], [], []
    at, end = 24, len(data)
    while at + 16 <= end:
        second, fraction, length = header(data, at)
        if at + 16 + length > end:
            break  # cut off in the middle of a packet
        offsets.append(at + 16)
        lengths.append(length)
        seconds.append(second)
        fractions.append(fraction)
        at += 16 + length
    times = np.array(seconds, dtype=np.float64) + np.array(fractions, dtype=np.float64) * MAGIC[magic] * 1e-9
    return np.array(offsets, dtype=np.int64), np.array(lengths, dtype=np.int64), times


def address(number):
    return socket.inet_ntoa(struct.pack(">I", number))


class Namer:
    """Tells which application a benign flow is of."""

    def __init__(self, facts):
        self.services = {(entry["address"], entry["protocol"], entry["port"]): entry["application"]
                         for entry in facts["services"]}
        attackers = {attack["host"] for attack in facts["attacks"]}
        self.known = {own for name, host in facts["hosts"].items() if name not in attackers for own in host["addresses"]}

    def name(self, source, destination, source_port, destination_port, protocol, icmp_type):
        if protocol == ICMP:
            if icmp_type not in ICMP_ERRORS:
                return "ping"
            return "icmp-error" if source in self.known and destination in self.known else "backscatter"
        for end in ((destination, protocol, destination_port), (source, protocol, source_port),
                    ("*", protocol, destination_port), ("*", protocol, source_port)):
            if end in self.services:
                return self.services[end]
        if source not in self.known or destination not in self.known:
            return "backscatter"
        return "other"


class Strangers:
    """Finds the attack of flows that only an attacker can have begun."""

    def __init__(self, facts, times):
        """`times`: of each attack, when its host sent first and last; none where nothing was captured."""
        attackers = {attack["host"] for attack in facts["attacks"]}
        own = {name: set(host["addresses"]) for name, host in facts["hosts"].items()}
        self.bots = set().union(*(own[name] for name in attackers))
        self.known = set().union(*(addresses for name, addresses in own.items() if name not in attackers))
        self.attacks = [(attack, span) for attack, span in zip(facts["attacks"], times) if span]

    def attack_of(self, source, destination, icmp_type, start):
        is_answer = destination in self.bots and icmp_type not in ICMP_ERRORS
        if not self.attacks or (source in self.known and not is_answer):
            return None

        def distance(entry):
            attack, (first, last) = entry
            return (attack["victim_address"] not in (source, destination), max(first - start, start - last, 0))

        return min(self.attacks, key=distance)[0]


def write_labels(facts, uplink, sent, path):
    """Writes the CSV at `path`. `sent` holds pairs of an attack of facts["attacks"] and its host's capture.

    Returns {"benign": {program: flows}, "attack": {program: flows}}.
    """
    packets = Packets(uplink)
    keys, first, which, counts = np.unique(packets.keys(), axis=0, return_index=True, return_inverse=True,
                                           return_counts=True)
    last = np.zeros(len(first))
    np.maximum.at(last, which.ravel(), packets.time)
    attack_of, times = {}, []
    for attack, capture in reversed(sent):  # where two sent the same flow, the first attack has it
        own = Packets(capture)
        times.insert(0, (own.time.min(), own.time.max()) if len(own.time) else None)
        for key in np.unique(own.keys(), axis=0).tolist():
            attack_of[tuple(key)] = attack
    strangers = Strangers(facts, times)
    namer = Namer(facts)
    columns = [column[first].tolist() for column in (
        packets.source, packets.destination, packets.source_port, packets.destination_port, packets.protocol,
        packets.icmp_type, packets.time)]
    rows, summary = [], {"benign": {}, "attack": {}}
    for key, count, end, (source, destination, source_port, destination_port, protocol, icmp_type, start) in sorted(
            zip(keys.tolist(), counts.tolist(), last.tolist(), zip(*columns)), key=lambda row: row[3][6]):
        ends = (address(source), address(destination), source_port, destination_port, protocol)
        attack = attack_of.get(tuple(key)) or strangers.attack_of(*ends[:2], icmp_type, start)
        if attack:
            label, kind, program = "attack", attack["kind"], attack["program"]
        else:
            label, kind, program = "benign", "benign", namer.name(*ends, icmp_type)
        summary[label][program] = summary[label].get(program, 0) + 1
        rows.append("{},{},{},{},{},".format(*ends) + f"{label},{kind},{program},{count},{start:.6f},{end:.6f}\n")
    Path(path).write_text(HEADER + "\n" + "".join(rows), encoding="ascii")
    return summary


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    facts_path = Path(sys.argv[1])
    facts = json.loads(facts_path.read_text(encoding="utf-8"))
    sent = [(attack, facts_path.with_name(attack["sent"])) for attack in facts["attacks"]]
    print(json.dumps(write_labels(facts, facts_path.with_suffix(".pcap"), sent, facts_path.with_suffix(".csv"))))


if __name__ == "__main__":
    main()
