#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What tools/train.py is made of, without PyTorch: views of a capture against tshark, draws, thresholds, variations,
and the Keras file against numpy through weir."""
import csv
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
WEIR = Path(os.environ.get("WEIR_BUILD_DIR", REPOSITORY / "build")) / "weir"
sys.path.insert(0, str(REPOSITORY / "tools"))
sys.path.insert(0, str(REPOSITORY / "tools" / "traffic"))
from training import choice, keras_file, sets, views  # noqa: E402
from training.features import Features  # noqa: E402

PROFILE = REPOSITORY / "models" / "ddos" / "model.toml"
ROUTER, SERVER, USER = bytes.fromhex("020000000001"), bytes.fromhex("020000000101"), bytes.fromhex("020000000202")


def frame(destination, source, payload):
    """Ethernet and an IPv4 header that says nothing."""
    return destination + source + b"\x08\x00" + bytes([0x45, 0, 0, 20 + len(payload)]) + bytes(16) + payload


def pcap(frames):
    out = bytearray(np.array([0xA1B23C4D], "<u4").tobytes() + np.array([2, 4], "<u2").tobytes() + bytes(8) +
                    np.array([65535, 1], "<u4").tobytes())
    for i, data in enumerate(frames):
        out += np.array([i, 0, len(data), len(data)], "<u4").tobytes() + data
    return bytes(out)


class Views(unittest.TestCase):
    def test_each_frame_is_in_one_direction(self):
        frames = [frame(ROUTER if i % 3 else SERVER, SERVER if i % 3 else ROUTER, bytes([i])) for i in range(30)]
        with tempfile.TemporaryDirectory() as folder:
            capture = Path(folder, "train-000.pcap")
            capture.write_bytes(pcap(frames))
            self.assertEqual(views.view_of(capture, "both", folder), capture)
            for view, wanted in (("in", f"eth.dst == {SERVER.hex(':')}"), ("out", f"eth.src == {SERVER.hex(':')}")):
                part = views.view_of(capture, view, folder)
                told = subprocess.run(["tshark", "-r", part, "-T", "fields", "-e", "frame.time_epoch"], check=True,
                                      capture_output=True, text=True).stdout
                whole = subprocess.run(["tshark", "-r", capture, "-Y", wanted, "-T", "fields", "-e", "frame.time_epoch"],
                                       check=True, capture_output=True, text=True).stdout
                self.assertEqual(told, whole)
                self.assertEqual(len(told.split()), 10 if view == "in" else 20)

    def test_another_byte_order_is_refused(self):
        with self.assertRaises(ValueError):
            views.split(b"\xa1\xb2\xc3\xd4" + bytes(20))


class Choice(unittest.TestCase):
    def samples(self, sizes, labels):
        group = np.repeat(np.arange(len(sizes)), sizes)
        return sets.Samples(np.zeros((len(group), 1, 1), np.float32), np.repeat(np.array(labels, np.float32), sizes),
                            group, [str(i) for i in range(len(sizes))])

    def test_a_large_group_has_the_root_of_its_size(self):
        samples = self.samples([100, 10000, 400, 900], [1, 1, 0, 0])
        weights = choice.group_weights(samples)
        self.assertAlmostEqual(weights.sum(), 1)
        self.assertAlmostEqual(weights[samples.y == 0].sum(), choice.BENIGN_SHARE)
        share = [weights[samples.group == g].sum() for g in range(4)]
        self.assertAlmostEqual(share[1] / share[0], 10)
        self.assertAlmostEqual(share[3] / share[2], 1.5)

    def test_the_threshold_is_the_least_that_keeps_to_the_share(self):
        samples = self.samples([50, 10000], [1, 0])
        scores = np.concatenate([np.ones(50), np.linspace(0, 0.8, 10000)])
        threshold = choice.choose_threshold(samples, scores, 0.01)
        above = lambda t: (scores[samples.y == 0] > t).mean()  # noqa: E731
        self.assertLessEqual(above(threshold), 0.01)
        self.assertGreater(above(threshold - 0.01), 0.01)

    def test_a_small_program_counts_as_much_as_a_large_one(self):
        samples = self.samples([50, 100000, 10], [1, 0, 0])
        scores = np.concatenate([np.ones(50), np.zeros(100000), np.full(10, 0.7)])
        self.assertGreaterEqual(choice.choose_threshold(samples, scores, 0.001), 0.7)

    def test_what_cannot_be_told_is_found(self):
        features = Features(PROFILE)
        column = features.names.index
        x = np.zeros((4, 10, len(features)), np.float32)
        x[:, 0, column("flow.tcp")] = 1
        x[2:, 1] = x[2:, 0]  # two packets from the source
        x[:, :, column("pair.flows")] = np.log2(1 + np.array([1, 1, 5, 500]))[:, None] / 16 * x.any(axis=2)
        x[:2, :, column("service.flows")] = np.log2(1 + np.array([4000, 3]))[:, None] / 16 * x[:2].any(axis=2)
        x[:2, :, column("service.lone")] = x[:2].any(axis=2)
        self.assertAlmostEqual(features.number(x, "service.flows")[0], 4000, delta=1)
        attacks = sets.Samples(x, np.ones(4), np.zeros(4, int), ["a"])
        benign = sets.Samples(x, np.zeros(4), np.zeros(4, int), ["b"])
        self.assertEqual(choice.is_weak(attacks, features).tolist(), [False, False, True, False])
        self.assertEqual(choice.is_collateral(benign, features).tolist(), [True, False, False, False])
        self.assertFalse(choice.is_weak(benign, features).any() or choice.is_collateral(attacks, features).any())
        self.assertEqual(len(attacks.without(choice.is_weak(attacks, features))), 3)

    def test_of_each_group_a_part_is_kept(self):
        group = np.random.default_rng(1).integers(0, 5, 20000)
        kept = sets.few_of_each(group, 7)
        self.assertTrue((np.diff(kept) > 0).all())
        self.assertTrue((np.bincount(group[kept]) == sets.MOST_OF_A_GROUP).all())
        self.assertTrue((kept == sets.few_of_each(group, 7)).all())
        few = sets.few_of_each(group[:100], 7)
        self.assertEqual(len(few), 100)


class Variation(unittest.TestCase):
    def test_some_conversations_have_a_server_under_attack(self):
        features = Features(PROFILE)
        column = features.names.index
        x = np.zeros((3000, 10, len(features)), np.float32)
        x[:, :2, column("flow.tcp")], x[:, :2, column("pair.flows")] = 1, 0.01
        x[1000:, :2, column("service.flows")] = 0.1
        x[2000:, 1] = 0  # one packet: nobody can tell them from a flood of such
        x[:1000, :2, column("service.flows")], x[:1000, :2, column("service.lone")] = 0.9, 1
        x[:1000, :2, column("pair.flows")] = 0.9
        y = np.zeros(3000)
        y[:1000] = 1
        varied = features.vary(x, y, np.random.default_rng(6))
        is_attacked = varied[:, 0, column("service.lone")] > 0.5
        self.assertTrue(0.2 < is_attacked[1000:2000].mean() < 0.4)
        self.assertFalse(is_attacked[2000:].any())
        self.assertGreater(varied[1000:2000][is_attacked[1000:2000], 0, column("service.flows")].mean(), 0.7)
        self.assertLess(varied[1000:2000, 0, column("pair.flows")].max(), 0.3, "what is told of the user stays")

    def test_absent_packets_stay_absent_and_flags_stay_flags(self):
        features = Features(PROFILE)
        generator = np.random.default_rng(3)
        x = generator.random((500, 10, len(features))).astype(np.float32)
        x[:, 4:] = 0
        varied = features.vary(x, np.zeros(500), generator)
        self.assertFalse(varied[:, 4:].any())
        self.assertTrue((varied >= 0).all())
        there = varied.any(axis=2)
        self.assertTrue(there[:, 0].all() and (there[:, :-1] >= there[:, 1:]).all(), "the first packets are kept")
        self.assertLess(there.sum(), x.any(axis=2).sum(), "some flows are cut")
        moved = {name for i, name in enumerate(features.names) if (varied[:, :, i] != x[:, :, i])[there].any()}
        self.assertIn("destination.flows", moved)
        self.assertFalse(moved & {"tcp_flags SYN", "tcp_flags ACK", "is_backward", "flow.tcp", "flow.udp", "flow.icmp"})

    def test_all_packets_of_a_flow_keep_one_rate(self):
        features = Features(PROFILE)
        column = features.names.index("pair.flows")
        x = np.ones((50, 10, len(features)), np.float32)
        x[:, :, column] = 0.5
        varied = features.vary(x, np.zeros(50), np.random.default_rng(4))
        rates = varied[:, :, column]
        self.assertTrue((rates == rates[:, :1])[varied.any(axis=2)].all())
        self.assertGreater(rates[:, 0].std(), 0)


    def test_lone_attacks_may_be_repeated(self):
        features = Features(PROFILE)
        column = features.names.index
        x = np.zeros((1000, 10, len(features)), np.float32)
        x[:, :2, column("flow.tcp")] = 1
        x[:, 0, column("tcp_flags SYN")], x[:, 1, column("tcp_flags RST")], x[:, 1, column("is_backward")] = 1, 1, 1
        x[:, :2, column("destination.lone")] = 1
        varied = features.vary(x, np.ones(1000), np.random.default_rng(8))
        packets = varied.any(axis=2).sum(axis=1)
        self.assertTrue({1, 2} < set(packets) and packets.max() == 10, set(packets))
        repeated = varied[packets >= 4]
        self.assertTrue((repeated[:, 1:4:2, column("is_backward")] == 1).all())
        self.assertTrue((repeated[:, 0:4:2, column("is_backward")] == 0).all())
        self.assertTrue((np.diff(repeated[:, :4, column("time")]) >= 0).all())
        self.assertLess(repeated[:, 0, column("destination.lone")].mean(), 0.8)

    def test_lone_attacks_get_other_flags_and_sources(self):
        features = Features(PROFILE)
        column = features.names.index
        x = np.zeros((2000, 10, len(features)), np.float32)
        x[:, 0, column("flow.tcp")], x[:, 0, column("tcp_flags SYN")] = 1, 1
        x[:, 0, column("destination.flows")], x[:, 0, column("pair.flows")] = 0.6, 0.01
        x[1000:, 1] = x[1000:, 0]  # two packets from the source: no lone flow
        y = np.ones(2000)
        y[500:1000] = 0
        varied = features.vary(x, y, np.random.default_rng(6))
        has_syn = varied[:, 0, column("tcp_flags SYN")]
        self.assertTrue((has_syn[500:] == 1).all(), "neither benign flows nor others")
        self.assertTrue(0.1 < 1 - has_syn[:500].mean() < 0.4)
        self.assertGreater(varied[:500, 0, column("pair.flows")].max(), 0.4)
        self.assertLess(varied[500:, 0, column("pair.flows")].max(), 0.3)


class Sets(unittest.TestCase):
    def test_a_flow_is_found_in_either_direction(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "labels.csv")
            with open(path, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow("source,destination,source_port,destination_port,protocol,label,kind,program".split(","))
                writer.writerow("10.0.0.1,10.0.0.2,1000,80,6,attack,syn,hping3".split(","))
                writer.writerow("10.0.0.3,10.0.0.2,1000,80,6,benign,benign,nginx".split(","))
            labels = sets.read_labels(path)
            data = Path(folder, "x.h5")
            with h5py.File(data, "w") as file:
                file["set_x"], file["set_y"] = np.zeros((3, 10, 2)), np.array([1, 0, 1])
                file["set_flow"] = np.array([b"10.0.0.1,10.0.0.2,1000,80,6", b"10.0.0.2,10.0.0.3,80,1000,6",
                                             b"10.0.0.2,10.0.0.1,80,1000,6"], "S96")
            samples = sets.read_set(data, labels)
        self.assertEqual(labels[sets.flow_key("10.0.0.2", "10.0.0.1", "80", "1000", "6")],
                         sets.Label("hping3 syn", "10.0.0.1"))
        self.assertEqual(labels[sets.flow_key("10.0.0.3", "10.0.0.2", "1000", "80", "6")].group, "nginx")
        self.assertNotIn(sets.flow_key("10.0.0.2", "10.0.0.1", "1000", "80", "6"), labels)
        self.assertEqual(samples.y.tolist(), [1, 0], "the victim's answer to the attack is left out")
        self.assertEqual([samples.groups[g] for g in samples.group], ["hping3 syn", "nginx"])
        both = sets.joined([samples, sets.Samples(samples.x, samples.y, samples.group, ["curl get", "hping3 syn"])])
        self.assertEqual([both.groups[g] for g in both.group], ["hping3 syn", "nginx", "curl get", "hping3 syn"])


class KerasFile(unittest.TestCase):
    def test_weir_reads_it_and_computes_what_numpy_computes(self):
        generator = np.random.default_rng(5)
        kernel, bias = generator.normal(size=(3, 4, 6)), generator.normal(size=6)
        weight, offset = generator.normal(size=(6, 1)), generator.normal(size=1)
        x = generator.random((40, 10, 4))
        with tempfile.TemporaryDirectory() as folder:
            model, data, out = (Path(folder, name) for name in ("m.h5", "x.h5", "scores.csv"))
            keras_file.write_h5(model, "small", (10, 4), [
                (keras_file.layer("Conv1D", "c", filters=6, kernel_size=[3], strides=[1], padding="same",
                                  data_format="channels_last", dilation_rate=[1], groups=1, activation="relu",
                                  use_bias=True), {"kernel": kernel, "bias": bias}),
                (keras_file.layer("GlobalMaxPooling1D", "g", data_format="channels_last"), {}),
                (keras_file.layer("Dense", "d", units=1, activation="sigmoid", use_bias=True),
                 {"kernel": weight, "bias": offset})])
            with h5py.File(data, "w") as file:
                file["set_x"], file["set_y"] = x, np.zeros(40, np.int64)
            subprocess.run([WEIR, "model", "score", "--scores", out, model, data], check=True, capture_output=True)
            said = np.loadtxt(out, delimiter=",", skiprows=1, usecols=3)
            shown = json.loads(subprocess.run([WEIR, "model", "show", "--format", "json", model], check=True,
                                              capture_output=True, text=True).stdout)
        padded = np.pad(x, ((0, 0), (1, 1), (0, 0)))
        layers = sum(padded[:, i:i + 10] @ kernel[i] for i in range(3)) + bias
        wanted = 1 / (1 + np.exp(-(np.maximum(layers, 0).max(axis=1) @ weight + offset)))
        self.assertLess(np.abs(said - wanted[:, 0]).max(), 1e-5)
        self.assertTrue(shown)


if __name__ == "__main__":
    unittest.main()
