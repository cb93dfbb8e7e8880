# SPDX-License-Identifier: Apache-2.0
"""What a model says of captures, as `weir replay` says it, beside their labels."""
import json
import subprocess
from collections import defaultdict

import numpy as np

from .sets import UNATTRIBUTED, flow_key, read_labels
from .views import view_of

PROTOCOLS = {"TCP": "6", "UDP": "17", "ICMP": "1", "ICMPv6": "58"}


def replay(weir, model, capture, window_s=10.0, *more):
    """The windows of a capture: each flow an alert with its score."""
    command = [weir, "replay", "-m", str(model), "-t", f"{window_s:g}", "--alerts", "all", "--format", "json",
               "--max-rows", "0", "--set", "ddos.max_flows=256k", *more, str(capture)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"train: {capture}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def flagged(window, threshold):
    return sum(1 for alert in window["alerts"] if alert["score"] > threshold)


class Tally:
    """Flows by group, and how many of them score above the threshold."""

    def __init__(self):
        self.flows, self.above = defaultdict(int), defaultdict(int)

    def add(self, group, is_above):
        self.flows[group] += 1
        self.above[group] += is_above

    def table(self):
        return {group: {"flows": self.flows[group], "above": self.above[group],
                        "share": self.above[group] / self.flows[group]} for group in sorted(self.flows)}


def labelled(weir, model, captures, threshold, window_s, view, scratch):
    """{"attack": {group: counts}, "benign": ..., "scores", "labels"} over captures with labels beside them. Flows of an
    attack that have its victim's packets alone in a window are not counted; of the view "out" all are such."""
    tallies = {1: Tally(), 0: Tally()}
    scores, labels = [], []
    for capture in captures:
        told = read_labels(capture.with_suffix(".csv"))
        for window in replay(weir, model, view_of(capture, view, scratch), window_s):
            for alert in window["alerts"]:
                key = flow_key(alert["src"], alert["dst"], str(alert.get("sport", 0)), str(alert.get("dport", 0)),
                               PROTOCOLS.get(alert.get("protocol"), "0"))
                label = told.get(key)
                if label is None or label.group in UNATTRIBUTED or label.attacker not in ("", alert["src"]):
                    continue
                is_attack = int(label.attacker != "")
                tallies[is_attack].add(label.group, alert["score"] > threshold)
                scores.append(alert["score"])
                labels.append(is_attack)
    return {"attack": tallies[1].table(), "benign": tallies[0].table(), "scores": np.array(scores),
            "labels": np.array(labels, int)}


def permuted(samples, score, threshold, features, seed):
    """Balanced accuracy as it is, and after each feature is taken from other samples: {feature: accuracy}."""
    generator = np.random.default_rng(seed)

    def accuracy(x):
        above = score(x) > threshold
        return float((above[samples.y == 1].mean() + 1 - above[samples.y == 0].mean()) / 2)

    result = {"as it is": accuracy(samples.x)}
    recorded = samples.x.any(axis=2)
    for i, name in enumerate(features.names):
        x = samples.x.copy()
        x[:, :, i] = np.where(recorded, x[generator.permutation(len(x)), :, i], 0)
        result[name] = accuracy(x)
    return result
