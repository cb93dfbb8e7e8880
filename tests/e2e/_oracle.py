# SPDX-License-Identifier: Apache-2.0
"""The ddos probe's flows in a replayed capture, and the same flows as tshark sees them.

The reference is lucid_oracle.py of the shared data (tshark fields, cut into 10 s windows, ten packets a flow),
which is not ours. Its rows carry no packet numbers: those are looked up by a second tshark run.
"""
import importlib.util
import json
import re
import subprocess
from collections import OrderedDict

import numpy as np

PACKETS = 10
WINDOW_S = 10.0

# The oracle's columns that must be equal, and how our features become them.
EXACT = OrderedDict(
    time=0, ip_length=1, ip_flags=3, tcp_length=5, tcp_flags=7, tcp_window=8, udp_length=9, icmp_type=10, tcp_ack=11
)
# What the packet alone cannot tell for certain: agreement is reported.
GUESSED = OrderedDict(highest_layer=2, protocols=4)

# enum weir_application (bpf/weir/application.h) as tshark calls its layers.
LAYERS = ("", "data", "http", "tls", "dns", "mdns", "ssh", "ftp", "telnet", "smtp", "ssdp", "ntp", "dhcp", "snmp",
          "nbns", "quic", "stun")
TRANSPORTS = {1: "icmp", 6: "tcp", 17: "udp"}


def load(shared_data):
    spec = importlib.util.spec_from_file_location("lucid_oracle", shared_data / "lucid_oracle.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.subprocess = _WholeHeaders
    return module


def canonical(source, sport, destination, dport, protocol):
    """One key for both directions."""
    a, b = (source, int(sport)), (destination, int(dport))
    return (*min(a, b), *max(a, b), int(protocol))


# ---- tshark's side ----

class _WholeHeaders:
    """Stands for the oracle's `subprocess`: it cannot read a line on which a cut header leaves a number out."""

    NUMBERS = (9, 10, 11, 12, 13, 16, 17)  # of its FIELDS

    @classmethod
    def run(cls, *args, **options):
        done = subprocess.run(*args, **options)
        lines = [line.split("\t") for line in done.stdout.split("\n")]
        for v in lines:
            for i in cls.NUMBERS if len(v) > max(cls.NUMBERS) and (v[7] or v[14]) else ():
                v[i] = v[i] or "0"
        done.stdout = "\n".join("\t".join(v) for v in lines)
        return done


def reference(oracle, capture):
    """{flow: [one array [packets, 12] per window]}, windows in order."""
    samples, keys = oracle.fragments(str(capture), PACKETS, WINDOW_S)
    flows = OrderedDict()
    for sample, key in zip(samples, keys):
        flows.setdefault(canonical(*key), []).append(sample)
    return flows


def packet_numbers(capture):
    """{flow: [the frame numbers of one window's packets]}, cut as the oracle cuts them."""
    fields = ("frame.number frame.time_epoch ip.len ip.src ip.dst ip.proto tcp.srcport tcp.dstport udp.srcport "
              "udp.dstport icmp.type").split()
    command = ["tshark", "-n", "-r", str(capture), "-T", "fields", "-E", "occurrence=f"]
    for field in fields:
        command += ["-e", field]
    text = subprocess.run(command, capture_output=True, text=True, errors="replace").stdout
    flows, start, window = {}, None, 0
    for line in text.split("\n"):
        v = line.split("\t")
        if len(v) < len(fields):
            continue
        time = float(v[1])
        if start is None or time > start + WINDOW_S:
            start, window = time, window + 1
        if not v[2] or not v[3]:
            continue
        protocol, ports = 0, (0, 0)
        if v[5] == "6" and v[6]:
            protocol, ports = 6, (v[6], v[7])
        elif v[5] == "17" and v[8]:
            protocol, ports = 17, (v[8], v[9])
        elif v[5] == "1" and v[10]:
            protocol = 1
        key = canonical(v[3], ports[0], v[4], ports[1], protocol)
        numbers = flows.setdefault(key, OrderedDict()).setdefault(window, [])
        if len(numbers) < PACKETS:
            numbers.append(int(v[0]))
    return {key: list(windows.values()) for key, windows in flows.items()}


# ---- our side ----

def row_of(packet, protocol, oracle):
    """A recorded packet in the oracle's columns; column 0 is absolute here, in ns."""
    application = LAYERS[packet["application"]]
    transport = TRANSPORTS.get(protocol, "ip")
    names = {"ip", transport, application} - {""}
    return [
        packet["time"],
        packet["ip_length"],
        oracle.layer_id(application or transport),
        packet["ip_fragment"] >> 13,
        sum(oracle.BIT[name] for name in names if name in oracle.BIT),
        packet["tcp_length"],
        0,
        packet["tcp_flags"],
        packet["tcp_window"],
        packet["udp_length"],
        packet["icmp_type"],
        packet["tcp_ack"],
    ]


def flows_of_window(window, oracle):
    """{flow: its first packets as rows}; protocols without ports are one flow between two hosts, as the oracle
    has them."""
    flows = {}
    for entry in window["tables"]["flows"]["entries"]:
        key = entry["key"]
        if ":" in key["source"]:
            continue  # IPv6 is not in the oracle
        protocol = key["protocol"] if key["protocol"] in TRANSPORTS else 0
        flow = canonical(key["source"], key["source_port"], key["destination"], key["destination_port"], protocol)
        rows = [row_of(p, protocol, oracle) for p in entry["value"]["packet"]]
        flows.setdefault(flow, []).extend(rows)
    return {flow: sorted(rows, key=lambda row: row[0])[:PACKETS] for flow, rows in flows.items()}


def replayed(windows, oracle):
    """{flow: [one array [packets, 12] per window]}; column 0 in seconds since the flow's first packet."""
    flows = OrderedDict()
    for window in windows:
        for flow, rows in flows_of_window(window, oracle).items():
            first = min(row[0] for row in rows)
            sample = np.zeros((PACKETS, 12))
            for i, row in enumerate(rows):
                sample[i] = [(row[0] - first) / 1e9, *row[1:]]
            flows.setdefault(flow, []).append(sample)
    return flows


# ---- both ----

def differences(ours, theirs, numbers):
    """(packet, column, what ours says, what tshark says) for each; packet 0: a flow as a whole."""
    for flow in sorted(set(ours) | set(theirs), key=str):
        mine, reference_ = ours.get(flow, []), theirs.get(flow, [])
        if len(mine) != len(reference_):
            first = numbers.get(flow, [[0]])[0][0]
            yield first, "flow", f"{len(mine)} windows of {flow}", f"{len(reference_)}"
            continue
        for w, (a, b) in enumerate(zip(mine, reference_)):
            for i in range(PACKETS):
                for name, column in EXACT.items():
                    limit = 1e-6 if name == "time" else 0
                    if abs(a[i, column] - b[i, column]) > limit:
                        known = numbers.get(flow, [])
                        packet = known[w][i] if w < len(known) and i < len(known[w]) else 0
                        yield packet, name, f"{a[i, column]:g}", f"{b[i, column]:g}"


def agreement(ours, theirs):
    """{column: (packets that agree, packets)} of the guessed columns, over the flows that both have."""
    counts = {name: [0, 0] for name in GUESSED}
    for flow, reference_ in theirs.items():
        for a, b in zip(ours.get(flow, []), reference_):
            there = (a[:, 1] > 0) & (b[:, 1] > 0)
            for name, column in GUESSED.items():
                counts[name][0] += int((a[there, column] == b[there, column]).sum())
                counts[name][1] += int(there.sum())
    return counts
