#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a detector on labelled captures and measures it honestly.

    tools/traffic/make.py --set train && tools/traffic/make.py --set validation && tools/traffic/make.py --set test
    tools/train.py                       # both networks, into build/train
    tools/train.py --network flood --ship    # and the model into models/ddos

Needs ./dev deps --train and ./dev build, and root as `weir replay` does. The captures become sets by
`weir replay --dataset`; the network learns from the train episodes, its threshold comes from the validation episodes,
and the test episodes, whose flood tools and applications are in neither, are measured at the end. Writes
NETWORK.h5 (Keras), NETWORK.onnx, NETWORK.toml (the profile, with the threshold), NETWORK.json (every figure) and
pictures. The same captures and seed give the same weights.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.dont_write_bytecode = True
from training import measure, report  # noqa: E402
from training.choice import choose_threshold, is_collateral, is_weak  # noqa: E402
from training.features import Features  # noqa: E402
from training.fit import fit, scores_of  # noqa: E402
from training.networks import NETWORKS  # noqa: E402
from training.sets import episodes, load  # noqa: E402
from training.views import VIEWS  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent
SHIPPED = REPOSITORY / "models" / "ddos"
# Windows that a user is likely to choose; LUCID's features are per window of 10 s.
WINDOWS_S = {"flood": (10.0, 4.0, 1.0), "lucid": (10.0,)}
PROFILES = {"flood": SHIPPED / "model.toml", "lucid": "lucid11"}
FALSE_ALARMS = 0.005  # of benign flows of the validation episodes: what is asked of the model on the test
SCORES_AGREE = 1e-4  # PyTorch and ONNX Runtime


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = Path(os.environ.get("WEIR_BUILD_DIR", REPOSITORY / "build"))
    parser.add_argument("--traffic", type=Path, default=build / "traffic", help="captures (default build/traffic)")
    parser.add_argument("--out", type=Path, default=build / "train", help="results (default build/train)")
    parser.add_argument("--network", choices=[*NETWORKS, "both"], default="both")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--captures", type=Path, help="a folder with attack/ and benign/ captures, measured at the end")
    parser.add_argument("--ship", action="store_true", help="put the network flood into models/ddos")
    parser.add_argument("--weir", type=Path, default=build / "weir")
    return parser.parse_args()


def say(text):
    print(f"train: {text}", flush=True)


def describe(samples):
    return f"{len(samples)} samples, {int(samples.y.sum())} of attacks, {len(samples.groups)} groups"


def write_profile(name, target, threshold):
    """The profile beside the model, with the threshold that was chosen."""
    if name == "lucid":
        text = 'profile = "lucid11"\nip_flags = 0x02\nthreshold = 0.5\n'
    else:
        text = PROFILES[name].read_text(encoding="utf-8")
    target.write_text(re.sub(r"(?m)^threshold = .*$", f"threshold = {threshold:g}", text), encoding="utf-8")


def export(a, name, network, validation, threshold):
    """Keras' file, ONNX made of it by weir, and a proof that all three give the same scores."""
    keras, onnx = a.out / f"{name}.h5", a.out / f"{name}.onnx"
    network.write(keras)
    subprocess.run([a.weir, "model", "convert", keras, onnx], check=True)
    write_profile(name, a.out / f"{name}.toml", threshold)
    import h5py
    few = validation.x[:2000]
    with h5py.File(a.out / "few.h5", "w") as file:
        file["set_x"], file["set_y"] = few.astype(np.float64), validation.y[:2000].astype(np.int64)
    subprocess.run([a.weir, "model", "score", "--scores", a.out / "few.csv", onnx, a.out / "few.h5"], check=True,
                   stdout=subprocess.DEVNULL)
    said = np.loadtxt(a.out / "few.csv", delimiter=",", skiprows=1, usecols=3)
    worst = float(np.abs(said - scores_of(network, few)).max())
    if worst > SCORES_AGREE:
        raise SystemExit(f"train: the ONNX file of {name} differs from the network by {worst:g}")
    return worst


def commit():
    done = subprocess.run(["git", "-C", REPOSITORY, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or "unknown"


def train(a, name):
    profile, windows = PROFILES[name], WINDOWS_S[name]
    features = Features(profile)
    scratch = a.out / "sets"
    samples = load(a.weir, a.traffic, "train", windows, profile, scratch)
    validation = load(a.weir, a.traffic, "validation", windows, profile, scratch)
    say(f"{name}: train {describe(samples)}; validation {describe(validation)}")
    if features.has_ends:  # what nobody can tell is not learnt, and does not choose the threshold
        samples = samples.without(is_weak(samples, features) | is_collateral(samples, features))
        validation = validation.without(is_collateral(validation, features))
        say(f"{name}: without what cannot be told: train {describe(samples)}; validation {describe(validation)}")
    torch.manual_seed(a.seed)
    network = NETWORKS[name](len(features))
    begin = time.monotonic()
    fit(network, features, samples, a.epochs, a.seed,
        lambda epoch, loss: say(f"{name}: epoch {epoch} of {a.epochs}, loss {loss:.5f}, {time.monotonic() - begin:.0f} s"))
    scores = scores_of(network, validation.x)
    threshold = choose_threshold(validation, scores, FALSE_ALARMS)
    worst = export(a, name, network, validation, threshold)
    say(f"{name}: threshold {threshold:g}; ONNX and PyTorch differ by {worst:.1e} at most")
    result = {"network": name, "seed": a.seed, "epochs": a.epochs, "threshold": threshold, "commit": commit(),
              "windows_s": windows, "model_bytes": (a.out / f"{name}.onnx").stat().st_size,
              "train": describe(samples), "validation": describe(validation),
              "parameters": sum(p.numel() for p in network.parameters())}
    model = a.out / f"{name}.onnx"
    result["test"] = {}
    for view, window_s in ((v, w) for v in VIEWS for w in windows):
        found = measure.labelled(a.weir, model, episodes(a.traffic, "test"), threshold, window_s, view, scratch)
        if view == "both" and window_s == windows[0]:
            report.pictures(a.out, name, found, threshold)
        result["test"][f"{view}, {window_s:g} s"] = report.summary(found, threshold)
    test = load(a.weir, a.traffic, "test", windows[:1], profile, scratch, ("both",))
    result["permuted"] = measure.permuted(test, lambda x: scores_of(network, x), threshold, features, a.seed)
    if a.captures:
        result["captures"] = report.captures(a.weir, model, a.captures, threshold)
    (a.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    report.tell(result, say)
    return result


def ship(a):
    for suffix, target in ((".onnx", "model.onnx"), (".h5", "model.h5"), (".toml", "model.toml"),
                           (".json", "metrics.json"), ("-confusion.png", "confusion.png"), ("-roc.png", "roc.png")):
        shutil.copyfile(a.out / f"flood{suffix}", SHIPPED / target)
    if (a.out / "lucid.json").exists():
        shutil.copyfile(a.out / "lucid.json", SHIPPED / "lucid.json")
    report.write_card(SHIPPED)
    say(f"{SHIPPED}: model, metrics, pictures and card are written")


def main():
    a = arguments()
    a.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)  # more threads, another order of sums
    for name in NETWORKS if a.network == "both" else [a.network]:
        train(a, name)
    if a.ship:
        ship(a)
    return 0


if __name__ == "__main__":
    sys.exit(main())
