#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models in inject and replay: the published LUCID networks find what an independent computation (tshark and numpy,
../shared/data/expected_detections.json) says that they find, on captures and live; what does not fit is refused; a
slow or vanished model loses nothing. Captures and models are third-party data beside the repository."""
import json
import re
import shutil
import signal
import subprocess

import _harness as harness
import netpair

DATA = harness.SHARED_DATA
MODELS = DATA / "models"
AMMAR = MODELS / "ammar-siddique-10t-10n-DOS2019-LUCID.h5"
MLP = MODELS / "doriguzzi-phd-10t-10n-mlp-DOS2019.h5"
ENCODINGS = {AMMAR.name: "0x4000", "nuwahereza-10t-10n-DOS2019-LUCID.h5": "0x02",
             "tawhid-10t-10n-SYN2020-LUCID.h5": "0x40", MLP.name: "0x4000"}
ATTACK = "captures/attack/"
SYN_FLOOD = ATTACK + "lucid-CIC-DDoS-2019-SynFlood.pcap"
WEB_DDOS = ATTACK + "lucid-CIC-DDoS-2019-WebDDoS.pcap"
CHUNK_SYN = ATTACK + "lucid-SYN2020-dataset-chunk-syn.pcap"


def need_data():
    if not DATA.exists():
        raise harness.Skip(f"no {DATA}", is_kernel=False)


def replay(box, capture, *args, rows=0, code=0):
    process = box.start(harness.WEIR, "replay", "--format", "json", "--max-rows", rows, *args, capture,
                        env={"WEIR_CACHE": str(box.folder / "cache")})
    windows = []
    while (line := process.line(60)) is not None:
        windows.append(json.loads(line))
    assert process.wait() == code, process.stderr
    return windows, process.stderr


def lucid(model):
    return ("-m", MODELS / model, "--profile", f"lucid11,ip_flags={ENCODINGS[model]}")


# ------------------------------------------------------------------------------------------ on captures
def test_the_published_models_find_what_the_oracle_says(box):
    need_data()
    expected = json.loads((DATA / "expected_detections.json").read_text())
    for capture in (SYN_FLOOD, WEB_DDOS, CHUNK_SYN):
        for model, encoding in ENCODINGS.items():
            for ack in ("relative", "raw"):
                windows, _ = replay(box, DATA / capture, "--window-rule", "lucid", "-m", MODELS / model,
                                    "--profile", f"lucid11,ip_flags={encoding},ack={ack}")
                flows = sum(window["flows"] for window in windows)
                share = sum(window["malicious"] for window in windows) / flows
                wanted = expected[capture][f"{model}|{encoding}|{'rel' if ack == 'relative' else 'raw'}"]
                assert flows == expected[capture]["fragments"], (capture, flows)
                assert abs(share - wanted) <= 0.01, (capture, model, ack, share, wanted)


def test_alerts_say_who_attacks_whom(box):
    need_data()
    windows, _ = replay(box, DATA / SYN_FLOOD, "--window-rule", "lucid", *lucid(AMMAR.name))
    assert len(windows) == 1
    window = windows[0]
    assert window["malicious"] == len(window["alerts"]) > 9000
    scores = [alert["score"] for alert in window["alerts"]]
    assert scores == sorted(scores, reverse=True) and 0.5 < scores[-1] and scores[0] <= 1
    for alert in window["alerts"]:
        assert {alert["src"], alert["dst"], alert["protocol"]} == {"172.16.0.5", "192.168.50.4", "TCP"}, alert
        assert alert["src"] == "172.16.0.5" and alert["packets"] >= 1 and alert["sport"] and alert["dport"], alert
    victim, = window["victims"]
    assert (victim["dst"], victim["sources"], victim["src"]) == ("192.168.50.4", 1, ["172.16.0.5"]), victim
    assert (victim["flows"], victim["packets"]) == (window["malicious"], window["packets"]["entered"]), victim
    timings = window["timings_us"]
    assert timings["predict"] > 0 and timings["convert"] > 0, timings


def test_how_many_alerts_and_which(box):
    need_data()
    few, _ = replay(box, DATA / SYN_FLOOD, *lucid(AMMAR.name), "--max-alerts", "3")
    assert len(few[0]["alerts"]) == 3 and few[0]["malicious"] > 9000
    none, _ = replay(box, DATA / SYN_FLOOD, *lucid(AMMAR.name), "--threshold", "1")
    assert none[0]["malicious"] == 0 and none[0]["alerts"] == [] and none[0]["victims"] == []
    everyone, _ = replay(box, DATA / SYN_FLOOD, *lucid(AMMAR.name), "--threshold", "1", "--alerts", "all")
    assert len(everyone[0]["alerts"]) == everyone[0]["flows"] == 9367 and everyone[0]["malicious"] == 0


def test_the_answer_is_the_same_to_the_bit_with_any_number_of_threads(box):
    need_data()
    answers = []
    for threads in ("1", "1", "2", "5"):
        windows, _ = replay(box, DATA / CHUNK_SYN, *lucid(AMMAR.name), "--alerts", "all", "--threads", threads)
        for window in windows:
            del window["timings_us"]
        answers.append(windows)
    assert answers[0] == answers[1] == answers[2] == answers[3]


def test_text_for_people(box):
    need_data()
    text = subprocess.run([harness.WEIR, "replay", "--max-rows", "0", *lucid(AMMAR.name), DATA / SYN_FLOOD],
                          capture_output=True, text=True, check=True).stdout
    assert "! 192.168.50.4 is attacked by 172.16.0.5: 9,367 flows, 26,316 packets, score up to" in text, text
    assert text.count("! alert: 172.16.0.5:") == 10, text
    line = re.search(r"^packets 26316, sessions 9367, eBPF read time \S+ [mu]s, conversion time \S+ [mu]s, "
                     r"prediction time \S+ [mu]s$", text, re.MULTILINE)
    assert line, text
    without = subprocess.run([harness.WEIR, "replay", "-m", "none", "--max-rows", "0", DATA / SYN_FLOOD], capture_output=True,
                             text=True, check=True).stdout
    assert "conversion time -1, prediction time -1" in without and "attacked" not in without, without


def test_a_profile_that_nobody_chose_is_told(box):
    need_data()
    _, said = replay(box, DATA / WEB_DDOS, "-m", AMMAR)
    assert "lucid11" in said and "0x4000" in said and "0x02" in said, said
    _, said = replay(box, DATA / WEB_DDOS, *lucid(AMMAR.name))
    assert "lucid11" not in said, said


def test_a_model_toml_beside_the_model_is_its_profile(box):
    need_data()
    model = box.folder / "mine.h5"
    shutil.copy(AMMAR, model)
    box.file("model.toml", 'profile = "lucid11"\nip_flags = 0x4000\nthreshold = 0.99999\n')
    windows, said = replay(box, DATA / SYN_FLOOD, "-m", model)
    assert windows[0]["malicious"] == 0 and "lucid11" not in said, said
    box.file("model.toml", 'profile = "lucid11"\nip_flags = 0x4000\nwindow = 10\n')
    windows, said = replay(box, DATA / SYN_FLOOD, "-m", model, "--threshold", "0.5")
    assert "trained" not in said, said
    _, said = replay(box, DATA / SYN_FLOOD, "-m", model, "-t", "5")
    assert "trained with windows of 10 s, these have 5 s" in said, said
    assert windows[0]["malicious"] == 9367


# ------------------------------------------------------------------------------------------ refused
def test_what_does_not_fit_is_refused_with_both_shapes(box):
    need_data()
    net = box.net()

    def refused(code, *args):
        weir = box.inject(net.right, *args, "-t", "1", "--windows", "1")
        assert weir.wait(30) == code, (args, weir.stderr)
        assert harness.attached_program(net.right) is None
        return weir.stderr

    wrong_rank = refused(6, "-m", MODELS / "doriguzzi-phd-10t-1n-mlp-IDS2017.h5")
    assert "12" in wrong_rank and "[packets, features]" in wrong_rank, wrong_rank
    other_features = refused(6, "-m", AMMAR, "--profile", "lucid6")
    assert "11" in other_features and "6" in other_features and "lucid6" in other_features, other_features
    other_packets = refused(6, *lucid(AMMAR.name), "--set", "ddos.packets_per_flow=4")
    assert "10" in other_packets and "4" in other_packets, other_packets
    no_tensor = refused(6, *lucid(AMMAR.name), "-b", "flows")
    assert "flow tensor" in no_tensor, no_tensor
    assert "no-such" in refused(4, "-m", box.folder / "no-such.h5")
    assert "text.onnx: not an ONNX model" in refused(2, "-m", box.file("text.onnx", "this is no model"))
    assert "lucid99" in refused(4, "-m", AMMAR, "--profile", "lucid99")
    assert "ip_flags" in refused(2, "-m", AMMAR, "--profile", "lucid11,ip_flags=3")


# ------------------------------------------------------------------------------------------ live
def by_flow(window):
    """{(src, sport, dst, dport, protocol): score}, with --alerts all."""
    return {(a["src"], a.get("sport"), a["dst"], a.get("dport"), a["protocol"]): a["score"] for a in window["alerts"]}


def features(window):
    """{key: integer features of its packets}, all but their times, and the flow's counters."""
    found = {}
    for entry in window["tables"]["flows"]["entries"]:
        value = entry["value"]
        packets = [{name: number for name, number in packet.items() if name != "time"} for packet in value["packet"]]
        found[json.dumps(entry["key"], sort_keys=True)] = (value["packets"], value["forward_bytes"],
                                                           value["backward_bytes"], packets)
    return found


