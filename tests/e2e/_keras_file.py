# SPDX-License-Identifier: Apache-2.0
"""Writes a model as Keras 2 and Keras 3 would: .h5 of both, and .keras.

A model is a dict: topology (Keras 2's JSON: class_name, config), weights ([{names, name, shape, values}]; names are
the models around the layer and the layer). Layouts: keras/src/legacy/saving/legacy_h5_format.py and
keras/src/saving/saving_lib.py, Keras 3; the files of Keras 2 that are tested with show Keras 2's.
"""
import base64
import copy
import io
import json
import re
import zipfile

import h5py
import numpy as np

MODELS = ("Sequential", "Model", "Functional")
MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
CELLS = {"LSTM": "lstm_cell", "GRU": "gru_cell", "SimpleRNN": "simple_rnn_cell"}
POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


def numbers(stored):
    """The array of {shape, values}; values may be base64 of float32."""
    values = stored["values"]
    if isinstance(values, str):
        values = np.frombuffer(base64.b64decode(values), np.float32)
    return np.asarray(values, np.float32).reshape(stored["shape"])


def layers_of(topology):
    return topology["config"]["layers"]


def name_of(layer):
    return layer.get("name") or layer["config"]["name"]


def kinds_of(topology, around=()):
    """{(names): class} of every layer that is no model, in their order."""
    kinds = {}
    for layer in layers_of(topology):
        names = (*around, name_of(layer))
        if layer["class_name"] in MODELS:
            kinds.update(kinds_of(layer, names))
        else:
            kinds[names] = layer["class_name"]
    return kinds


# ------------------------------------------------------------------------------------------- as HDF5
def weight_path(model, weight, keras):
    """What Keras calls a weight of a layer: "dense/kernel:0", "sequential/lstm/lstm_cell/kernel"."""
    names = tuple(weight["names"])
    cell = CELLS.get(kinds_of(model["topology"])[names])
    own = [names[-1]] + ([cell] if cell else []) + [weight["name"]]
    if keras == 2:
        return "/".join(own) + ":0"
    is_sequential = model["topology"]["class_name"] == "Sequential"
    around = list(names[:-1]) or ([model["topology"]["config"]["name"]] if is_sequential else [])
    return "/".join(around + own)


def write_h5(path, model, keras, version, attribute_bytes=64512):
    """model.save("x.h5"). A list of names longer than `attribute_bytes` is cut into pieces, as Keras does."""
    topology = model["topology"] if keras == 2 else keras3_topology(model["topology"], legacy=True)
    with h5py.File(path, "w") as file:
        file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", version
        file.attrs["model_config"] = json.dumps({k: topology[k] for k in ("class_name", "config")})
        file.attrs["training_config"] = json.dumps({"loss": "mse", "optimizer_config": {"class_name": "Adam"}})
        file.create_group("optimizer_weights").attrs["weight_names"] = [b"iteration:0"]
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name_of(layer).encode() for layer in layers_of(topology)]
        group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", version.encode()
        for layer in layers_of(topology):
            below = group.create_group(name_of(layer))
            own = [w for w in model["weights"] if w["names"][0] == name_of(layer)]
            names = [weight_path(model, weight, keras).encode() for weight in own]
            write_list(below, "weight_names", names, attribute_bytes)
            for name, weight in zip(names, own):
                below.create_dataset(name.decode(), data=numbers(weight))
        group.create_group("top_level_model_weights").attrs["weight_names"] = []


def write_list(group, name, items, most_bytes):
    pieces = 1
    while any(np.asarray(piece).nbytes > most_bytes for piece in np.array_split(np.asarray(items), pieces)):
        pieces += 1
    if pieces == 1:
        group.attrs[name] = items
        return
    for number, piece in enumerate(np.array_split(np.asarray(items), pieces)):
        group.attrs[f"{name}{number}"] = piece


