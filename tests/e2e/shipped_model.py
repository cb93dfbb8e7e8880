#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The model that is shipped with the probe ddos: it runs by default, gives way where somebody says otherwise, finds
what its card says on captures that it was not made with, and can be calibrated. Those captures are third-party data
beside the repository."""
import json
import os
import shutil
import signal
import subprocess

import _harness as harness
import netpair

CARD = harness.REPOSITORY / "models" / "ddos"
METRICS = json.loads((CARD / "metrics.json").read_text(encoding="utf-8"))
CAPTURES = harness.SHARED_DATA / "captures"
BENIGN = CAPTURES / "benign" / "pcapplusplus-example.pcap"
FLOODS = ("ddosgrid-synflood.pcap", "lucid-CIC-DDoS-2019-SynFlood.pcap", "lucid-SYN2020-dataset-chunk-syn.pcap",
          "netlyzer-ddos.pcap")
MODEL_BYTES = 200_000


def need_captures():
    if not CAPTURES.exists():
        raise harness.Skip(f"no {CAPTURES}", is_kernel=False)


def run(box, *args, code=0, env=None):
    process = box.start(harness.WEIR, *args, env={"WEIR_CACHE": str(box.folder / "cache"), **(env or {})})
    lines = []
    while (line := process.line(120)) is not None:
        lines.append(line)
    assert process.wait() == code, (args, process.stderr)
    return lines, process.stderr


def replay(box, capture, *args, env=None):
    lines, said = run(box, "replay", "--format", "json", "--max-rows", 0, *args, capture, env=env)
    return [json.loads(line) for line in lines], said


def counts(windows):
    return {"flows": sum(w["flows"] for w in windows), "above": sum(w["malicious"] for w in windows)}


# ------------------------------------------------------------------------------------------ the card
def test_the_model_is_small_and_whole(box):
    for name in ("model.onnx", "model.h5", "model.toml", "confusion.png", "roc.png", "lucid.json"):
        assert (CARD / name).stat().st_size > 0, name
    assert (CARD / "model.onnx").stat().st_size == METRICS["model_bytes"] <= MODEL_BYTES
    by_name, by_file = (json.loads("".join(run(box, "model", "show", "--format", "json", name)[0]))
                        for name in ("ddos", CARD / "model.onnx"))
    assert by_name["layers"] == by_file["layers"] and by_name["input"] == by_file["input"], (by_name, by_file)
    assert by_name["profile"]["threshold"] == METRICS["threshold"], by_name


def test_the_card_says_what_was_measured(box):
    card = (CARD / "README.md").read_text(encoding="utf-8")
    for name, group in (("attacks", "attack"), ("programs", "benign")):
        for program, found in METRICS["test"]["both, 10 s"][name].items():
            line = f"| {program} | {found['flows']:,} | {found['above']:,} | {found['share']:.4f} |"
            assert line in card, (group, line)
    assert f"threshold {METRICS['threshold']:g}" in card


def test_keras_and_onnx_are_the_same_network(box):
    need_captures()
    flood = CAPTURES / "attack" / FLOODS[0]
    profile = ("--profile", CARD / "model.toml", "--alerts", "all")
    onnx, _ = replay(box, flood, "-m", CARD / "model.onnx", *profile)
    keras, _ = replay(box, flood, "-m", CARD / "model.h5", *profile)
    assert len(onnx) == len(keras) > 0
    for one, other in zip(onnx, keras):
        assert all(abs(a["score"] - b["score"]) < 1e-5 for a, b in zip(one["alerts"], other["alerts"]))


# ------------------------------------------------------------------------------------------ foreign captures
def test_benign_captures_are_let_alone(box):
    need_captures()
    flows = above = 0
    for path in sorted((CAPTURES / "benign").glob("*.pcap*")):
        found = counts(replay(box, path)[0])
        told = METRICS["captures"]["benign"][path.name]
        assert found == {"flows": told["flows"], "above": told["above"]}, (path.name, found, told)
        flows, above = flows + found["flows"], above + found["above"]
    assert flows > 700 and above <= 0.02 * flows, (above, flows)


def test_floods_are_found(box):
    need_captures()
    for name in FLOODS:
        found = counts(replay(box, CAPTURES / "attack" / name)[0])
        told = METRICS["captures"]["attack"][name]
        assert found == {"flows": told["flows"], "above": told["above"]}, (name, found, told)
        assert found["above"] >= 0.95 * found["flows"], (name, found)


def test_the_attacker_of_a_flood_is_named(box):
    need_captures()
    windows, _ = replay(box, CAPTURES / "attack" / FLOODS[0])
    victim = windows[0]["victims"][0]
    assert victim["dst"] == "10.0.1.12" and victim["src"] == ["10.0.1.2"], victim
    windows, _ = replay(box, CAPTURES / "attack" / "netlyzer-ddos.pcap")
    victim = windows[0]["victims"][0]
    assert victim["dst"] == "227.213.154.241" and victim["sources"] > 3000, victim


# ------------------------------------------------------------------------------------------ the default
def test_it_runs_unless_somebody_says_otherwise(box):
    need_captures()
    by_default, said = replay(box, BENIGN)
    assert "malicious" in by_default[0] and said == "", said
    named, _ = replay(box, BENIGN, "-m", "ddos")
    assert counts(named) == counts(by_default)
    script = box.file("look.py", "def on_window(window):\n    return len(window.tables)\n")
    for args in (("-m", "none"), ("-b", "flows"), ("-e", script), ("--profile", "lucid11"),
                 ("--dataset", box.folder / "set.h5", "--label", "benign")):
        windows, said = replay(box, BENIGN, *args)
        assert windows and "malicious" not in windows[0], (args, said)


def test_a_policy_and_python_name_it_too(box):
    net = box.net()
    policy = box.file("policy.toml", f'interface = "{net.right.device}"\n[[probe]]\nbpf = "ddos"\nmodel = "ddos"\n')
    weir = box.weir(net.right, "run", "--check", "--format", "json", policy)
    assert weir.wait(60) == 0, weir.stderr
    lines = []
    while (line := weir.line()) is not None:
        lines.append(line)
    assert "share/weir/models/ddos/model.onnx" in "".join(lines), lines
    script = box.file("inject.py", "import sys, weir\nwith weir.inject(sys.argv[1], probe='ddos', window=0.2, model='ddos') as probe:\n"
                                   "    print(next(iter(probe)).detection is not None)\n")
    process = box.start(*netpair.NetPair.command(net.right, "/usr/bin/python3", "-B", script, net.right.device),
                        env={"PYTHONPATH": str(harness.BUILD / "share" / "weir" / "python")})
    assert process.wait(30) == 0 and process.line() == "True\n", process.stderr


def test_where_it_does_not_fit_windows_go_on_without_it(box):
    need_captures()
    windows, said = replay(box, BENIGN, "--set", "ddos.packets_per_flow=4")
    assert windows and "malicious" not in windows[0]
    assert "the probe's own model is not used" in said and "[10, 26]" in said, said
    _, said = run(box, "replay", "-m", "ddos", "--set", "ddos.packets_per_flow=4", BENIGN, code=6)
    assert "[10, 26]" in said, said


def test_a_broken_shipped_model_is_told_and_not_in_the_way(box):
    need_captures()
    share = box.folder / "prefix" / "share" / "weir"
    shutil.copytree(harness.BUILD / "share" / "weir", share, symlinks=True, ignore=shutil.ignore_patterns("models"))
    prefix = {"WEIR_PREFIX": str(box.folder / "prefix")}
    windows, said = replay(box, BENIGN, env=prefix)
    assert windows and "malicious" not in windows[0] and "model" not in said, said
    (share / "models" / "ddos").mkdir(parents=True)
    (share / "models" / "ddos" / "model.onnx").write_text("this is no model", encoding="utf-8")
    windows, said = replay(box, BENIGN, env=prefix)
    assert windows and "malicious" not in windows[0] and "not an ONNX model" in said, said


# ------------------------------------------------------------------------------------------ calibrate
def test_calibrate_counts_what_replay_counts(box):
    need_captures()
    captures = [CAPTURES / "benign" / name for name in ("ndpi-teams.pcap", "zeek-ssh.pcap", "ndpi-alexa-app.pcapng")]
    model = ("-m", harness.SHARED_DATA / "models" / "nuwahereza-10t-10n-DOS2019-LUCID.h5", "--profile",
             "lucid11,ip_flags=0x02")
    lines, _ = run(box, "model", "calibrate", "--format", "json", "--wanted", "0.05", *model, *captures)
    said, = map(json.loads, lines)
    assert said["threshold"] == said["least"]["threshold"] > said["own"]["threshold"] == 0.5, said
    assert said["least"]["share"] <= 0.05
    for told in (said["own"], said["least"]):
        found = [counts(replay(box, path, *model, "--threshold", told["threshold"])[0]) for path in captures]
        assert sum(f["above"] for f in found) == told["flows"], (told, found)
        assert sum(f["flows"] for f in found) == said["flows"]
    less = said["least"]["threshold"] - 0.0002
    found = sum(counts(replay(box, path, *model, "--threshold", less)[0])["above"] for path in captures)
    assert found > 0.05 * said["flows"], "a lesser threshold would not have kept to it"
    assert abs(said["least"]["flows_per_hour"] - said["least"]["flows"] * 3600 / said["seconds"]) < 1e-6


def test_calibrate_looks_at_an_interface(box):
    net = box.net()
    weir = box.weir(net.right, "model", "calibrate", "--format", "json", "-t", "0.5", "--seconds", "60",
                    net.right.device)
    harness.wait_attached(weir)
    for port in range(40):
        with netpair.inside(net.left.namespace), __import__("socket").socket(2, 2) as one:
            one.sendto(b"hello", (net.right.address, 9000 + port))
    weir.signal(signal.SIGINT)
    lines = []
    while (line := weir.line(30)) is not None:
        lines.append(line)
    assert weir.wait(30) == 0, weir.stderr
    said, = map(json.loads, lines)
    assert said["flows"] == 40 and said["windows"] >= 1 and said["window_s"] == 0.5, said
    assert harness.attached_program(net.right) is None


def test_calibrate_refuses_what_tells_nothing(box):
    need_captures()
    for code, args, word in ((2, ("-m", "none", BENIGN), "no model"), (2, ("-b", "flows", BENIGN), "flows"),
                             (4, ("no-such-interface",), "no-such-interface"),
                             (2, ("no-such.pcap", BENIGN), "no such file"), (4, (BENIGN, "no-such.pcap"), "no-such.pcap"),
                             (6, ("-m", "ddos", "--set", "ddos.packets_per_flow=4", BENIGN), "[10, 26]"),
                             (2, ("--wanted", "2", BENIGN), "wanted")):
        _, said = run(box, "model", "calibrate", *args, code=code)
        assert word in said, (args, said)


def test_a_misspelt_name_is_told_what_ships(box):
    need_captures()
    _, said = run(box, "replay", "-m", "ddoss", BENIGN, code=4)
    assert "ddoss: no such file" in said and "models by name: ddos" in said, said


if __name__ == "__main__":
    harness.main(globals())
