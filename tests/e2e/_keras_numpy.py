# SPDX-License-Identifier: Apache-2.0
"""Layers of Keras in numpy, from their documentation: what TensorFlow.js does not have, and the published MLP and LSTM."""
import h5py
import numpy as np

SAMPLES = 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def erf(x):
    """Abramowitz and Stegun 7.1.5, summed until it stands still; good for small x."""
    term, total = x.copy(), x.copy()
    for n in range(1, 60):
        term = -term * x * x / n
        total += term / (2 * n + 1)
    return 2 / np.sqrt(np.pi) * total


# -------------------------------------------------------------------------------------------- layers
def lstm(x, kernel, recurrent, bias):
    h = c = np.zeros((len(x), len(recurrent)))
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        yield h


def gru_reset_after(x, kernel, recurrent, biases):
    h, units = np.zeros((len(x), len(recurrent))), len(recurrent)
    for t in range(x.shape[1]):
        a, b = x[:, t] @ kernel + biases[0], h @ recurrent + biases[1]
        z, r = sigmoid(a[:, :units] + b[:, :units]), sigmoid(a[:, units:2 * units] + b[:, units:2 * units])
        h = z * h + (1 - z) * np.tanh(a[:, 2 * units:] + r * b[:, 2 * units:])
    return h


def conv1d_causal(x, kernel, dilation):
    width = len(kernel)
    padded = np.concatenate([np.zeros((len(x), (width - 1) * dilation, x.shape[2])), x], axis=1)
    return np.stack([sum(padded[:, t + k * dilation] @ kernel[k] for k in range(width)) for t in range(x.shape[1])], 1)


def conv2d(x, kernel):
    rows, columns = x.shape[1] - kernel.shape[0] + 1, x.shape[2] - kernel.shape[1] + 1
    out = np.zeros((len(x), rows, columns, kernel.shape[3]))
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            out += x[:, i:i + rows, j:j + columns] @ kernel[i, j]
    return out


def conv2d_groups(x, kernel, groups):
    filters, channels = kernel.shape[3] // groups, kernel.shape[2]
    return np.concatenate([conv2d(x[..., g * channels:(g + 1) * channels], kernel[..., g * filters:(g + 1) * filters])
                           for g in range(groups)], axis=3)


def relu_layer(x, max_value=None, negative_slope=0.0, threshold=0.0):
    y = np.where(x >= threshold, x, negative_slope * (x - threshold))
    return y if max_value is None else np.where(x >= max_value, max_value, y)


# -------------------------------------------------------------------------------------------- models
def layer(kind, name, **config):
    return {"class_name": kind, "config": {"name": name, "trainable": True, "dtype": "float32", **config}}


def model(name, layers, shape, weights, function, keras=(2, 3)):
    """One input, one output; `function` is given the input and the weights, in float64."""
    random = np.random.default_rng(sum(map(ord, name)))
    layers[0]["config"]["batch_input_shape"] = [None, *shape]
    stored = [{"names": [owner], "name": kind, "shape": list(size), "values": random.uniform(0.1 if "variance" in kind else -0.7, 0.7, size)}
              for owner, kind, size in weights]
    x = random.uniform(-2, 2, (SAMPLES, *shape)).astype(np.float32)
    values = [np.float32(weight["values"]).astype(float) for weight in stored]
    y = np.asarray(function(x.astype(float), *values))
    return {"name": name, "topology": {"class_name": "Sequential", "config": {"name": "sequential", "layers": layers}},
            "weights": stored, "input": {"shape": x.shape, "values": x}, "output": {"shape": y.shape, "values": y},
            "keras": keras}


def activation(name, function, keras=(2, 3)):
    return model(f"activation_{name}", [layer("Activation", "a", activation=name)], (2, 4), [],
                 lambda x: function(x), keras)


