# SPDX-License-Identifier: Apache-2.0
"""A small model for six features, as Keras 2 writes it, and what it answers, in numpy."""
import json

import h5py
import numpy

PACKETS, FEATURES = 10, 6


def parameters():
    source = numpy.random.default_rng(6)
    return source.normal(size=(PACKETS * FEATURES, 1)).astype(numpy.float32), numpy.float32([0.25])


def write(path):
    """Flatten, then one sigmoid."""
    layers = [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, PACKETS, FEATURES], "dtype": "float32",
                                                "name": "input_1"}},
        {"class_name": "Flatten", "config": {"name": "flatten", "data_format": "channels_last"}},
        {"class_name": "Dense", "config": {"name": "fc1", "units": 1, "activation": "sigmoid", "use_bias": True}}]
    kernel, bias = parameters()
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.4.0"
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"name": "six", "layers": layers}})
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [b"flatten", b"fc1"]
        weights.create_group("flatten").attrs["weight_names"] = numpy.array([], dtype="S1")
        dense = weights.create_group("fc1")
        dense.attrs["weight_names"] = [b"fc1/kernel:0", b"fc1/bias:0"]
        dense.create_dataset("fc1/kernel:0", data=kernel)
        dense.create_dataset("fc1/bias:0", data=bias)


def random_rows(count, seed):
    return numpy.random.default_rng(seed).random((count, PACKETS, FEATURES), dtype=numpy.float32)


def expected(rows):
    """Shape: [n, 10, 6] -> [n, 1]."""
    kernel, bias = parameters()
    return 1 / (1 + numpy.exp(-(rows.reshape(len(rows), -1).astype(float) @ kernel + bias)))
