#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends a paced flood of hand-made frames: labelled test traffic for the laboratory's namespaces.

    raw_flood.py --device veth0 --mac 02:00:00:00:00:02 --destination 10.71.0.2 --protocol tcp --flags S \\
        --ports 80 --source random --options linux --rate 5000 --seconds 3

Frames are built a batch at a time with numpy, checksums included, and leave through a packet socket. It
refuses to run in the machine's own network namespace, so that it cannot flood a real network by mistake.
"""
import argparse
import ipaddress
import re
import signal
import socket
import sys
import time

import numpy as np

sys.dont_write_bytecode = True
from flood_client import LONGEST_S, refuse_real_network  # noqa: E402

ETHERNET, IPV4 = 14, 20
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17}
FLAG_BITS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32}
MOST_PACKETS = 2_000_000
BATCH_S = 0.01  # a batch is what is due in this time: the pace looks even in windows of 100 ms and more
EPHEMERAL = (32768, 60999)  # Linux's own range
LARGEST_PAYLOAD = 1400
QUERY_END = b"\x07example\x03com\x00\x00\x01\x00\x01"  # the name's end, type A, class IN
LONGEST_QUERY, SHORTEST_QUERY = 60, 34
# The last field says where the timestamp's value is, which must differ from packet to packet.
OPTIONS = {  # as the two systems' real SYNs carry them
    "none": (b"", None),
    "linux": (bytes.fromhex("020405b4 0402 080a0000000000000000 01 030307"), 8),  # MSS SACK timestamp NOP scale
    "windows": (bytes.fromhex("020405b4 01 030308 0101 0402"), None),  # MSS NOP scale NOP NOP SACK
    "timestamp": (bytes.fromhex("0101 080a0000000000000000"), 4),  # what later segments carry
}


def folded(sums):
    """One's complement checksum of rows already added up as 16-bit words."""
    for _ in range(2):
        sums = (sums & 0xFFFF) + (sums >> 16)
    return (~sums & 0xFFFF).astype(">u2")


def word_sums(octets):
    """Adds up each row's 16-bit words; a row's odd last octet counts as if a zero followed."""
    rows = octets if octets.shape[1] % 2 == 0 else np.pad(octets, ((0, 0), (0, 1)))
    return np.ascontiguousarray(rows).view(">u2").sum(axis=1, dtype=np.uint64)


def put(frames, offset, values, kind):
    """Writes one big-endian field into every row."""
    column = np.atleast_1d(values).astype(kind)
    frames[:, offset:offset + column.itemsize] = column.reshape(-1, 1).view(np.uint8)


class Numbers:
    """A source of field values: one number, a list of them up to `largest`, counting up, or random."""

    def __init__(self, text, low, high, largest):
        self.next, self.low, self.high, self.choices = low, low, high, None
        self.mode = text if text in ("random", "increment") else "choices"
        if self.mode == "choices":
            self.choices = np.array([int(part) for part in text.split(",")])
            if self.choices.min() < 0 or self.choices.max() > largest:
                raise ValueError

    def draw(self, rng, count):
        if self.mode == "random":
            return rng.integers(self.low, self.high + 1, count)
        if self.mode == "choices":
            return rng.choice(self.choices, count)
        drawn = self.low + (self.next - self.low + np.arange(count)) % (self.high + 1 - self.low)
        self.next = int(drawn[-1]) + 1
        return drawn


class Sources:
    """own, fixed:ADDRESS[,ADDRESS...], random or subnet:NETWORK."""

    def __init__(self, text, own):
        kind, _, rest = text.partition(":")
        self.network, self.choices = None, None
        if kind == "own":
            self.choices = [own]
        elif kind == "fixed":
            self.choices = [int(ipaddress.IPv4Address(part)) for part in rest.split(",")]
        elif kind == "subnet":
            self.network = ipaddress.IPv4Network(rest)
        elif text != "random":
            raise ValueError(f"'{text}' is not own, fixed:ADDRESS, random or subnet:NETWORK")

    def draw(self, rng, count):
        if self.choices:
            return rng.choice(np.array(self.choices), count)
        if self.network:
            first = int(self.network.network_address)
            return rng.integers(first + 1, max(first + 2, int(self.network.broadcast_address)), count)
        addresses = rng.integers(1 << 24, 224 << 24, count)  # unicast, but for the loopback network
        return np.where(addresses >> 24 == 127, addresses - (1 << 24), addresses)


