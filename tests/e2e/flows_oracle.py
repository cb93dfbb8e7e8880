# SPDX-License-Identifier: Apache-2.0
"""The ddos probe on real captures, packet by packet against tshark (_oracle.py).

Every difference is a row of flows_oracle.csv with its reason; any other one fails. To write the rows anew, with
reasons to be filled in:  sudo python3 tests/e2e/flows_oracle.py --write
"""
import csv
import json
import subprocess
import sys
from pathlib import Path

import _harness as harness
from _harness import SHARED_DATA, WEIR, Skip

DIFFERENCES = Path(__file__).with_suffix(".csv")
AGREEMENT = Path(__file__).with_name("flows_agreement.csv")
MOST_DIFFERENT = 0.02  # of the packets of a capture outside edge/


def captures():
    folder = SHARED_DATA / "captures"
    if not folder.is_dir():
        raise Skip("no captures beside the project", is_kernel=False)
    return sorted(p for p in folder.rglob("*") if p.is_file())


def replay(capture):
    """Every window, each of which adds up."""
    done = subprocess.run([WEIR, "replay", capture, "--window-rule", "lucid", "-t", "10", "--format", "json"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    windows = [json.loads(line) for line in done.stdout.splitlines()]
    for window in windows:
        packets = window["packets"]
        outcomes = sum(packets[name] for name in ("recorded", "beyond", "untracked", "ignored"))
        assert outcomes == packets["entered"], f"{capture.name}: {packets}"
        assert packets["untracked"] == 0, f"{capture.name}: {packets}"
    return windows


def compare(capture, oracle_module, oracle):
    """The differences as rows, the agreement of the guessed columns, and the packets that were compared."""
    windows = replay(capture)
    ours = oracle_module.replayed(windows, oracle)
    theirs = oracle_module.reference(oracle, capture)
    rows = {(packet, column): f"{a} is {b} to tshark"
            for packet, column, a, b in oracle_module.differences(ours, theirs, oracle_module.packet_numbers(capture))}
    packets = sum(int((sample[:, 1] > 0).sum()) for samples in theirs.values() for sample in samples)
    return rows, oracle_module.agreement(ours, theirs), packets


def name_of(capture):
    return str(capture.relative_to(SHARED_DATA / "captures"))


def known_differences():
    with DIFFERENCES.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["reason"] for row in rows), "a difference without a reason"
    return {(row["capture"], int(row["packet"]), row["column"]) for row in rows}


def measure():
    """{capture: what compare() gives}"""
    try:
        import _oracle
    except ModuleNotFoundError as missing:
        raise Skip(f"{missing}: ./dev deps installs it", is_kernel=False) from missing
    oracle = _oracle.load(SHARED_DATA)
    return {name_of(capture): compare(capture, _oracle, oracle) for capture in captures()}


def test_flows_counts_and_features_are_tsharks(box):
    known, found = known_differences(), set()
    for name, (rows, _, packets) in measure().items():
        for packet, column in rows:
            found.add((name, packet, column))
        different = {packet for packet, _ in rows}
        share = len(different) / max(packets, 1)
        assert name.startswith("edge/") or share <= MOST_DIFFERENT, f"{name}: {share:.1%} of the packets differ"
        for packet, column in sorted(rows):
            assert (name, packet, column) in known, f"{name}, packet {packet}, {column}: {rows[packet, column]}"
    assert known == found, f"no longer different: {sorted(known - found)[:5]}"


def write_csv(path, header, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write():
    """Writes both files anew; reasons of rows that stay are kept."""
    reasons = {}
    if DIFFERENCES.exists():
        with DIFFERENCES.open(newline="") as file:
            reasons = {(r["capture"], int(r["packet"]), r["column"]): r["reason"] for r in csv.DictReader(file)}
    measured = measure()
    write_csv(DIFFERENCES, ("capture", "packet", "column", "reason"),
              [(name, packet, column, reasons.get((name, packet, column), ""))
               for name, (rows, _, _) in measured.items() for packet, column in sorted(rows)])
    write_csv(AGREEMENT, ("capture", "packets", "highest_layer", "protocols"),
              [(name, guessed["highest_layer"][1], *(f"{guessed[column][0] / guessed[column][1]:.3f}"
                                                      for column in ("highest_layer", "protocols")))
               for name, (_, guessed, _) in measured.items() if guessed["highest_layer"][1]])


if __name__ == "__main__":
    if "--write" in sys.argv:
        write()
    else:
        harness.main(globals())
