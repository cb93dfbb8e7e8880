#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weir replay --dataset: sets that equal the reference's fragments (lucid_oracle.py of the shared data), sample by
sample, and labels that equal a count by tshark. The captures are third-party data beside the repository."""
import ipaddress
import json
import os
import signal
import struct
import subprocess

import _harness as harness

CAPTURES = harness.SHARED_DATA / "captures"
NS = 10**9
WINDOW_S = 10.0
MUST_EQUAL = ("lucid-CIC-DDoS-2019-SynFlood.pcap", "lucid-CIC-DDoS-2019-WebDDoS.pcap",
              "lucid-SYN2020-dataset-chunk-syn.pcap")
GUESSED = (2, 4)  # highest layer and protocol bits: what a dissector says
ACK = 6
ACK_MAY_DIFFER, MAY_DIFFER = 1e-3, 1e-4


# ------------------------------------------------------------------------------------------ tools
def tools():
    """numpy, h5py, and the module that knows the reference."""
    try:
        import h5py
        import numpy
        import _oracle
    except ModuleNotFoundError as missing:
        raise harness.Skip(f"{missing}: ./dev deps installs it", is_kernel=False) from missing
    return numpy, h5py, _oracle


def capture(*parts):
    path = CAPTURES.joinpath(*parts)
    if not path.exists():
        raise harness.Skip(f"no {path}", is_kernel=False)
    return path


def replay(box, path, *args):
    return box.start(harness.WEIR, "replay", "--format", "json", *args, path,
                     env={"WEIR_CACHE": str(box.folder / "cache")})


def make(box, path, *args, rule="lucid", name="set.h5"):
    """(windows as JSON, set_x, set_y, what was said) of a replay that succeeds."""
    _, h5py, _ = tools()
    target = box.folder / name
    weir = replay(box, path, "--window-rule", rule, "--dataset", target, *args)
    windows = []
    while (line := weir.line(60)) is not None:
        windows.append(json.loads(line))
    assert weir.wait() == 0, weir.stderr
    with h5py.File(target, "r") as file:
        assert sorted(file) == ["set_x", "set_y"], sorted(file)
        x, y = file["set_x"][:], file["set_y"][:]
    assert x.dtype == "float64" and x.ndim == 3 and y.shape == (len(x),), (x.dtype, x.shape, y.shape)
    return windows, x, y, weir.stderr


def flows_of(windows, oracle_module):
    """The flows of all windows, in the tables' order, as the reference names them."""
    for window in windows:
        for entry in window["tables"]["flows"]["entries"]:
            key = entry["key"]
            yield oracle_module.canonical(key["source"], key["source_port"], key["destination"],
                                          key["destination_port"], key["protocol"])


def frame(source, destination, protocol=6, ports=(1000, 80), flags=2):
    """An Ethernet frame of IPv4 or IPv6 with a TCP header, or as many bytes of another protocol."""
    body = struct.pack(">HHIIHHHH", *ports, 7, 0, 5 << 12 | flags, 100, 0, 0)
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if source.version == 6:
        head = struct.pack(">IHBB", 6 << 28, len(body), protocol, 64)
        ether_type = 0x86DD
    else:
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, 64, protocol, 0)
        ether_type = 0x0800
    return harness.frame(ether_type=ether_type, payload=head + source.packed + destination.packed + body)