class Flood:
    """Builds batches of equally long frames."""

    def __init__(self, args, own_mac, own_address, mtu):
        self.args, self.rng = args, np.random.default_rng(args.seed)
        self.number = PROTOCOLS[args.protocol]
        self.source = Sources(args.source, own_address)
        self.destination = int(ipaddress.IPv4Address(args.destination))
        self.ethernet = np.frombuffer(bytes.fromhex(args.mac.replace(":", "")) + own_mac + b"\x08\x00", np.uint8)
        options, self.timestamp_at = OPTIONS[args.options] if args.protocol == "tcp" else (b"", None)
        self.options = np.frombuffer(options, np.uint8)
        self.header = {"tcp": 20 + len(options), "udp": 8, "icmp": 8}[args.protocol]
        self.flags = [sum(FLAG_BITS[letter] for letter in part) for part in args.flags.split(",")]
        most = mtu - IPV4 - self.header  # the device takes no longer packets
        self.payload = tuple(min(bound, most) for bound in args.payload)
        # Payload octets are drawn once: drawing them anew for each frame would halve the rate.
        self.noise = self.rng.integers(0, 256, 1 << 16, dtype=np.uint8)

    def batch(self, count):
        payload = int(self.rng.integers(self.payload[0], self.payload[1] + 1))
        frames = np.zeros((count, ETHERNET + IPV4 + self.header + payload), np.uint8)
        frames[:, :ETHERNET] = self.ethernet
        self._network(frames)
        starts = self.rng.integers(0, len(self.noise) - payload, count)
        frames[:, frames.shape[1] - payload:] = self.noise[starts[:, None] + np.arange(payload)]
        if self.args.content != "noise" and self.args.protocol == "udp":
            self._dns(frames[:, frames.shape[1] - payload:])
        {"tcp": self._tcp, "udp": self._udp, "icmp": self._icmp}[self.args.protocol](frames)
        return frames

    def _dns(self, payloads):
        """One question for a random name; an answer is the same with another header and noise behind it."""
        is_answer = self.args.content == "dns-answer"
        put(payloads, 2, 0x8180 if is_answer else 0x0100, ">u2")  # the identifier before it stays random
        put(payloads, 4, 1, ">u2")
        put(payloads, 6, 20 if is_answer else 0, ">u2")
        put(payloads, 8, 0, ">u4")
        label = min(payloads.shape[1], LONGEST_QUERY) - 12 - 1 - len(QUERY_END)
        payloads[:, 12] = label
        payloads[:, 13:13 + label] = ord("a") + payloads[:, 13:13 + label] % 26
        payloads[:, 13 + label:13 + label + len(QUERY_END)] = np.frombuffer(QUERY_END, np.uint8)

    def _network(self, frames):
        count = len(frames)
        put(frames, 14, 0x45, ">u1")
        put(frames, 16, frames.shape[1] - ETHERNET, ">u2")
        put(frames, 18, self.rng.integers(0, 1 << 16, count), ">u2")
        put(frames, 20, 0x4000 if self.args.protocol == "tcp" else 0, ">u2")  # do not fragment
        put(frames, 22, self.args.ttl.draw(self.rng, count), ">u1")
        put(frames, 23, self.number, ">u1")
        put(frames, 26, self.source.draw(self.rng, count), ">u4")
        put(frames, 30, self.destination, ">u4")
        put(frames, 24, folded(word_sums(frames[:, 14:34])), ">u2")

    def _ports(self, frames):
        put(frames, 34, self.args.source_ports.draw(self.rng, len(frames)), ">u2")
        put(frames, 36, self.args.ports.draw(self.rng, len(frames)), ">u2")

    def _with_pseudo_header(self, frames):
        return word_sums(frames[:, 26:]) + self.number + frames.shape[1] - ETHERNET - IPV4

    def _tcp(self, frames):
        count = len(frames)
        flags = self.rng.choice(self.flags, count)
        self._ports(frames)
        put(frames, 38, self.rng.integers(0, 1 << 32, count), ">u4")
        put(frames, 42, np.where(flags & FLAG_BITS["A"], self.rng.integers(0, 1 << 32, count), 0), ">u4")
        put(frames, 46, self.header // 4 << 4, ">u1")
        put(frames, 47, flags, ">u1")
        put(frames, 48, self.args.window.draw(self.rng, count), ">u2")
        frames[:, 54:34 + self.header] = self.options
        if self.timestamp_at is not None:
            put(frames, 54 + self.timestamp_at, self.rng.integers(1, 1 << 32, count), ">u4")
        put(frames, 50, folded(self._with_pseudo_header(frames)), ">u2")

    def _udp(self, frames):
        self._ports(frames)
        put(frames, 38, frames.shape[1] - ETHERNET - IPV4, ">u2")
        sums = folded(self._with_pseudo_header(frames))
        put(frames, 40, np.where(sums == 0, 0xFFFF, sums), ">u2")  # zero would say "no checksum"

    def _icmp(self, frames):
        put(frames, 34, self.args.icmp_type, ">u1")
        put(frames, 35, self.args.icmp_code, ">u1")
        put(frames, 38, self.rng.integers(0, 1 << 32, len(frames)), ">u4")
        put(frames, 36, folded(word_sums(frames[:, 34:])), ">u2")


def span(text):
    low, _, high = text.partition("-")
    low, high = int(low), int(high or low)
    if not 0 <= low <= high <= LARGEST_PAYLOAD:
        raise ValueError
    return low, high


def numbers(low, high, largest=65535):
    def parse(text):
        return Numbers(text, low, high, largest)
    parse.__name__ = "number list"  # argparse's message names it
    return parse


def mac_address(text):
    if not re.fullmatch("[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", text):
        raise ValueError
    return text


def tcp_flags(text):
    if any(set(part) - set(FLAG_BITS) for part in text.split(",")):
        raise ValueError
    return text


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", required=True, help="interface to send from")
    parser.add_argument("--mac", required=True, type=mac_address, help="the victim's MAC address")
    parser.add_argument("--destination", required=True, type=ipaddress.IPv4Address, help="the victim's IPv4 address")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="tcp")
    parser.add_argument("--source", default="own",
                        help="own (default), fixed:ADDRESS[,ADDRESS], random or subnet:NETWORK")
    parser.add_argument("--ports", type=numbers(1, 65535), default="80",
                        help="destination ports: a comma-separated list, increment or random (default 80)")
    parser.add_argument("--source-ports", type=numbers(*EPHEMERAL), default="random",
                        help="the same for source ports (default random)")
    parser.add_argument("--flags", type=tcp_flags, default="S",
                        help="TCP flags, letters of FSRPAU; several sets by comma, drawn at random (default S)")
    parser.add_argument("--options", choices=OPTIONS, default="none", help="TCP options (default none)")
    parser.add_argument("--window", type=numbers(0, 65535), default="64240", help="TCP window (default 64240)")
    parser.add_argument("--ttl", type=numbers(32, 255, 255), default="64", help="IP time to live (default 64)")
    parser.add_argument("--icmp-type", type=int, choices=range(256), metavar="0-255", default=8)
    parser.add_argument("--icmp-code", type=int, choices=range(256), metavar="0-255", default=0)
    parser.add_argument("--payload", type=span, default="0", metavar="MIN-MAX", help="octets (default 0), at most what the MTU leaves")
    parser.add_argument("--content", choices=("noise", "dns-query", "dns-answer"), default="noise",
                        help=f"udp: what the payload is; a DNS message needs {SHORTEST_QUERY} octets")
    parser.add_argument("--rate", type=float, default=1000, help="packets a second (default 1000)")
    parser.add_argument("--seconds", type=float, default=3, help=f"at most {LONGEST_S} (default 3)")
    parser.add_argument("--count", type=int, default=MOST_PACKETS, help=f"packets at most, up to {MOST_PACKETS}")
    parser.add_argument("--seed", type=int, default=None, help="the same seed sends the same packets")
    args = parser.parse_args()
    if args.rate <= 0 or not 0 < args.seconds <= LONGEST_S or not 0 < args.count <= MOST_PACKETS:
        parser.error("--rate, --seconds or --count is out of bounds")
    if args.content != "noise" and args.payload[0] < SHORTEST_QUERY:
        parser.error(f"--content {args.content} needs a --payload of {SHORTEST_QUERY} octets or more")
    return args


