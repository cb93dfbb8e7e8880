# SPDX-License-Identifier: Apache-2.0
"""The published models' scores, computed by numpy from the weights in their files: nothing of weir's, of Keras
or of ONNX is used. For LUCID's own network that is lucid_oracle.py of the shared data; the other two are here.
float64, so that their own error does not count."""
import h5py
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))


def weights(path, layer):
    """The arrays of one layer in the order of Keras: kernel, (recurrent kernel,) bias."""
    with h5py.File(path, "r") as file:
        group = file["model_weights"][layer]
        return [group[name.decode() if isinstance(name, bytes) else name][:].astype(np.float64)
                for name in group.attrs["weight_names"]]


def dense(path, layer, x):
    kernel, bias = weights(path, layer)
    return x @ kernel + bias


def mlp(path, x):
    """doriguzzi-phd's: Flatten, Dense 32 ReLU, Dense 32 ReLU, Dense 1 sigmoid."""
    x = x.reshape(len(x), -1)
    for layer in ("fc0", "fc1"):
        x = np.maximum(dense(path, layer, x), 0)
    return sigmoid(dense(path, "fc3", x))[:, 0]


def lstm(path, layer, x):
    """[n, steps, values] to [n, steps, units]; gates in the order of Keras: input, forget, cell, output."""
    kernel, recurrent, bias = weights(path, layer)
    units = recurrent.shape[0]
    hidden, cell, outputs = np.zeros((len(x), units)), np.zeros((len(x), units)), []
    for step in range(x.shape[1]):
        gates = x[:, step] @ kernel + hidden @ recurrent + bias
        i, f, c, o = (gates[:, k * units:(k + 1) * units] for k in range(4))
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(c)
        hidden = sigmoid(o) * np.tanh(cell)
        outputs.append(hidden)
    return np.stack(outputs, axis=1)


def dos_lstm(path, x):
    """tawhid's: Reshape to 110 steps, LSTM 32 of all steps, ReLU, LSTM 16 of the last one, Dense 1 sigmoid."""
    x = lstm(path, "lstm0", x.reshape(len(x), 110, 1))
    x = lstm(path, "lstm1", np.maximum(x, 0))[:, -1]
    return sigmoid(dense(path, "fc1", x))[:, 0]