def sent_live(box, capture, *options):
    """The one window into which tcpreplay sends the capture at its own speed."""
    net = box.net()
    weir = box.inject(net.right, *options)
    harness.wait_attached(weir)
    subprocess.run([*netpair.NetPair.command(net.left, "tcpreplay", "--quiet", "-i", net.left.device), capture],
                   check=True, capture_output=True, timeout=60)
    weir.signal(signal.SIGINT)
    window, = weir.windows(30)
    assert weir.wait(30) == 0, weir.stderr
    return window


def test_live_says_what_the_replay_says(box):
    need_data()
    for capture, model in ((SYN_FLOOD, AMMAR.name), (CHUNK_SYN, AMMAR.name)):
        # A minute, so that all of it falls into one window on a busy machine too.
        options = (*lucid(model), "--alerts", "all", "-t", "60")
        replayed, _ = replay(box, DATA / capture, *options, rows=100000)
        assert len(replayed) == 1
        for _ in range(4):  # where the machine is busy, the veth's receiver drops some
            live = sent_live(box, DATA / capture, *options)
            if live["packets"] == replayed[0]["packets"]:
                break
        assert live["packets"] == replayed[0]["packets"], (live["packets"], replayed[0]["packets"])
        assert features(live) == features(replayed[0])
        was, now = by_flow(replayed[0]), by_flow(live)
        assert was.keys() == now.keys()
        near = sum(abs(was[flow] - now[flow]) <= 0.02 for flow in was)
        assert near >= 0.99 * len(was), f"{near} of {len(was)} scores are alike"


