#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weir model: show, convert and score. Scores of the published models are compared with those that numpy computes
from their weights (lucid_oracle.py of the shared data, _networks.py). Models and sets are third-party data
beside the repository, not part of it."""
import csv
import json
import os
import pty
import re
import subprocess

import _harness as harness
import _networks
import _oracle

MODELS = harness.SHARED_DATA / "models"
SETS = harness.SHARED_DATA / "sets"
AMMAR = "ammar-siddique-10t-10n-DOS2019-LUCID.h5"
# Accuracy on its own test set, as the shared data's README has it.
PUBLISHED = {
    AMMAR: ("ammar-siddique/10t-10n-DOS2019-dataset-test.hdf5", 0.9978),
    "nuwahereza-10t-10n-DOS2019-LUCID.h5": ("nuwahereza/10t-10n-DOS2019-dataset-test.hdf5", 0.9868),
    "tawhid-10t-10n-SYN2020-LUCID.h5": ("tawhid/10t-10n-SYN2020-dataset-test.hdf5", 0.9972),
    "doriguzzi-phd-10t-10n-mlp-DOS2019.h5": ("ammar-siddique/10t-10n-DOS2019-dataset-test.hdf5", 0.9912),
}
TOLERANCE = 1e-4


# ------------------------------------------------------------------------------------------ tools
def need_data():
    if not MODELS.is_dir():
        raise harness.Skip(f"{MODELS} is not there", is_kernel=False)


def fitting_sets():
    return sorted(path for path in SETS.glob("*/*.hdf5") if path.parent.name != "doriguzzi-ml")


def content(path):
    import h5py
    with h5py.File(path, "r") as file:
        return file["set_x"][:], file["set_y"][:].reshape(-1) > 0.5


def run(box, *args, code=0, env=None):
    """Runs `weir model ARGS`; returns what it printed on each stream. Home and temporary files are the test's."""
    home = box.folder / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run([harness.WEIR, "model", *map(str, args)], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "HOME": str(home), "TMPDIR": str(home), **(env or {})})
    assert done.returncode == code, f"exit {done.returncode} instead of {code}: {args}\n{done.stderr}"
    assert not list(home.iterdir()), f"{args} left {list(home.iterdir())}"
    return done.stdout, done.stderr


def refused(box, code, *args, words=(), env=None):
    out, err = run(box, *args, code=code, env=env)
    assert out == "", f"an error does not belong on standard output: {out}"
    assert err.startswith("weir: "), err
    for word in words:
        assert re.search(word, err), f"{word!r} is missing in:\n{err}"
    return err


