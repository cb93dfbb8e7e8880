# SPDX-License-Identifier: Apache-2.0
"""Flows that are unlike those of the first windows: scikit-learn's IsolationForest, trained on what it sees at first.

    weir inject -b ddos -t 5 -e examples/outliers.py eth0

Needs python3-sklearn. The first TRAINING windows with enough flows train the forest; from then on each flow that it
has not seen the like of is an alert, the strangest first. A flow is a row of eight numbers, made for all flows of a
window at once.
"""
import numpy as np
from sklearn.ensemble import IsolationForest

TRAINING = 3  # windows
ENOUGH = 20  # flows in them
MOST_ALERTS = 20  # a window

rows_seen, windows_seen, forest = [], 0, None


def on_window(window):
    global windows_seen
    flows = window.tensor.flows
    rows = features_of(window.tensor)
    if forest is None:
        if len(rows):
            rows_seen.append(rows)
            windows_seen += 1
        if windows_seen >= TRAINING and sum(map(len, rows_seen)) >= ENOUGH:
            train(np.concatenate(rows_seen))
        return {"flows": len(flows), "outliers": None}
    if len(rows) == 0:
        return {"flows": 0, "outliers": 0}
    scores = -forest.decision_function(rows)  # above 0: an outlier
    outliers = np.flatnonzero(scores > 0)
    for i in outliers[np.argsort(-scores[outliers])][:MOST_ALERTS]:
        key = flows[i]["key"]
        window.alert(src=key["source"], dst=key["destination"], sport=key["source_port"],
                     dport=key["destination_port"], packets=flows[i]["packets"], score=scores[i],
                     reason="unlike the flows of the first windows")
    return {"flows": len(flows), "outliers": len(outliers)}


def train(rows):
    global forest
    forest = IsolationForest(n_estimators=100, contamination=0.001, random_state=1).fit(rows)
    rows_seen.clear()


def features_of(tensor):
    """Shape (flows, 8), float64."""
    if len(tensor) == 0:
        return np.empty((0, 8))
    flows, packets = tensor.flows, tensor.packets
    count = np.maximum(tensor.recorded, 1)  # packets of the flow in the tensor; zeros behind them
    sizes = packets["ip_length"].astype(float)
    times = packets["time"].astype(float)
    there = np.arange(tensor.packets_per_flow) < count[:, None]
    duration = np.where(there, times, -np.inf).max(axis=1) - np.where(there, times, np.inf).min(axis=1)
    return np.column_stack([
        np.log1p(flows["packets"]),
        np.log1p(flows["forward_bytes"]),
        np.log1p(flows["backward_bytes"]),
        sizes.sum(axis=1) / count,
        np.log1p(duration / count),
        (packets["tcp_flags"] & 2 > 0).sum(axis=1) / count,
        packets["is_backward"].sum(axis=1) / count,
        np.log1p(flows["key"]["destination_port"]),
    ])
