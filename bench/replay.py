#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How fast `weir replay` is: packets a second through the ddos probe, on a capture that is made here, less what a
capture of one packet takes; and a model's whole answer, start included, against the same by tshark and numpy
(../shared/data/lucid_oracle.py; without it there is nothing to compare with): on a capture that is made here and on a
published one, which is short. The least of all rounds of each. Writes JSON to the file given as argument; exits 1 on a
miss.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("WEIR_BUILD_DIR", REPOSITORY / "build")).resolve()
WEIR = BUILD / "weir"
DATA = REPOSITORY.parent / "shared" / "data"
CAPTURE = DATA / "captures" / "attack" / "lucid-CIC-DDoS-2019-SynFlood.pcap"
MODEL = DATA / "models" / "ammar-siddique-10t-10n-DOS2019-LUCID.h5"
PACKETS, FLOWS, ROUNDS = 600_000, 60_000, 3
PACKETS_PER_S, OVER_ORACLE = 0.5e6, 20


def write_capture(path, packets):
    """TCP packets of 60,000 flows in turn, 10 us apart."""
    head = bytes.fromhex("020000000002020000000001080045000028000040004006000000000000c0a80001")
    rest = bytes.fromhex("0050000000010000000150107fff00000000")
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i in range(packets):
            flow = i % FLOWS
            frame = head[:26] + struct.pack(">I", 0x0a000000 + flow // 6) + head[30:] + struct.pack(
                ">H", 1024 + flow) + rest
            file.write(struct.pack("<IIII", 1_600_000_000 + i // 100_000, i % 100_000 * 10, len(frame), len(frame)))
            file.write(frame)


def seconds(*command, rounds=ROUNDS):
    best = float("inf")
    for _ in range(rounds):
        begin = time.monotonic()
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        best = min(best, time.monotonic() - begin)
    return best


def figure(name, value, unit, beside, at_least=None):
    """Without `at_least` it is for the report only."""
    found = {"name": name, "value": value, "unit": unit, "beside": beside}
    if at_least is not None:
        found |= {"at_least": at_least, "verdict": "PASS" if value >= at_least else "MISS"}
    target = f">= {at_least:>6.2f}  {found['verdict']}" if at_least is not None else " " * 15
    print(f"{name:<46} {value:>8.2f} {unit:<3} {target}  {beside}")
    return found


def replay_packets(folder):
    many, one = folder / "many.pcap", folder / "one.pcap"
    write_capture(many, PACKETS)
    write_capture(one, 1)
    replay = (WEIR, "replay", "--format", "json", "--max-rows", "0")
    taken = seconds(*replay, many) - seconds(*replay, one)
    return figure("replay, ddos", PACKETS / taken / 1e6, "M/s",
                  f"{PACKETS} packets of {FLOWS} flows in {taken:.2f} s", PACKETS_PER_S / 1e6)


def replay_against_oracle(name, capture, rounds, at_least=None):
    ours = seconds(WEIR, "replay", "--format", "json", "--max-rows", "0", "--max-alerts", "0", "--window-rule", "lucid",
                   "-m", MODEL, "--profile", "lucid11,ip_flags=0x4000", capture)
    oracle = seconds("/usr/bin/python3", DATA / "lucid_oracle.py", capture, "--model", MODEL, "--ip-flags", "0x4000",
                     rounds=rounds)
    return figure(f"replay with a model, {name}", oracle / ours, "x",
                  f"{ours * 1e3:.0f} ms, start included; tshark and numpy {oracle * 1e3:.0f} ms", at_least)


def main():
    with tempfile.TemporaryDirectory() as folder:
        found = [replay_packets(Path(folder))]
        if CAPTURE.exists():
            found.append(replay_against_oracle(f"{PACKETS} packets", Path(folder) / "many.pcap", 1, OVER_ORACLE))
            found.append(replay_against_oracle("26,316 packets", CAPTURE, ROUNDS))
        else:
            print(f"no {CAPTURE}: nothing to compare with")
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(found, indent=1))
    return 1 if any(each.get("verdict") == "MISS" for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
