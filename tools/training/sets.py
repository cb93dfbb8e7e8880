# SPDX-License-Identifier: Apache-2.0
"""Sets of samples, made of labelled captures by `weir replay --dataset`: what is learnt is what weir sees live.

An episode is NAME.pcap and NAME.csv, as tools/traffic/make.py writes them. A sample is a flow in a window; its group
is the program that made it ("hping3 syn", "nginx"), as the labels of its episode say.
"""
import csv
import re
import subprocess
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from .views import VIEWS, view_of

THREADS = 2
LONG_WINDOW_S = 5
MOST_OF_A_GROUP = 1500  # samples of one program in one set: a flood's hundred thousand are all alike


@dataclass
class Samples:
    x: np.ndarray  # [samples, packets, features] float32
    y: np.ndarray  # [samples] 0 or 1
    group: np.ndarray  # [samples] index into groups
    groups: list  # "hping3 syn"

    def __len__(self):
        return len(self.y)

    def without(self, mask):
        return Samples(self.x[~mask], self.y[~mask], self.group[~mask], self.groups)


def episodes(folder, kind):
    named = re.compile(rf"{kind}-\d+\.pcap")  # not those of what each attacker sent
    found = sorted(p for p in Path(folder).glob(f"{kind}-*.pcap") if named.fullmatch(p.name))
    if not found:
        raise SystemExit(f"train: no captures {kind}-*.pcap in {folder}: tools/traffic/make.py --set {kind}")
    return found


def flow_key(source, destination, source_port, destination_port, protocol):
    """Either direction of a flow has the same."""
    ends = sorted(((source, source_port), (destination, destination_port)))
    return (*ends[0], *ends[1], protocol)


@dataclass(frozen=True)
class Label:
    group: str
    attacker: str  # its address; "" of a benign flow


def read_labels(path):
    """{flow: Label} of an episode; benign flows are grouped by their program, attacks by program and kind."""
    labels = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = flow_key(row["source"], row["destination"], row["source_port"], row["destination_port"],
                           row["protocol"])
            is_attack = row["label"] == "attack"
            labels[key] = (Label(f"{row['program']} {row['kind']}", row["source"]) if is_attack else
                           Label(row["program"], ""))
    return labels


UNKNOWN = Label("unknown", "")
UNATTRIBUTED = ("other", "unknown")  # flows of no application: packets that came out of nowhere, whoever sent them


def room(window_s):
    """Flows that a window is to have room for. A table of twice the size takes twice as long to make."""
    return "256k" if window_s > LONG_WINDOW_S else "128k"


def write_set(weir, capture, view, window_s, profile, target):
    """The set of one view of an episode, as weir writes it: every flow of every window."""
    command = [weir, "replay", "-m", "none", "-t", f"{window_s:g}", "--profile", str(profile), "--max-rows", "0",
               "--format", "json", "--dataset", str(target), "--dataset-flows", "--set", f"ddos.max_flows={room(window_s)}",
               "--label", f"flows={capture.with_suffix('.csv')}", str(view_of(capture, view, target.parent))]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"train: {capture}: {done.stderr.strip()}")


def read_set(path, labels):
    """Samples of a set, of large groups a part. A flow of an attack that has its victim's packets alone in a window is
    left out: those are no attack, and nobody's ordinary traffic."""
    groups = {}
    with h5py.File(path) as file:
        x, y, flows = file["set_x"], file["set_y"][:].astype(np.float32), file["set_flow"][:]
        own = np.empty(len(y), np.int32)
        is_left_out = np.zeros(len(y), bool)
        for i, flow in enumerate(flows):
            ends = flow.decode().split(",")
            label = labels.get(flow_key(*ends), UNKNOWN)
            own[i] = groups.setdefault(label.group, len(groups))
            is_left_out[i] = label.attacker not in ("", ends[0]) or label.group in UNATTRIBUTED
        kept = few_of_each(own, zlib.crc32(path.name.encode()))
        kept = kept[~is_left_out[kept]]
        return Samples(x[:][kept].astype(np.float32), y[kept], own[kept], list(groups))


def kept_set(weir, capture, view, window_s, profile, folder):
    """Samples of one view of an episode, kept in `folder` until its capture, labels, profile or weir are newer. A whole
    set is a hundred times as large, and goes at once."""
    name = f"{capture.stem}-{view}-{window_s:g}s-{Path(profile).stem}"
    kept, whole = Path(folder) / f"{name}.npz", Path(folder) / f"{name}.h5"
    sources = (capture, capture.with_suffix(".csv"), Path(profile), Path(weir))
    newest = max(p.stat().st_mtime for p in sources if p.exists())
    if not kept.exists() or kept.stat().st_mtime < newest:
        write_set(weir, capture, view, window_s, profile, whole)
        samples = read_set(whole, read_labels(capture.with_suffix(".csv")))
        whole.unlink()
        np.savez(kept, x=samples.x, y=samples.y, group=samples.group, groups=np.array(samples.groups))
    with np.load(kept) as file:
        return Samples(file["x"], file["y"], file["group"], file["groups"].tolist())


def joined(parts):
    """One of all; groups of one name are one."""
    groups = {name: i for i, name in enumerate(dict.fromkeys(name for part in parts for name in part.groups))}
    own = [np.array([groups[name] for name in part.groups], np.int32)[part.group] for part in parts]
    return Samples(np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts]),
                   np.concatenate(own), list(groups))


def few_of_each(group, seed):
    """Indexes in their order, of each group at most MOST_OF_A_GROUP."""
    shuffled = np.random.default_rng(seed).permutation(len(group))
    order = shuffled[np.argsort(group[shuffled], kind="stable")]
    place = np.arange(len(order)) - np.searchsorted(group[order], group[order])
    return np.sort(order[place < MOST_OF_A_GROUP])


def load(weir, folder, kind, windows_s, profile, scratch, views=VIEWS):
    """All samples of the episodes of one kind: train, validation or test."""
    Path(scratch).mkdir(parents=True, exist_ok=True)
    captures = episodes(folder, kind)
    for capture in captures:  # before the threads ask for them
        for view in views:
            view_of(capture, view, scratch)
    wanted = [(capture, view, window_s) for capture in captures for view in views for window_s in windows_s]
    with ThreadPoolExecutor(THREADS) as pool:
        return joined(list(pool.map(lambda w: kept_set(weir, *w, profile, scratch), wanted)))
