#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The example extractors in Python, of both contracts, as they are."""
import random

import _harness as harness
from _live import errors, send, stop
from _scripts import capture, replay, start, tcp_syn, udp


# ------------------------------------------------------------------------------------------ the classic contract
def classic(box, name, frames, env=None):
    """All windows of examples/NAME.py with its probe on those frames, and weir."""
    net = box.net()
    examples = harness.REPOSITORY / "examples"
    weir = start(box, net, examples / f"{name}.py", probe=examples / f"{name}.c", env=env or {})
    send(net, frames)
    windows = stop(weir)
    assert errors(windows) == [] and harness.entered(windows) >= len(frames), errors(windows)
    return windows, weir


def test_the_classic_examples_run_live(box):
    for disabled in ("", "drain,mmap,batch"):
        windows, weir = classic(box, "classic_sessions", [udp(2000 + i % 40) for i in range(400)],
                                {"WEIR_DISABLE": disabled})
        said = [window["extractor"] for window in windows]
        assert [sum(each[name] for each in said) for name in ("records", "packets", "recorded", "bytes")] == [
            400, 400, 400, 400 * 68], said
        assert max(each["sessions"] for each in said) == 40 and "40 sessions, " in weir.stderr, (said, weir.stderr)
        for window in windows:  # what the script drained is in the window all the same
            assert window["tables"]["PACKETS"]["rows"] == window["extractor"]["records"], window["tables"]["PACKETS"]
        windows, weir = classic(box, "classic_batch", [udp(2000) for i in range(30)], {"WEIR_DISABLE": disabled})
        said = [window["extractor"] for window in windows]
        assert sum(each["packets"] for each in said) == 30 and sum(each["bytes"] for each in said) == 30 * 68, said
        syns = [tcp_syn(port) for port in range(1000, 1030)]
        windows, weir = classic(box, "classic_items", syns, {"WEIR_DISABLE": disabled})
        said = [window["extractor"] for window in windows]
        assert sum(each["low"] for each in said) == 24 and sum(each["high"] for each in said) == 6, said
        assert all(each["left"] == 0 for each in said), said


# ------------------------------------------------------------------------------------------ replay, examples
def test_replay_and_the_example_top_flows(box):
    frames = [(1000 + i / 10, udp(2000 + i % 4, length=40 if i % 4 else 900)) for i in range(40)]
    windows = replay(box, capture(box, frames), harness.REPOSITORY / "examples/top_flows.py", "-b", "flows", "-t", "2")
    assert len(windows) == 2 and errors(windows) == [], errors(windows)
    for window in windows:
        large, small = 5 * 928, 5 * 68
        assert window["extractor"] == {"flows": 4, "bytes": large + 3 * small, "top": [
            {"source": "10.0.0.1", "destination": "10.0.0.2", "bytes": size} for size in (large, small, small)]}, window
        assert window["alerts"] == [{"src": "10.0.0.1", "dst": "10.0.0.2", "sport": 1000, "dport": 2000, "packets": 5,
                                     "reason": "more than half of all bytes"}], window["alerts"]
    again = replay(box, box.folder / "frames.pcap", harness.REPOSITORY / "examples/top_flows.py", "-b", "flows", "-t", "2")
    assert [each["extractor"] for each in again] == [each["extractor"] for each in windows]


def test_the_example_outliers_trains_and_flags(box):
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise harness.Skip("needs python3-sklearn", is_kernel=False) from None
    source = random.Random(1)
    frames = []
    for second in range(6):  # sixty flows of a few small packets each, every second
        for flow in range(60):
            begin = second + source.random() * 0.2
            frames += [(1000 + begin + k * source.uniform(0.01, 0.03), udp(4000 + flow, source.randrange(60, 200)))
                       for k in range(source.randrange(4, 9))]
    frames += [(1004.5 + k / 1e5, udp(9, 1400)) for k in range(300)]  # and a flood in the fifth
    path = capture(box, sorted(frames))
    windows = replay(box, path, harness.REPOSITORY / "examples/outliers.py", "-b", "ddos", "-t", "1")
    assert errors(windows) == [], errors(windows)
    said = [window["extractor"] for window in windows]
    assert [each["outliers"] for each in said[:3]] == [None] * 3 and said[3]["flows"] == 60, said
    alerts = windows[4]["alerts"]
    assert alerts and alerts[0]["dport"] == 9 and alerts[0]["packets"] == 300 and alerts[0]["score"] > 0, alerts
    assert said[3]["outliers"] <= 6 and said[4]["outliers"] <= 7, said  # the usual flows are hardly ever among them

if __name__ == "__main__":
    harness.main(globals())