def own_addresses(device, destination):
    """The device's MAC and the IPv4 address this host would use towards the victim."""
    with open(f"/sys/class/net/{device}/address", encoding="ascii") as file:
        mac = bytes.fromhex(file.read().strip().replace(":", ""))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((str(destination), 9))  # sends nothing: the route alone is looked up
        return mac, int(ipaddress.IPv4Address(probe.getsockname()[0]))


def mtu_of(device):
    with open(f"/sys/class/net/{device}/mtu", encoding="ascii") as file:
        return int(file.read())


def send_paced(raw, flood, args):
    """Returns how many were sent. A host too slow for the rate sends fewer, it does not run longer."""
    start, sent, limit = time.monotonic(), 0, min(args.count, round(args.rate * args.seconds))
    while sent < limit:
        elapsed = time.monotonic() - start
        if elapsed > args.seconds:
            break
        due = min(int(elapsed * args.rate) + 1, limit) - sent
        if due <= 0:
            time.sleep(max(BATCH_S, 1 / args.rate))
            continue
        count = min(due, max(1, int(args.rate * BATCH_S)))
        for frame in flood.batch(count):
            raw.send(frame)
            sent += 1
    return sent, time.monotonic() - start


def main():
    args = arguments()
    if args.device != "lo":
        refuse_real_network("raw_flood")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        own_mac, own_address = own_addresses(args.device, args.destination)
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        raw.bind((args.device, 0))
        flood = Flood(args, own_mac, own_address, mtu_of(args.device))
        sent, took = send_paced(raw, flood, args)
    except (OSError, ValueError) as error:
        sys.exit(f"raw_flood: {error}")
    print(f"{sent} packets in {took:.2f} s")


if __name__ == "__main__":
    main()