def test_a_model_that_vanishes_while_it_runs_changes_nothing(box):
    need_data()
    model = box.folder / "mine.h5"
    shutil.copy(AMMAR, model)
    net = box.net()
    weir = box.inject(net.right, "-m", model, "--profile", "lucid11,ip_flags=0x4000", "-t", "0.5", "--windows", "4")
    harness.wait_attached(weir)
    assert weir.window() is not None
    model.unlink()
    rest = weir.windows()
    assert weir.wait() == 0 and len(rest) == 3, weir.stderr
    assert all("malicious" in window and "errors" not in window["health"] for window in rest), rest


def test_a_slow_model_makes_windows_late_and_loses_nothing(box):
    """The LSTM takes longer for 20,000 flows than the window lasts."""
    need_data()
    lstm = MODELS / "tawhid-10t-10n-SYN2020-dos_lstm.h5"
    net = box.net()
    weir = box.inject(net.right, "-m", lstm, "--profile", "lucid11", "-t", "0.05", "--max-rows", "0", "--max-alerts",
                      "0")
    harness.wait_attached(weir)
    sent = 0
    for _ in range(4):
        subprocess.run([*netpair.NetPair.command(net.left, "tcpreplay", "--quiet", "--topspeed", "-i",
                                                 net.left.device), DATA / CHUNK_SYN],
                       check=True, capture_output=True, timeout=60)
        sent += 26326
    weir.signal(signal.SIGINT)
    windows = weir.windows(30)
    assert weir.wait(30) == 0, weir.stderr
    assert harness.entered(windows) == sent, (harness.entered(windows), sent)
    assert sum(window["late"] for window in windows) > 0, [window["timings_us"] for window in windows]
    assert all("errors" not in window["health"] for window in windows)


if __name__ == "__main__":
    harness.main(globals())
