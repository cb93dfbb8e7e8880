#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models of Keras, as .h5 of Keras 2 and 3 and as .keras: weir's scores are those of references that are not weir's:
TensorFlow.js (tests/golden/keras), numpy where it lacks something, and, on published models, data/lucid_oracle.py."""
import json
import subprocess
import sys
import zipfile

import h5py
import numpy as np

import _harness as harness
import _keras_file as keras_file
import _keras_numpy as keras_numpy

GOLDEN = harness.REPOSITORY / "tests" / "golden" / "keras" / "models.json"
PREDICT = harness.BUILD / "tests" / "predict"
TOLERANCE = 2e-5  # float32, in another order of additions; the values are below 20
PUBLISHED = harness.SHARED_DATA / "models"


def predict(box, cases):
    """What weir says for {name: (file, input)}: {name: numbers, or the line that was printed}."""
    arguments = []
    for name, (path, x) in cases.items():
        x.astype(np.float32).tofile(box.folder / f"{name}.in")
        arguments += [path, box.folder / f"{name}.in", box.folder / f"{name}.out"]
    done = subprocess.run([PREDICT, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    said = {}
    for name, (path, _) in cases.items():
        out = box.folder / f"{name}.out"
        lines = [line for line in done.stderr.splitlines() if str(path) in line]
        said[name] = np.fromfile(out, np.float32) if out.exists() else "\n".join(lines)
    return said


def compare(box, models, write):
    """Writes every model, predicts, and compares."""
    cases = {}
    for model in models:
        path = box.folder / f"{model['name']}.model"
        write(path, model)
        cases[model["name"]] = (path, keras_file.numbers(model["input"]))
    said = predict(box, cases)
    wrong = []
    for model in models:
        ours, theirs = said[model["name"]], keras_file.numbers(model["output"]).reshape(-1)
        if isinstance(ours, str) or ours.shape != theirs.shape or not np.abs(ours - theirs).max() <= TOLERANCE:
            how = ours if isinstance(ours, str) or ours.shape != theirs.shape else np.abs(ours - theirs).max()
            wrong.append(f"{model['name']}: {how}")
    assert not wrong, "\n".join(wrong)
    print(f"     {len(models)} models", flush=True)


def goldens():
    return json.loads(GOLDEN.read_text())["models"]


def is_keras_3(model):
    """Does Keras 3 have it, and mean the same?"""
    text = json.dumps(model["topology"])
    return "hard_sigmoid" not in text and "ThresholdedReLU" not in text


def test_h5_of_keras_2(box):
    compare(box, goldens(), lambda path, model: keras_file.write_h5(path, model, 2, "2.12.0"))


def test_h5_of_keras_3(box):
    models = [model for model in goldens() if is_keras_3(model)]
    compare(box, models, lambda path, model: keras_file.write_h5(path, model, 3, "3.4.1"))


def test_keras_archives(box):
    models = [model for model in goldens() if is_keras_3(model)]
    compare(box, models, lambda path, model: keras_file.write_keras(path, model, "3.4.1"))


def test_packed_archives(box):
    compare(box, goldens()[:3],
            lambda path, model: keras_file.write_keras(path, model, "3.4.1", zipfile.ZIP_DEFLATED))


def test_lists_of_names_in_pieces(box):
    compare(box, goldens()[:3], lambda path, model: keras_file.write_h5(path, model, 2, "2.12.0", attribute_bytes=50))


def test_layers_that_the_reference_lacks_on_keras_2(box):
    models = [model for model in keras_numpy.models() if 2 in model["keras"]]
    compare(box, models, lambda path, model: keras_file.write_h5(path, model, 2, "2.15.0"))


def test_layers_that_the_reference_lacks_on_keras_3(box):
    models = [model for model in keras_numpy.models() if 3 in model["keras"]]
    compare(box, models, lambda path, model: keras_file.write_keras(path, model, "3.4.1"))


# ------------------------------------------------------------------------------------ published models
def sets_of_shape(shape):
    folder = harness.SHARED_DATA / "sets"
    if not folder.is_dir():
        raise harness.Skip("no sets beside the project", is_kernel=False)
    found = []
    for path in sorted(folder.rglob("*.hdf5")):
        with h5py.File(path) as file:
            if file["set_x"].shape[1:] == shape:
                found.append(file["set_x"][:].astype(np.float32))
    assert found
    return np.concatenate(found)


def published(kind):
    found = [path for path in sorted(PUBLISHED.glob("*.h5")) if kind in path.name and "IDS2017" not in path.name]
    if not found:
        raise harness.Skip("no models beside the project", is_kernel=False)
    return found


def check_published(box, kind, reference, x):
    for path in published(kind):
        ours = predict(box, {path.stem: (path, x)})[path.stem]
        assert not isinstance(ours, str), ours
        worst = np.abs(ours - reference(path, x)).max()
        print(f"     {path.name}: {len(x)} samples, worst difference {worst:.1e}", flush=True)
        assert worst <= 1e-5, path.name


def test_published_lucid_models(box):
    sys.path.insert(0, str(harness.SHARED_DATA))
    if not (harness.SHARED_DATA / "lucid_oracle.py").exists():
        raise harness.Skip("no oracle beside the project", is_kernel=False)
    import lucid_oracle
    check_published(box, "LUCID", lucid_oracle.predict, sets_of_shape((10, 11)))


def test_published_mlp(box):
    check_published(box, "mlp", keras_numpy.mlp, sets_of_shape((10, 11)))


def test_published_lstm(box):
    x = sets_of_shape((10, 11))
    check_published(box, "lstm", keras_numpy.two_lstms, x[:: max(1, len(x) // 2000)])


if __name__ == "__main__":
    harness.main(globals())
