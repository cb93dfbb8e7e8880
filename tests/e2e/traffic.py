#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The laboratory that the shipped model's traffic comes from: what it says of an episode is what tshark finds in its
captures, weir makes the set of it that the labels promise, and nothing stays, also when it is stopped."""
import csv
import json
import os
import shutil
import signal
import subprocess

import h5py

import _harness as harness

MAKE = harness.REPOSITORY / "tools" / "traffic" / "make.py"
# Without packages of their own, but for what ./dev deps installs to run tests.
APPLICATIONS = "ntp,netflow,rtp,websocket,closed-port,multicast"
FLOODS = "raw_flood-syn,hping3-udp"
FIELDS = ("ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport", "ip.proto")


def need_tools():
    for program in ("tcpdump", "c++", "hping3", "tshark"):
        if shutil.which(program) is None:
            raise harness.Skip(f"no {program}", is_kernel=False)


def make(box, out, *args):
    need_tools()
    return box.start("/usr/bin/python3", "-B", MAKE, "--out", out, "--seconds", 6, "--only",
                     f"{APPLICATIONS},{FLOODS}", *args)


def flow_of(source, destination, source_port, destination_port, protocol):
    ends = sorted(((source, int(source_port or 0)), (destination, int(destination_port or 0))))
    return (*ends[0], *ends[1], int(protocol))


def tshark_flows(path):
    """{flow: packets}; a packet that quotes another (an ICMP error) is told by its own header, the first."""
    command = ["tshark", "-r", path, "-Y", "ip && ip.frag_offset == 0", "-T", "fields", "-E", "separator=,", "-E",
               "occurrence=f"]
    for field in FIELDS:
        command += ["-e", field]
    flows = {}
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        source, destination, tcp_from, tcp_to, udp_from, udp_to, protocol = line.split(",")
        ports = {"6": (tcp_from, tcp_to), "17": (udp_from, udp_to)}.get(protocol, (0, 0))
        flow = flow_of(source, destination, *ports, protocol)
        flows[flow] = flows.get(flow, 0) + 1
    return flows


def labels_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return {flow_of(row["source"], row["destination"], row["source_port"], row["destination_port"],
                        row["protocol"]): row for row in csv.DictReader(file)}


def test_labels_say_what_tshark_finds(box):
    out = box.folder / "traffic"
    process = make(box, out, "--episodes", 2, "--seed", 11)
    assert process.wait(120) == 0, process.stderr
    attacks = 0
    for facts_path in sorted(out.glob("train-*.json")):
        facts = json.loads(facts_path.read_text(encoding="utf-8"))
        capture = facts_path.with_suffix(".pcap")
        labels = labels_of(facts_path.with_suffix(".csv"))
        assert {flow: int(row["packets"]) for flow, row in labels.items()} == tshark_flows(capture)
        sent = {flow: attack for attack in facts["attacks"] for flow in tshark_flows(out / attack["sent"])}
        attacked = {flow for flow, row in labels.items() if row["label"] == "attack"}
        assert attacked == sent.keys() & labels.keys()
        for flow in attacked:
            assert labels[flow]["kind"] == sent[flow]["kind"] and labels[flow]["program"] == sent[flow]["program"]
        benign = {row["program"] for row in labels.values() if row["label"] == "benign"}
        assert len(benign & set(APPLICATIONS.split(","))) >= 3, benign
        assert facts["capture"]["dropped"] == 0, facts["capture"]
        attacks += len(attacked)
        check_set(box, capture, labels)
    assert attacks > 100, "no flood in two episodes"


def check_set(box, capture, labels):
    """One window: a sample is a flow, and has the flow's label."""
    target = box.folder / "set.h5"
    process = box.start(harness.WEIR, "replay", "-t", 1000, "--max-rows", 0, "--dataset", target, "--dataset-flows",
                        "--label", f"flows={capture.with_suffix('.csv')}", "--set", "ddos.max_flows=256k", capture,
                        env={"WEIR_CACHE": str(box.folder / "cache")})
    assert process.wait(60) == 0, process.stderr
    wanted = {flow: row["label"] == "attack" for flow, row in labels.items() if flow[-1] in (1, 6, 17)}
    with h5py.File(target) as file:
        found = {flow_of(*flow.decode().split(",")): bool(y) for flow, y in zip(file["set_flow"][:], file["set_y"][:])}
        assert len(found) == len(file["set_y"])
    assert found == wanted


def test_a_stop_in_the_middle_leaves_nothing(box):
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)):
        out = box.folder / f"stopped-{code}"
        process = make(box, out, "--episodes", 1)
        harness.wait_until(lambda: list(out.glob("train-000*.pcap")), "the first capture", 60)
        process.signal(number)
        assert process.wait(30) == code, process.stderr
        assert not [name for name in os.listdir("/run/netns") if name.startswith(f"weir-lab-{process.popen.pid}-")]


def test_mistakes_are_told(box):
    for args, word in ((("--only", "no-such"), "no-such"), (("--episodes", "0"), "at least one"),
                       (("--set", "other"), "other")):
        process = box.start("/usr/bin/python3", "-B", MAKE, "--out", box.folder / "none", *args)
        assert process.wait(30) != 0 and word in process.stderr, process.stderr


if __name__ == "__main__":
    harness.main(globals())