def scores_of(box, model, *sets):
    """The report of `weir model score`, and {set: [scores]} of its --scores file."""
    target = box.folder / "scores.csv"
    out, _ = run(box, "score", "--format", "json", "--scores", target, model, *sets)
    scores = {}
    with open(target, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            scores.setdefault(row["set"], []).append(float(row["score"]))
            assert int(row["sample"]) == len(scores[row["set"]]) - 1
    return json.loads(out), scores


def compare(box, model, sets, predict):
    import numpy as np
    report, scores = scores_of(box, model, *sets)
    assert [entry["set"] for entry in report["sets"]] == [str(path) for path in sets]
    for path, entry in zip(sets, report["sets"]):
        x, y = content(path)
        expected, got = predict(model, x), np.array(scores[str(path)])
        worst = np.abs(expected - got).max()
        assert worst <= TOLERANCE, f"{model.name} on {path}: a score is {worst} off"
        accuracy = ((expected > 0.5) == y).mean()
        assert entry["samples"] == len(y)
        assert abs(entry["accuracy"] - accuracy) < 1e-9, f"{model.name} on {path}: {entry} instead of {accuracy}"
        assert entry["true_positive"] == int(((expected > 0.5) & y).sum())
        assert entry["false_positive"] == int(((expected > 0.5) & ~y).sum())
        assert entry["true_negative"] == int((~(expected > 0.5) & ~y).sum())
        assert entry["false_negative"] == int((~(expected > 0.5) & y).sum())


def make_set(path, **datasets):
    import h5py
    with h5py.File(path, "w") as file:
        for name, (data, options) in datasets.items():
            file.create_dataset(name, data=data, **options)
    return path


# ------------------------------------------------------------------------------------------ scores
def test_lucid_scores_are_the_oracles_on_all_sets(box):
    need_data()
    oracle = _oracle.load(harness.SHARED_DATA)
    models = sorted(MODELS.glob("*LUCID.h5"))
    assert len(models) == 3 and len(fitting_sets()) == 14
    for model in models:
        compare(box, model, fitting_sets(), oracle.predict)


def test_mlp_and_lstm_scores_are_numpys(box):
    need_data()
    compare(box, MODELS / "doriguzzi-phd-10t-10n-mlp-DOS2019.h5", fitting_sets(), _networks.mlp)
    compare(box, MODELS / "tawhid-10t-10n-SYN2020-dos_lstm.h5", fitting_sets(), _networks.dos_lstm)


def test_accuracy_is_what_was_published(box):
    need_data()
    for model, (path, accuracy) in PUBLISHED.items():
        out, _ = run(box, "score", MODELS / model, SETS / path)
        assert f"accuracy {accuracy:.4f}," in out, f"{model}: {out}"


def test_a_converted_model_scores_the_same(box):
    need_data()
    for model in sorted(MODELS.glob("*10t-10n*.h5")):
        target = box.folder / "converted.onnx"
        assert run(box, "convert", model, target) == ("", "")
        assert scores_of(box, model, fitting_sets()[0])[1] == scores_of(box, target, fitting_sets()[0])[1]
    assert sorted(path.name for path in box.folder.iterdir()) == ["converted.onnx", "home", "scores.csv"]
    assert target.stat().st_mode & 0o777 == 0o644, "as umask has it"


def test_text_has_accuracy_and_the_confusion_matrix(box):
    need_data()
    path = SETS / PUBLISHED[AMMAR][0]
    out, err = run(box, "score", MODELS / AMMAR, path, path)
    assert err == "", err
    first = rf"{re.escape(str(path))}: 453 samples, accuracy 0\.9978, 0\.\d{{4}} above 0\.5, \d+ flows/s\n"
    assert re.match(first + r" +above +not above\n  attack +\d+ +\d+\n  benign +\d+ +\d+\n", out), out
    assert "\nall: 906 samples, accuracy 0.9978" in out, out


def test_threads_and_threshold(box):
    need_data()
    path = SETS / PUBLISHED[AMMAR][0]
    none, _ = run(box, "score", "--format", "json", "--threshold", "1", "--threads", "2", MODELS / AMMAR, path)
    assert json.loads(none)["sets"][0]["above"] == 0
    expected = _oracle.load(harness.SHARED_DATA).predict(MODELS / AMMAR, content(path)[0])
    some, _ = run(box, "score", "--format", "json", "--threshold", "0.05", MODELS / AMMAR, path)
    assert json.loads(some)["sets"][0]["above"] == int((expected > 0.05).sum())
    refused(box, 2, "score", "--threshold", "2", MODELS / AMMAR, path)


def test_sets_of_other_types_score_the_same(box):
    need_data()
    import numpy as np
    original = SETS / PUBLISHED[AMMAR][0]
    x, y = content(original)
    packed = make_set(box.folder / "packed.hdf5",
                      set_x=(x.astype(np.float32)[..., np.newaxis], {"compression": "gzip", "chunks": (50, 10, 11, 1)}),
                      set_y=(y[:, np.newaxis], {}))
    plain, scores = scores_of(box, MODELS / AMMAR, original, packed)
    for key in ("samples", "accuracy", "true_positive"):
        assert plain["sets"][0][key] == plain["sets"][1][key]
    assert scores[str(original)] == scores[str(packed)]


def test_without_labels_there_is_a_share(box):
    need_data()
    x, _ = content(SETS / PUBLISHED[AMMAR][0])
    oracle = _oracle.load(harness.SHARED_DATA)
    path = make_set(box.folder / "unlabelled.hdf5", set_x=(x, {}))
    report, scores = scores_of(box, MODELS / AMMAR, path)
    assert "accuracy" not in report["sets"][0]
    assert abs(report["sets"][0]["share_above"] - (oracle.predict(MODELS / AMMAR, x) > 0.5).mean()) < 1e-9
    assert len(scores[str(path)]) == len(x)
    out, _ = run(box, "score", MODELS / AMMAR, path)
    assert "accuracy" not in out and "attack" not in out and "above 0.5" in out, out


def test_an_empty_set_has_no_scores(box):
    need_data()
    import numpy as np
    path = make_set(box.folder / "empty.hdf5", set_x=(np.zeros((0, 10, 11)), {}), set_y=(np.zeros(0, int), {}))
    out, _ = run(box, "score", MODELS / AMMAR, path)
    assert "0 samples" in out, out


def test_progress_is_for_terminals(box):
    need_data()
    ours, theirs = pty.openpty()
    done = subprocess.run([harness.WEIR, "model", "score", MODELS / AMMAR, SETS / PUBLISHED[AMMAR][0]],
                          stdout=subprocess.PIPE, stderr=theirs, timeout=60)
    os.close(theirs)
    seen = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "100 % of " in seen and seen.endswith("\r\033[K"), repr(seen)


# ------------------------------------------------------------------------------------------ show
def test_show_tells_shapes_layers_and_weights(box):
    need_data()
    out, _ = run(box, "show", MODELS / AMMAR)
    assert "Keras 2.7.0 (HDF5)" in out and "float32 [samples, 10, 11, 1]" in out, out
    assert re.search(r"conv0 +Conv2D +\[samples, 8, 1, 32\] +1,088\n", out), out
    shown = json.loads(run(box, "show", "--format", "json", MODELS / AMMAR)[0])
    assert shown["kind"] == "keras-hdf5" and shown["version"] == "2.7.0" and shown["weights"] == 1121
    assert shown["input"] == {"name": "conv0_input", "shape": [10, 11, 1]}
    run(box, "convert", MODELS / AMMAR, box.folder / "lucid.onnx")
    onnx = json.loads(run(box, "show", "--format", "json", box.folder / "lucid.onnx")[0])
    assert onnx["kind"] == "onnx" and onnx["input"]["shape"] == [10, 11, 1] and onnx["output"]["shape"] == [1]
    assert any(layer["kind"] == "Conv" and layer["weights"] == 1088 for layer in onnx["layers"]), onnx


LUCID11 = ["time", "ip_length", "application", "ip_fragment", "application", "tcp_length", "tcp_ack", "tcp_flags",
           "tcp_window", "udp_length", "icmp_type"]


def profile_of(box, model):
    """What show says of the profile: the line of the text, and the JSON."""
    text, err = run(box, "show", model)
    assert err == "", err
    return re.search(r"^  profile  (.*)$", text, re.MULTILINE)[1], json.loads(
        run(box, "show", "--format", "json", model)[0])["profile"]


def test_show_tells_the_profile_that_inject_would_take(box):
    need_data()
    model = box.folder / "mine.h5"
    model.write_bytes((MODELS / AMMAR).read_bytes())
    line, shown = profile_of(box, model)
    name = "lucid11,ip_flags=0x02,ack=relative"
    assert line == f"{name}, assumed; threshold 0.5; {', '.join(LUCID11)}", line
    assert shown == {"name": name, "assumed": True, "threshold": 0.5, "features": LUCID11}, shown
    beside = box.file("model.toml", 'profile = "lucid11"\nip_flags = 0x4000\nthreshold = 0.75\n')
    line, shown = profile_of(box, model)
    assert line == f"{beside}; threshold 0.75; {', '.join(LUCID11)}", line
    assert shown == {"name": "model.toml", "assumed": False, "file": str(beside), "threshold": 0.75,
                     "features": LUCID11}, shown
    features = [f"f{i}" for i in reversed(range(11))]
    own = box.file("mine.toml", "".join(f'[[feature]]\nname = "{feature}"\n' for feature in features))
    line, shown = profile_of(box, model)
    assert line.startswith(f"{own}; threshold 0.5; f10, f9, ") and shown["features"] == features, (line, shown)


def test_show_says_what_does_not_fit_in_that_line(box):
    need_data()
    model = box.folder / "mine.h5"
    model.write_bytes((MODELS / AMMAR).read_bytes())
    for toml, words in (('profile = "lucid6"\n', ("[10, 11]", "model.toml has 6 features")),
                        ('profile = "lucid12"\n', ("model.toml:1", "lucid12"))):
        box.file("model.toml", toml)
        line, shown = profile_of(box, model)
        assert line == "none: " + shown["misfit"] and all(word in line for word in words), line
    line, shown = profile_of(box, MODELS / "doriguzzi-phd-10t-1n-mlp-IDS2017.h5")
    assert line == "none: " + shown["misfit"] and "[12]" in line and "[packets, features]" in line, line


# ------------------------------------------------------------------------------------------ refusals
def test_misfits_show_both_shapes(box):
    need_data()
    twenty = next(SETS.glob("doriguzzi-ml/*.hdf5"))
    refused(box, 6, "score", MODELS / AMMAR, twenty, words=(r"\[10, 20\]", r"\[10, 11, 1\]"))
    one_packet = MODELS / "doriguzzi-phd-10t-1n-mlp-IDS2017.h5"
    refused(box, 6, "score", one_packet, fitting_sets()[0], words=(r"\[10, 11\]", r"takes \[12\]"))
    # Nothing is scored where one of the sets does not fit.
    refused(box, 6, "score", MODELS / AMMAR, fitting_sets()[0], twenty)


def test_what_is_no_model_is_refused(box):
    refused(box, 4, "show", box.folder / "none.h5", words=("none.h5: no such file",))
    refused(box, 2, "show", box.folder, words=("a folder",))
    refused(box, 2, "show", box.file("text.onnx", "This is a text.\n"), words=("text.onnx: not an ONNX model",))
    refused(box, 2, "convert", box.file("text.onnx", "a text"), box.folder / "out.onnx", words=("not a Keras file",))
    assert not (box.folder / "out.onnx").exists()


def test_a_misspelt_verb_is_told_what_there_is(box):
    said = refused(box, 2, "calibrat", "lo", words=("calibrat: no such verb; weir model has show, .* and calibrate",))
    assert "hint: weir model --help" in said, said


def test_cut_files_are_refused(box):
    need_data()
    whole = (MODELS / AMMAR).read_bytes()
    path = box.folder / "cut.h5"
    for length in (8, 100, 2048, len(whole) // 2, len(whole) - 1000):
        path.write_bytes(whole[:length])
        refused(box, 2, "show", path, words=("cut.h5",))
    path.write_bytes((SETS / PUBLISHED[AMMAR][0]).read_bytes()[:100_000])
    refused(box, 2, "score", MODELS / AMMAR, path, words=("cut.h5",))
    refused(box, 2, "score", MODELS / AMMAR, MODELS / AMMAR, words=("no set_x in it, but .*model_weights",))


def test_convert_does_not_write_over_the_model(box):
    need_data()
    copy = box.folder / "copy.h5"
    copy.write_bytes((MODELS / AMMAR).read_bytes())
    refused(box, 2, "convert", copy, copy, words=("the model itself",))
    refused(box, 4, "convert", copy, box.folder / "none" / "out.onnx", words=("out.onnx",))
    assert copy.read_bytes() == (MODELS / AMMAR).read_bytes()


def test_usage_errors_name_the_verb(box):
    refused(box, 2, "score", words=("hint: weir model score --help",))
    refused(box, 2, "paint", words=("hint: weir model --help",))
    out, _ = run(box, "score", "--help")
    assert "Examples:" in out and "--threshold" in out, out


# ------------------------------------------------------------------------------------------ ONNX Runtime
def test_a_missing_library_is_unsupported_with_a_hint(box):
    need_data()
    refused(box, 7, "show", MODELS / AMMAR, words=("ONNX Runtime.*/nowhere.so", r"hint: .*\./dev deps"),
            env={"WEIR_ONNXRUNTIME": "/nowhere.so"})
    refused(box, 7, "show", MODELS / AMMAR, words=("not ONNX Runtime",), env={"WEIR_ONNXRUNTIME": "libz.so.1"})


def test_cuda_is_there_or_refused(box):
    need_data()
    done = subprocess.run([harness.WEIR, "model", "score", "--device", "cuda", MODELS / AMMAR, fitting_sets()[0]],
                          capture_output=True, text=True, timeout=60)
    if done.returncode == 0:
        raise harness.Skip("this machine has CUDA", is_kernel=False)
    assert done.returncode == 7 and re.search(r"device cuda: ONNX Runtime \d.*\nhint: ", done.stderr), done.stderr


def test_weir_starts_without_it(box):
    need_data()
    loads = {"LD_DEBUG": "files"}
    other = subprocess.run([harness.WEIR, "--version"], capture_output=True, text=True, env={**os.environ, **loads})
    assert "libc.so.6" in other.stderr and "onnxruntime" not in other.stderr
    _, err = run(box, "show", MODELS / AMMAR, env=loads)
    assert "libonnxruntime" in err


if __name__ == "__main__":
    harness.main(globals())
