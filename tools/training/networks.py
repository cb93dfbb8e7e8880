# SPDX-License-Identifier: Apache-2.0
"""The two networks that are trained, in PyTorch, and how each is written as layers of Keras.

- lucid: LUCID's CNN (Doriguzzi-Corin et al., IEEE TNSM 2020): one convolution over three packets, the largest value
  of each kernel, one neuron. Its features are those of the profile lucid11.
- flood: two convolutions over three packets, the largest value of each kernel, a hidden layer, one neuron. Its
  features are those of models/ddos/model.toml, among them what else a flow's ends do in the window.

Shape of a sample: [packets, features]. A network gives logits; the sigmoid is the last layer of the file.
"""
import torch
from torch import nn

from .keras_file import layer, write_h5

PACKETS = 10
SPAN = 3  # packets that a kernel sees


class Lucid(nn.Module):
    KERNELS = 64

    def __init__(self, features):
        super().__init__()
        self.features = features
        self.convolution = nn.Conv1d(features, self.KERNELS, SPAN)
        self.dropout = nn.Dropout(0.3)
        self.score = nn.Linear(self.KERNELS, 1)

    def forward(self, x):
        kernels = torch.relu(self.dropout(self.convolution(x.transpose(1, 2))))
        return self.score(kernels.amax(2)).squeeze(1)

    def write(self, path):
        # Keras' kernel is [packets, features, channels, kernels], of one channel.
        kernel = self.convolution.weight.detach().permute(2, 1, 0).unsqueeze(2).numpy()
        write_h5(path, "lucid", (PACKETS, self.features, 1), [
            (layer("Conv2D", "convolution", filters=self.KERNELS, kernel_size=[SPAN, self.features], strides=[1, 1],
                   padding="valid", data_format="channels_last", dilation_rate=[1, 1], groups=1, activation="relu",
                   use_bias=True), {"kernel": kernel, "bias": self.convolution.bias.detach().numpy()}),
            (layer("GlobalMaxPooling2D", "largest", data_format="channels_last"), {}),
            dense("score", self.score, "sigmoid")])


class Flood(nn.Module):
    KERNELS, HIDDEN = 32, 32

    def __init__(self, features):
        super().__init__()
        self.features = features
        self.first = nn.Conv1d(features, self.KERNELS, SPAN, padding="same")
        self.second = nn.Conv1d(self.KERNELS, self.KERNELS, SPAN, padding="same")
        self.dropout = nn.Dropout(0.1)
        self.hidden = nn.Linear(self.KERNELS, self.HIDDEN)
        self.score = nn.Linear(self.HIDDEN, 1)

    def forward(self, x):
        kernels = torch.relu(self.second(torch.relu(self.first(x.transpose(1, 2)))))
        return self.score(torch.relu(self.hidden(self.dropout(kernels.amax(2))))).squeeze(1)

    def write(self, path):
        write_h5(path, "flood", (PACKETS, self.features), [
            convolution("first", self.first), convolution("second", self.second),
            (layer("GlobalMaxPooling1D", "largest", data_format="channels_last"), {}),
            dense("hidden", self.hidden, "relu"), dense("score", self.score, "sigmoid")])


def convolution(name, module):
    return (layer("Conv1D", name, filters=module.out_channels, kernel_size=[SPAN], strides=[1], padding="same",
                  data_format="channels_last", dilation_rate=[1], groups=1, activation="relu", use_bias=True),
            {"kernel": module.weight.detach().permute(2, 1, 0).numpy(), "bias": module.bias.detach().numpy()})


def dense(name, module, activation):
    return (layer("Dense", name, units=module.out_features, activation=activation, use_bias=True),
            {"kernel": module.weight.detach().T.numpy(), "bias": module.bias.detach().numpy()})


NETWORKS = {"flood": Flood, "lucid": Lucid}
