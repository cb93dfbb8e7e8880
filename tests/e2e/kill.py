#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at any moment leaves no program on the interface within 1 s. Ten kills fall between the start and
the first window, ten after the first counted packet, under traffic."""
import os
import random
import signal
import threading
import time

import _harness as harness

KILLS = 100 if harness.IS_LONG else 10  # of each kind


class Traffic:
    """Frames from the left end, one after another, as long as the block runs."""

    def __init__(self, net):
        self.raw, self.stop = net.raw_socket(net.left), threading.Event()
        self.thread = threading.Thread(target=self._send, daemon=True)

    def _send(self):
        while not self.stop.wait(0.0005):
            self.raw.send(harness.frame())

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        self.raw.close()


def kill_and_look(weir, what):
    weir.signal(signal.SIGKILL)
    killed = time.monotonic()
    weir.popen.wait()
    harness.wait_until(lambda: harness.attached_program(weir.end) is None, f"a bare interface {what}", 1.0)
    assert time.monotonic() - killed <= 1.0, f"the program stayed longer than 1 s {what}"
    weir.kill()


def seeded():
    seed = int(os.environ.get("WEIR_SEED", time.time_ns()))
    print(f"     WEIR_SEED={seed}")
    return random.Random(seed)


def test_killed_while_starting(box):
    net, rng = box.net(), seeded()
    with Traffic(net):
        for number in range(KILLS):
            weir = box.inject(net.right, "-t", "0.05")
            delay_s = rng.uniform(0, 0.3)
            time.sleep(delay_s)  # the moment of the kill is the test's input, not a wait for something
            kill_and_look(weir, f"after kill {number}, {delay_s:.3f} s after the start")


def test_killed_while_counting(box):
    net, rng = box.net(), seeded()
    with Traffic(net):
        for number in range(KILLS):
            weir = box.inject(net.right, "-t", "0.05")
            harness.wait_until(lambda: weir.window()["packets"]["entered"] > 0, "a counted packet")
            delay_s = rng.uniform(0, 0.15)  # up to three windows: in the middle of flip, grace, read, report
            time.sleep(delay_s)
            kill_and_look(weir, f"after kill {number}, {delay_s:.3f} s after a window")


if __name__ == "__main__":
    harness.main(globals())
