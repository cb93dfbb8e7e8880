# SPDX-License-Identifier: Apache-2.0
"""Trains one network. Deterministic: the same sets and seed give the same weights on the same machine."""
import numpy as np
import torch
from torch import nn

from .choice import group_weights

BATCH = 512
EPOCH_SAMPLES = 120_000  # drawn by weight, with replacement
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-4


def scores_of(network, x):
    network.eval()
    with torch.no_grad():
        return np.concatenate([torch.sigmoid(network(torch.from_numpy(x[i:i + 8192]))).numpy()
                               for i in range(0, len(x), 8192)])


def fit(network, features, samples, epochs, seed, on_epoch):
    """`on_epoch(number, loss)` after each."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    generator = np.random.default_rng(seed)
    weights = group_weights(samples)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = epochs * (EPOCH_SAMPLES // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    loss_of = nn.BCEWithLogitsLoss()
    for epoch in range(1, epochs + 1):
        network.train()
        drawn = generator.choice(len(samples), EPOCH_SAMPLES, p=weights)
        y = samples.y[drawn]
        x = features.vary(samples.x[drawn], y, generator)
        total = 0.0
        for i in range(0, EPOCH_SAMPLES - BATCH + 1, BATCH):
            optimizer.zero_grad()
            loss = loss_of(network(torch.from_numpy(x[i:i + BATCH])), torch.from_numpy(y[i:i + BATCH]))
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        on_epoch(epoch, total * BATCH / EPOCH_SAMPLES)