def pcap(frames):
    header = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)
    return header + b"".join(struct.pack("<IIII", t // NS, t % NS, len(data), len(data)) + data for t, data in frames)


def write(box, frames, name="some.pcap"):
    path = box.folder / name
    path.write_bytes(pcap([(1_600_000_000 * NS + i * 1000, data) for i, data in enumerate(frames)]))
    return path


# ------------------------------------------------------------------------------------------ the reference
def reference_flows(path, oracle_module):
    """{flow: [its samples, window by window]}, undivided."""
    return oracle_module.reference(oracle_module.load(harness.SHARED_DATA), path)


def differences(x, windows, reference, numpy, oracle):
    """The largest difference of each column between our samples and the reference's, flow by flow."""
    *_, oracle_module = tools()
    worst, place = numpy.zeros(11), {}
    for sample, flow in zip(x, flows_of(windows, oracle_module), strict=True):
        number = place[flow] = place.get(flow, -1) + 1
        should = oracle.normalise(reference[flow][number][None], "0x02", "rel")[0]
        worst = numpy.maximum(worst, numpy.abs(sample - should).max(axis=0))
    assert {flow: count + 1 for flow, count in place.items()} == {flow: len(s) for flow, s in reference.items()}
    return worst


def test_set_x_equals_the_reference(box):
    numpy, _, oracle_module = tools()
    oracle = oracle_module.load(harness.SHARED_DATA)
    for name in MUST_EQUAL:
        path = capture("attack", name)
        windows, x, _, _ = make(box, path, "--label", "attack")
        reference = reference_flows(path, oracle_module)
        assert x.shape == (sum(len(samples) for samples in reference.values()), 10, 11), x.shape
        worst = differences(x, windows, reference, numpy, oracle)
        print(f"     {name}: {len(x)} samples, {numpy.array2string(worst, precision=1)}", flush=True)
        for column in range(11):
            if column not in GUESSED:
                most = ACK_MAY_DIFFER if column == ACK else MAY_DIFFER
                assert worst[column] <= most, f"{name}, column {column}: {worst[column]}"


def test_other_encodings_equal_the_reference_too(box):
    numpy, _, oracle_module = tools()
    oracle = oracle_module.load(harness.SHARED_DATA)
    path = capture("attack", "lucid-CIC-DDoS-2019-WebDDoS.pcap")
    reference = reference_flows(path, oracle_module)
    for ip_flags in ("0x40", "0x4000"):
        windows, x, _, _ = make(box, path, "--label", "attack", "--profile", f"lucid11,ip_flags={ip_flags},ack=raw")
        place = {}
        for sample, flow in zip(x, flows_of(windows, oracle_module), strict=True):
            number = place[flow] = place.get(flow, -1) + 1
            should = oracle.normalise(reference[flow][number][None], ip_flags, "raw")[0]
            assert numpy.abs(sample - should)[:, (3, ACK)].max() <= 1e-12, (ip_flags, flow)


def test_raw_numbers_are_the_references(box):
    numpy, _, oracle_module = tools()
    path = capture("attack", "lucid-CIC-DDoS-2019-WebDDoS.pcap")
    reference, place = reference_flows(path, oracle_module), {}
    windows, x, _, _ = make(box, path, "--label", "attack", "--dataset-raw")
    for sample, flow in zip(x, flows_of(windows, oracle_module), strict=True):
        number = place[flow] = place.get(flow, -1) + 1
        should = reference[flow][number]
        assert numpy.abs(sample[:, 0] - should[:, 0]).max() <= MAY_DIFFER * WINDOW_S
        exact = [1, 3, 5, 7, 8, 9, 10]
        assert (sample[:, exact] == should[:, exact]).all(), flow


# ------------------------------------------------------------------------------------------ labels
def tshark_flows(path):
    """The (flow, window) pairs of TCP, UDP and ICMP over IPv4, cut as LUCID does, in their order."""
    fields = "frame.time_epoch ip.src ip.dst ip.proto tcp.srcport tcp.dstport udp.srcport udp.dstport".split()
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=f"]
    for field in fields:
        command += ["-e", field]
    text = subprocess.run(command, capture_output=True, text=True).stdout
    found, start, window = {}, None, 0
    for line in text.splitlines():
        time, source, destination, protocol, *ports = line.split("\t")
        if start is None or float(time) > start + WINDOW_S:
            start, window = float(time), window + 1
        if protocol in ("1", "6", "17"):
            used = ports[0:2] if protocol == "6" else ports[2:4] if protocol == "17" else ["", ""]
            ends = tuple(sorted([(source, used[0]), (destination, used[1])]))
            found.setdefault((window, protocol, ends), {source, destination})
    return list(found.values())


def test_set_y_equals_a_count_by_tshark(box):
    numpy, _, _ = tools()
    attacker, victim = "172.16.0.5", "192.168.50.4"
    cases = [("attack", name, "172.16.0.5,11.0.0.210", None) for name in MUST_EQUAL]
    cases.append(("mixed", "doriguzzi-benign-syn.pcap", attacker, victim))
    for folder, name, attackers, victims in cases:
        path = capture(folder, name)
        labels = ["--label", f"attacker={attackers}"] + (["--label", f"victim={victims}"] if victims else [])
        _, _, y, said = make(box, path, *labels)
        should = [bool(ends & set(attackers.split(","))) and (victims is None or victims in ends)
                  for ends in tshark_flows(path)]
        print(f"     {name}: {int(y.sum())} of {len(y)} are attacks", flush=True)
        assert y.dtype == "int64" and set(numpy.unique(y)) <= {0, 1}
        assert list(y) == should, (len(y), len(should), int(y.sum()), sum(should))
        assert f"{len(y)} samples, {sum(should)} attack, {len(should) - sum(should)} benign" in said, said
    assert 0 < sum(should) < len(should), "the last one has both"


LABELLED = [("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.9.9"), ("10.0.9.9", "192.168.1.1"),
            ("172.16.0.1", "172.16.0.2"), ("2001:db8::1", "2001:db8:1::2")]


def labelled(box, *labels, name="set.h5"):
    path = write(box, [frame(*ends) for ends in LABELLED])
    return list(make(box, path, "--dataset-all", *[word for label in labels for word in ("--label", label)], name=name)[2])


def test_labels_are_ends_in_either_direction(box):
    assert labelled(box, "attack") == [1, 1, 1, 1, 1]
    assert labelled(box, "benign") == [0, 0, 0, 0, 0]
    assert labelled(box, "attacker=10.0.0.1") == [1, 0, 0, 0, 0]
    assert labelled(box, "attacker=10.0.0.2") == [1, 1, 0, 0, 0]
    assert labelled(box, "attacker=10.0.0.0/16") == [1, 1, 1, 0, 0]
    assert labelled(box, "attacker=10.0.0.77/24") == [1, 1, 0, 0, 0]
    assert labelled(box, "attacker=0.0.0.0/0") == [1, 1, 1, 1, 0]
    assert labelled(box, "attacker=::/0") == [1, 1, 1, 1, 1]
    assert labelled(box, "attacker=10.0.0.1,172.16.0.2") == [1, 0, 0, 1, 0]
    assert labelled(box, "victim=192.168.1.1") == [0, 0, 1, 0, 0]
    assert labelled(box, "attacker=10.0.0.2,victim=10.0.0.1") == [1, 0, 0, 0, 0]
    assert labelled(box, "attacker=10.0.0.2", "victim=10.0.9.0/24") == [0, 1, 0, 0, 0]
    assert labelled(box, "attacker=2001:db8::/48", "attacker=172.16.0.1") == [0, 0, 0, 1, 1]
    assert labelled(box, "attacker=10.0.0.1,10.0.9.9", "victim=10.0.0.2,192.168.0.0/16") == [1, 1, 1, 0, 0]


# ------------------------------------------------------------------------------------------ what is in it
def test_what_lucid_has_no_features_for_is_left_out_and_told(box):
    frames = [frame("10.0.0.1", "10.0.0.2"), frame("10.0.0.1", "10.0.0.2", protocol=47),
              frame("2001:db8::1", "2001:db8::2"), frame("10.0.0.3", "10.0.0.2", protocol=17)]
    path = write(box, frames)
    _, x, _, said = make(box, path, "--label", "attack")
    assert len(x) == 2 and "2 flows are not in the set" in said and "--dataset-all" in said, said
    _, x, _, said = make(box, path, "--label", "attack", "--dataset-all")
    assert len(x) == 4 and "not in the set" not in said, said


def test_the_profile_says_which_columns(box):
    numpy, _, _ = tools()
    path = write(box, [frame("10.0.0.1", "10.0.0.2"), frame("10.0.0.2", "10.0.0.1", ports=(80, 1000), flags=18)])
    _, x, _, _ = make(box, path, "--label", "benign", "--profile", "lucid6,ip_flags=0x4000")
    assert x.shape == (1, 10, 6)
    assert numpy.allclose(x[0, :2, 1:4], [[0.25, 2 / 65536, 100 / 65536], [0.25, 18 / 65536, 100 / 65536]])
    assert (x[0, 2:] == 0).all()
    own = box.file("own.toml", '[[feature]]\nname = "ip_length"\ndivisor = 40\n')
    _, x, _, _ = make(box, path, "--label", "benign", "--profile", own, "--set", "ddos.packets_per_flow=3")
    assert x.tolist() == [[[1], [1], [0]]]


def test_two_runs_write_the_same_bytes(box):
    path = capture("attack", "lucid-CIC-DDoS-2019-WebDDoS.pcap")
    for name in ("one.h5", "two.h5"):
        make(box, path, "--label", "attacker=172.16.0.5", name=name)
        # HDF5 may write times in seconds.
        before = (box.folder / name).stat().st_mtime
        harness.wait_until(lambda: harness.time.time() > int(before) + 1, "the next second")
    assert (box.folder / "one.h5").read_bytes() == (box.folder / "two.h5").read_bytes()


def test_a_capture_without_flows_gives_an_empty_set(box):
    _, x, y, said = make(box, write(box, []), "--label", "attack")
    assert x.shape == (0, 10, 11) and len(y) == 0 and "0 samples" in said, said


def test_packets_without_room_are_told(box):
    path = write(box, [frame(f"10.0.{i // 250}.{i % 250}", "10.9.9.9") for i in range(500)])
    _, x, _, said = make(box, path, "--label", "attack", "--set", "ddos.max_flows=16")
    assert len(x) < 500 and "max_flows" in said, said


# ------------------------------------------------------------------------------------------ how it ends
def test_sigint_finishes_the_file_with_what_there_is(box):
    _, h5py, _ = tools()
    pipe, target = box.folder / "pipe.pcap", box.folder / "set.h5"
    os.mkfifo(pipe)
    weir = replay(box, pipe, "--max-rows", "0", "-t", "1", "--dataset", target, "--label", "attack")
    start = 1_600_000_000 * NS
    early = [(start, frame("10.0.0.1", "10.0.0.2")), (start + 2 * NS, frame("10.0.0.3", "10.0.0.2"))]
    filling = [(start + 2 * NS + i, frame("10.0.0.3", "10.0.0.2")) for i in range(5000)]
    with open(pipe, "wb") as writer:
        writer.write(pcap(early + filling))
        writer.flush()
        weir.line(20)  # the first window is over: it is running
        weir.signal(signal.SIGINT)
        try:
            while weir.popen.poll() is None:
                writer.write(pcap(filling)[24:])
        except BrokenPipeError:
            pass  # it has ended, as it should
    assert weir.wait() == 0, weir.stderr
    assert "stopped before the end" in weir.stderr, weir.stderr
    with h5py.File(target, "r") as file:
        assert file["set_x"].shape == (2, 10, 11), file["set_x"].shape


def test_an_old_file_is_replaced_at_the_end_alone(box):
    target = box.file("set.h5", "old")
    weir = replay(box, box.file("broken.pcap", "no capture"), "--dataset", target, "--label", "attack")
    assert weir.wait() == 2 and target.read_text() == "old"
    make(box, write(box, [frame("10.0.0.1", "10.0.0.2")]), "--label", "attack")
    assert sorted(p.name for p in box.folder.glob("set.h5*")) == ["set.h5"], "nothing is left beside it"


def test_root_may_write_into_the_folder_of_another_user(box):
    folder = box.folder / "home"
    folder.mkdir(mode=0o755)
    os.chown(folder, 12345, 12345)
    _, x, _, _ = make(box, write(box, [frame("10.0.0.1", "10.0.0.2")]), "--label", "attack", name="home/set.h5")
    assert len(x) == 1


# ------------------------------------------------------------------------------------------ what is refused
def refused(box, code, *words, args):
    path = write(box, [frame("10.0.0.1", "10.0.0.2")])
    weir = replay(box, path, *args)
    got = weir.wait(60)
    assert got == code, f"exit {got} instead of {code}: {args}\n{weir.stderr}"
    for word in words:
        assert word in weir.stderr, f"{word!r} is missing in:\n{weir.stderr}"
    assert not list(box.folder.glob("set.h5*")), "something was written"
    assert weir.line() is None, "an error does not belong on standard output"


def test_bad_labels(box):
    target = ["--dataset", box.folder / "set.h5"]
    refused(box, 2, "no label", "hint: --label attacker=", args=target)
    for label, word in (("attacker", "does not say who"), ("attacker=", "no address"), ("attacker=10.0.0", "no address"),
                        ("attacker=10.0.0.1/33", "0 to 32 bits"), ("attacker=::1/129", "0 to 128 bits"),
                        ("attacker=10.0.0.1/", "0 to 32 bits"), ("attacker=10.0.0.1,,", "no address"),
                        ("atacker=10.0.0.1", "neither attacker nor victim"), ("good", "does not say who"),
                        ("attacker=example.org", "no address")):
        refused(box, 2, word, args=[*target, "--label", label])
    refused(box, 2, "no other label", args=[*target, "--label", "attack", "--label", "benign"])
    refused(box, 2, "no other label", args=[*target, "--label", "attack", "--label", "attacker=10.0.0.1"])
    refused(box, 2, "--label goes with --dataset", args=["--label", "attack"])
    refused(box, 2, "--dataset-raw goes with", args=["--dataset-raw"])


def test_bad_profiles(box):
    target = ["--dataset", box.folder / "set.h5", "--label", "attack"]
    refused(box, 4, "no profile lucid1", "did you mean lucid11?", args=[*target, "--profile", "lucid1"])
    refused(box, 2, "0x02, 0x40 or 0x4000", args=[*target, "--profile", "lucid11,ip_flags=8"])
    refused(box, 2, "own.toml:2: unknown key divsor", "did you mean divisor?",
            args=[*target, "--profile", box.file("own.toml", '[[feature]]\ndivsor = 1\nname = "a"\n')])
    refused(box, 6, "features that the probe does not have: ttl", "the probe has time, tcp_ack",
            args=[*target, "--profile", box.file("own.toml", '[[feature]]\nname = "ttl"\n')])


NO_KEY = """#include <weir/probe.h>
#include <weir/flow.h>
struct seen { __u16 length WEIR_FEATURE("bytes"); };
struct id { __u32 first; };
WEIR_FLOW_TENSOR(lengths, struct id, struct seen, 1024, 4);
WEIR_PROBE(no_key) {
    struct weir_flow_id id = weir_flow_id_ipv4(1, 2, 0, 0, 6);
    struct weir_flow_head *flow = weir_flow(lengths, p, id);
    if (!flow)
        return WEIR_PASS;
    struct seen *packet = weir_flow_packet(lengths, p, flow);
    if (packet)
        packet->length = 9;
    return WEIR_PASS;
}
"""


def test_probes_of_ones_own(box):
    target = ["--dataset", box.folder / "set.h5"]
    refused(box, 6, "no flow tensor", args=[*target, "--label", "attack", "-b", "flows"])
    probe = ["-b", box.file("no_key.bpf.c", NO_KEY)]
    profile = ["--profile", box.file("own.toml", '[[feature]]\nname = "length"\ndivisor = 3\n')]
    refused(box, 6, "time, ip_length", "the probe has length", args=[*target, "--label", "attack", *probe])
    refused(box, 6, "no source and destination", "--label attack", args=[*target, "--label", "attacker=10.0.0.1", *probe, *profile])
    path = write(box, [frame("10.0.0.1", "10.0.0.2")])
    _, x, y, _ = make(box, path, "--label", "attack", *probe, *profile)
    assert x.tolist() == [[[3], [0], [0], [0]]] and y.tolist() == [1]


def test_files_that_cannot_be_written(box):
    refused(box, 8, "cannot be written", args=["--dataset", box.folder / "no" / "set.h5", "--label", "attack"])
    refused(box, 8, "a folder", args=["--dataset", box.folder, "--label", "attack"])


if __name__ == "__main__":
    harness.main(globals())
