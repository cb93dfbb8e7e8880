# SPDX-License-Identifier: Apache-2.0
"""The shape of the detectors that were written for BCC and Keras: six features of ten packets a session, a network, and
a line a window. Neither bcc nor keras needs to be installed.

    weir inject -b examples/classic_detector.c -e examples/classic_detector.py -m model.h5 eth0
"""
import time

import numpy as np
from keras.models import load_model

PACKETS_PER_SESSION = 10
FEATURES = ("time", "ip_flags_fragment", "tcp_flags", "tcp_window", "udp_length", "icmp_type")


def init(model_path, time_window):
    global model, maxima
    maxima = np.array([time_window, 1 << 16, 1 << 16, 1 << 16, 1 << 16, 1 << 8], np.float64)
    try:
        model = load_model(model_path)
    except ImportError:
        model = None  # only counts


def identity(key):
    return key.source, key.destination, key.source_port, key.destination_port, key.protocol


def samples_of(sessions, records):
    """[sessions, 10, 6]: time in seconds since a session's first packet, all divided by their maxima."""
    place = {key: i for i, key in enumerate(sessions)}
    x, used = np.zeros((len(sessions), PACKETS_PER_SESSION, len(FEATURES))), [0] * len(sessions)
    for record in records:
        i = place.get(identity(record.session))
        if i is None or used[i] == PACKETS_PER_SESSION:
            continue
        x[i, used[i]] = [getattr(record, feature) for feature in FEATURES]
        x[i, used[i], 0] /= 1e9
        if used[i]:
            x[i, used[i], 0] -= x[i, 0, 0]
        used[i] += 1
    if len(x):
        x[:, 0, 0] = 0
    return x / maxima


def read_program_maps(program):
    start = time.perf_counter()
    sessions = {identity(key): value.value for key, value in program["SESSIONS"].items()}
    records = list(program["PACKETS"].values())
    read = time.perf_counter()
    x = samples_of(sessions, records)
    converted = time.perf_counter()
    scores = model.predict(x, batch_size=2048).reshape(-1) if model is not None else np.zeros(0)
    prediction = time.perf_counter() - converted if model is not None else -1
    packets = sum(sessions.values())
    print(f"packets: {packets}, sessions: {len(sessions)}, eBPF read time: {read - start:.6f}, "
          f"conversion time: {converted - read:.6f}, prediction time: {prediction:.6f}")
    return {"packets": packets, "sessions": len(sessions), "records": len(records), "malicious": int((scores > 0.5).sum()),
            "predicted": model is not None, "input": x[:3].tolist(), "scores": scores[:3].tolist()}
