# SPDX-License-Identifier: Apache-2.0
"""Writes a Sequential network as Keras 2 writes model.save("x.h5"): configuration and weights, without an optimiser.

    write_h5("model.h5", "flood", (10, 22), [(layer("Dense", "score", units=1, activation="sigmoid"),
                                               {"kernel": w, "bias": b})])

Source of the layout: keras/src/legacy/saving/legacy_h5_format.py (Keras 3), and files of Keras 2.
"""
import json

import h5py
import numpy as np

KERAS_VERSION = "2.12.0"  # whose defaults the configuration below spells out


def layer(kind, name, **config):
    return {"class_name": kind, "config": {"name": name, "trainable": True, "dtype": "float32", **config}}


def write_h5(path, name, shape, layers):
    """`shape`: of one sample. `layers`: (layer(), {weight: array}) in their order."""
    first = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, *shape], "dtype": "float32",
                                                    "sparse": False, "ragged": False, "name": "features"}}
    topology = {"class_name": "Sequential",
                "config": {"name": name, "layers": [first] + [described for described, _ in layers]}}
    with h5py.File(path, "w", track_order=False) as file:
        file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", KERAS_VERSION
        file.attrs["model_config"] = json.dumps(topology)
        group = file.create_group("model_weights")
        group.attrs["backend"], group.attrs["keras_version"] = "tensorflow", KERAS_VERSION
        names = [described["config"]["name"] for described, _ in layers]
        group.attrs["layer_names"] = [n.encode() for n in names]
        for described, weights in layers:
            own = described["config"]["name"]
            below = group.create_group(own)
            paths = [f"{own}/{weight}:0" for weight in weights]
            below.attrs["weight_names"] = np.array([p.encode() for p in paths], dtype="S64")
            for at, array in zip(paths, weights.values()):
                below.create_dataset(at, data=np.ascontiguousarray(array, np.float32), track_times=False)