def recurrent_models():
    rnn = {"return_sequences": False, "return_state": False, "go_backwards": False, "stateful": False, "unroll": False,
           "activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True}
    size = [("g", "kernel", (2, 9)), ("g", "recurrent_kernel", (3, 9)), ("g", "bias", (2, 9))]
    hard = dict(rnn, recurrent_activation="hard_sigmoid", units=1, use_bias=False, reset_after=False)
    return [
        model("gru_reset_after", [layer("GRU", "g", units=3, reset_after=True, **rnn)], (5, 2), size, gru_reset_after),
        # With one step, the state before it is 0: (1 - z) tanh(h).
        model("gru_hard_sigmoid_3", [layer("GRU", "g", **hard)], (1, 1),
              [("g", "kernel", (1, 3)), ("g", "recurrent_kernel", (1, 3))],
              lambda x, k, r: (1 - np.clip(x[:, 0] @ k[:, :1] / 6 + 0.5, 0, 1)) * np.tanh(x[:, 0] @ k[:, 2:]), (3,)),
    ]


def convolution_models():
    conv = {"strides": [1], "dilation_rate": [1], "activation": "linear", "use_bias": False, "groups": 1,
            "data_format": "channels_last"}
    conv2 = dict(conv, strides=[1, 1], dilation_rate=[1, 1], padding="valid")
    grouped = [layer("Conv2D", "c", filters=4, kernel_size=[2, 2], **{**conv2, "groups": 2})]
    first = [layer("Conv2D", "c", filters=4, kernel_size=[2, 2],
                   **{**conv2, "groups": 2, "data_format": "channels_first", "activation": "relu"}),
             layer("GlobalMaxPooling2D", "p", data_format="channels_first", keepdims=True)]
    kept = [layer("Conv2D", "c", filters=3, kernel_size=[2, 2], **conv2),
            layer("GlobalAveragePooling2D", "p", data_format="channels_last", keepdims=True)]
    size = [("c", "kernel", (2, 2, 2, 4))]
    return [
        model("conv1d_causal", [layer("Conv1D", "c", filters=3, kernel_size=[3], padding="causal", **conv)], (6, 2),
              [("c", "kernel", (3, 2, 3))], lambda x, k: conv1d_causal(x, k, 1)),
        model("conv1d_causal_dilated",
              [layer("Conv1D", "c", filters=3, kernel_size=[2], padding="causal", **{**conv, "dilation_rate": [3]})],
              (7, 2), [("c", "kernel", (2, 2, 3))], lambda x, k: conv1d_causal(x, k, 3)),
        model("conv2d_groups", grouped, (4, 5, 4), size, lambda x, k: conv2d_groups(x, k, 2)),
        model("conv2d_groups_channels_first", first, (4, 4, 5), size,
              lambda x, k: relu(conv2d_groups(x.transpose(0, 2, 3, 1), k, 2)).max((1, 2))[:, :, None, None]),
        model("global_pool_keepdims", kept, (4, 4, 2), [("c", "kernel", (2, 2, 2, 3))],
              lambda x, k: conv2d(x, k).mean((1, 2), keepdims=True)),
        # Two axes of one size each move for nothing; the width must not be taken for the channels.
        model("one_channel_softmax_axis", [layer("Conv2D", "c", filters=2, kernel_size=[1, 1], **conv2),
                                           layer("Softmax", "s", axis=1)], (4, 3, 1), [("c", "kernel", (1, 1, 1, 2))],
              lambda x, k: softmax(conv2d(x, k), 1)),
        model("normalized_axis_list", [layer("BatchNormalization", "b", axis=[2], epsilon=0.01, momentum=0.9, center=True,
                                             scale=True)], (3, 2),
              [("b", name, (2,)) for name in ("gamma", "beta", "moving_mean")] + [("b", "moving_variance", (2,))],
              lambda x, gamma, beta, mean, variance: gamma * (x - mean) / np.sqrt(variance + 0.01) + beta),
        model("normalized_axis_of_convolution", [layer("Conv2D", "c", filters=2, kernel_size=[1, 1], **conv2),
                                                 layer("BatchNormalization", "b", axis=1, epsilon=0.5, center=False)],
              (3, 2, 2), [("c", "kernel", (1, 1, 2, 2))] + [("b", name, (3,)) for name in ("gamma", "moving_mean")] +
              [("b", "moving_variance", (3,))],
              lambda x, k, *b: (lambda gamma, mean, spread: gamma * (conv2d(x, k) - mean) / np.sqrt(spread + 0.5))(
                  *(each[:, None, None] for each in b))),
    ]


def activation_models():
    layers = [("plain", {}), ("most", {"max_value": 1.0}), ("leak", {"negative_slope": 0.25}),
              ("all", {"max_value": 1.5, "negative_slope": 0.1, "threshold": 0.5}), ("threshold", {"threshold": 0.75})]
    made = [model(f"relu_{name}", [layer("ReLU", "r", **{"max_value": None, "negative_slope": 0.0, "threshold": 0.0,
                                                         **options})], (7,), [],
                  lambda x, options=options: relu_layer(x, **options)) for name, options in layers]
    return made + [
        activation("hard_sigmoid", lambda x: np.clip(0.2 * x + 0.5, 0, 1), (2,)),
        dict(activation("hard_sigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1), (3,)), name="hard_sigmoid_3"),
        activation("exponential", np.exp),
        activation("silu", lambda x: x * sigmoid(x)),
        activation("gelu", lambda x: 0.5 * x * (1 + erf(x / np.sqrt(2)))),
        activation("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x)),
        activation("log_softmax", lambda x: np.log(softmax(x, -1)), (3,)),
        activation("hard_silu", lambda x: x * np.clip(x / 6 + 0.5, 0, 1), (3,)),
        activation("celu", lambda x: np.where(x > 0, x, np.exp(x) - 1), (3,)),
        model("elu_layer", [layer("ELU", "e", alpha=0.4)], (5,), [], lambda x: np.where(x > 0, x, 0.4 * (np.exp(x) - 1))),
        model("softmax_axis", [layer("Softmax", "s", axis=1)], (3, 4), [], lambda x: softmax(x, 1)),
        model("layer_as_activation",
              [layer("Dense", "d", units=3, use_bias=True,
                     activation={"module": "keras.layers", "class_name": "ReLU", "registered_name": None,
                                 "config": {"name": "r", "max_value": 0.5, "negative_slope": 0.0, "threshold": 0.0}})],
              (4,), [("d", "kernel", (4, 3)), ("d", "bias", (3,))], lambda x, k, b: np.clip(x @ k + b, 0, 0.5)),
        model("reshape_open", [layer("Reshape", "r", target_shape=[2, -1]), layer("Dense", "d", units=2, use_bias=False)],
              (4, 3), [("d", "kernel", (6, 2))], lambda x, k: x.reshape(len(x), 2, 6) @ k),
    ]


def subtraction():
    """The one of two inputs that cannot change places."""
    made = model("subtract", [layer("Dense", "d", units=4, use_bias=False)], (4,), [("d", "kernel", (4, 4))],
                 lambda x, k: x - x @ k)
    dense = {**made["topology"]["config"]["layers"][0], "name": "d", "inbound_nodes": [[["x", 0, 0, {}]]]}
    shape = dense["config"].pop("batch_input_shape")
    made["topology"] = {"class_name": "Model", "config": {
        "name": "m", "input_layers": [["x", 0, 0]], "output_layers": [["s", 0, 0]],
        "layers": [{"name": "x", "inbound_nodes": [], **layer("InputLayer", "x", batch_input_shape=shape)}, dense,
                   {"name": "s", "inbound_nodes": [[["x", 0, 0, {}], ["d", 0, 0, {}]]], **layer("Subtract", "s")}]}}
    return made


def models():
    return recurrent_models() + convolution_models() + activation_models() + [subtraction()]


# ----------------------------------------------------------------------------------- published models
def weights_of(path, *names):
    with h5py.File(path) as file:
        return [file["model_weights"][name][:].astype(float) for name in names]


def dense_of(path, name, x):
    kernel, bias = weights_of(path, f"{name}/{name}/kernel:0", f"{name}/{name}/bias:0")
    return x @ kernel + bias


def mlp(path, x):
    """Flatten, Dense relu, Dense relu, Dense sigmoid."""
    x = x.reshape(len(x), -1).astype(float)
    for name in ("fc0", "fc1"):
        x = relu(dense_of(path, name, x))
    return sigmoid(dense_of(path, "fc3", x))[:, 0]


def two_lstms(path, x):
    """Reshape to [110, 1], LSTM with sequences, relu, LSTM, Dense sigmoid."""
    x = x.reshape(len(x), 110, 1).astype(float)
    cell = ("kernel:0", "recurrent_kernel:0", "bias:0")
    first = weights_of(path, *(f"lstm0/lstm0/lstm_cell/{name}" for name in cell))
    second = weights_of(path, *(f"lstm1/lstm1/lstm_cell_1/{name}" for name in cell))
    x = relu(np.stack(list(lstm(x, *first)), axis=1))
    return sigmoid(dense_of(path, "fc1", list(lstm(x, *second))[-1]))[:, 0]