# ------------------------------------------------------------------------------------------ as .keras
def snake_case(name):
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def write_numbered(file, model, topology, weights_of, path=""):
    used = {}
    for layer in layers_of(topology):
        if layer["class_name"] == "InputLayer" and topology["class_name"] == "Sequential":
            continue
        kind = snake_case("Functional" if layer["class_name"] == "Model" else layer["class_name"])
        used[kind] = used.get(kind, -1) + 1
        below = f"{path}layers/{kind}" + (f"_{used[kind]}" if used[kind] else "")
        own = file.create_group(f"{below}/vars")
        if layer["class_name"] in MODELS:
            write_numbered(file, model, layer, weights_of[name_of(layer)], below + "/")
        if layer["class_name"] in CELLS:
            own = file.create_group(f"{below}/cell/vars")
        if "Dropout" in layer["class_name"]:
            file.create_dataset(f"{below}/seed_generator/vars/0", data=np.zeros(2, np.uint32))
        for number, weight in enumerate(weights_of.get(name_of(layer), {}).get("", [])):
            own.create_dataset(str(number), data=numbers(weight))


def as_tree(weights):
    """{layer: {"": [weights]}}, with models as further levels."""
    tree = {}
    for weight in weights:
        at = tree
        for name in weight["names"]:
            at = at.setdefault(name, {})
        at.setdefault("", []).append(weight)
    return tree


def write_keras(path, model, version, compression=zipfile.ZIP_STORED):
    """model.save("x.keras")"""
    topology = keras3_topology(model["topology"], legacy=False)
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        write_numbered(file, model, topology, as_tree(model["weights"]))
        file.create_group("optimizer/vars")
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version, "date_saved": "2025-01-01@00:00:00"}))
        archive.writestr("config.json", json.dumps(topology))
        archive.writestr("model.weights.h5", memory.getvalue())


# --------------------------------------------------------------------------------- Keras 3's own JSON
def keras3_ref(reference):
    return {"class_name": "__keras_tensor__",
            "config": {"shape": [None], "dtype": "float32", "keras_history": reference[:3]}}


def keras3_node(kind, node):
    tensors = [keras3_ref(reference) for reference in node]
    return {"args": [tensors] if kind in MERGES else tensors,
            "kwargs": {"mask": None} if kind in ("LSTM", "GRU") else {}}


def keras3_config(kind, config):
    config = dict(config)
    shape = config.pop("batch_input_shape", None)
    if kind == "InputLayer":
        return {"batch_shape": shape, "dtype": "float32", "sparse": False, "ragged": False, "name": config["name"]}
    config["dtype"] = POLICY
    if config.get("activation") == "swish":
        config["activation"] = "silu"
    if kind == "LeakyReLU":
        config["negative_slope"] = config.pop("alpha")
    if kind in CELLS:
        config.pop("implementation", None)
        config.update(seed=None, zero_output_for_mask=False)
    return config


def keras3_layer(layer, legacy):
    kind = layer["class_name"]
    made = keras3_topology(layer, legacy) if kind in MODELS else {
        "class_name": kind, "config": keras3_config(kind, layer["config"])}
    if not legacy:
        made.update(module="keras" if kind in MODELS else "keras.layers", registered_name=None)
    if "inbound_nodes" in layer:
        made["name"] = name_of(layer)
        made["inbound_nodes"] = [keras3_node(kind, node) for node in layer["inbound_nodes"]]
    return made


def keras3_topology(topology, legacy):
    topology = copy.deepcopy(topology)
    config, layers = topology["config"], layers_of(topology)
    made = {"class_name": "Functional" if topology["class_name"] == "Model" else topology["class_name"],
            "config": {"name": config["name"], "trainable": True, "dtype": POLICY}}
    if not legacy:
        made.update(module="keras", registered_name=None if made["class_name"] == "Sequential" else "Functional")
    # A Sequential in Keras 3 is called from 0, unlike in Keras 2.
    sequentials = [name_of(layer) for layer in layers if layer["class_name"] == "Sequential"]
    for node in (node for layer in layers for node in layer.get("inbound_nodes", [])):
        for reference in node:
            reference[1] -= reference[0] in sequentials
    shape = layers[0]["config"].get("batch_input_shape")
    made["config"]["layers"] = [keras3_layer(layer, legacy) for layer in layers]
    if made["class_name"] == "Sequential":
        given = {"class_name": "InputLayer", "config": keras3_config("InputLayer", {
            "batch_input_shape": shape, "name": "input_layer"})}
        if not legacy:
            given.update(module="keras.layers", registered_name=None)
        made["config"]["layers"].insert(0, given)
        made["config"]["build_input_shape"] = shape
    else:  # one input is no list in newer ones
        made["config"]["input_layers"] = config["input_layers"][0]
        made["config"]["output_layers"] = config["output_layers"]
    return made
