#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How a run ends: by a signal, by two, by --windows. Windows touch each other and leave out no packet."""
import signal

import _harness as harness
from _live import send


def check_closes_open_window(box, number):
    net = box.net()
    weir = box.inject(net.right, "-t", "600")
    harness.wait_attached(weir)
    send(net, 7)
    weir.signal(number)
    windows = weir.windows()
    assert weir.wait() == 0, weir.stderr
    assert [window["packets"]["entered"] for window in windows] == [7], windows
    assert windows[0]["end_ns"] - windows[0]["start_ns"] < 60e9, "the window pretends to its nominal length"
    assert harness.attached_program(net.right) is None


def test_sigint_reports_the_open_window(box):
    check_closes_open_window(box, signal.SIGINT)


def test_sigterm_reports_the_open_window(box):
    check_closes_open_window(box, signal.SIGTERM)


def test_second_signal_leaves_at_once(box):
    net = box.net()
    weir = box.inject(net.right, "-t", "600")
    harness.wait_attached(weir)
    weir.signal(signal.SIGSTOP)  # both are pending before it can react to the first
    weir.signal(signal.SIGINT)
    weir.signal(signal.SIGTERM)
    weir.signal(signal.SIGCONT)
    assert weir.wait() == 130, weir.stderr
    harness.wait_until(lambda: harness.attached_program(net.right) is None, "a bare interface", 1.0)


def test_windows_option_stops_after_that_many(box):
    net = box.net()
    weir = box.inject(net.right, "-t", "0.1", "--windows", "5")
    windows = weir.windows()
    assert weir.wait() == 0, weir.stderr
    assert [window["window"] for window in windows] == [1, 2, 3, 4, 5]
    assert harness.entered(windows) == 0, "an empty window is a window, with nothing in it"
    for before, after in zip(windows, windows[1:]):
        assert before["end_ns"] == after["start_ns"], "there is time between two windows"


def test_windows_lie_on_the_grid(box):
    net = box.net()
    windows = box.inject(net.right, "-t", "0.1", "--windows", "20").windows()
    on_time = [window for window in windows if window["late"] == 0]
    assert len(on_time) >= 15, "a quiet machine closes its windows on time"
    length_ns = windows[-1]["end_ns"] - windows[0]["start_ns"]
    passed = len(windows) + sum(window["late"] for window in windows)
    assert abs(length_ns - passed * 100e6) < 50e6, f"drift: {passed} grid points in {length_ns} ns"


def test_packets_of_all_windows_are_those_sent(box):
    net = box.net()
    weir = box.inject(net.right, "-t", "0.05")
    harness.wait_attached(weir)
    windows = []
    for burst in range(1, 11):
        send(net, burst)
        windows.append(weir.window())
    weir.signal(signal.SIGTERM)
    windows += weir.windows()
    assert harness.entered(windows) == 55, windows
    assert weir.wait() == 0, weir.stderr


if __name__ == "__main__":
    harness.main(globals())
