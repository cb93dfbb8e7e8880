#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where windows are written: a file, a terminal, a pipe that stalls, closes or does not block."""
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import time

import _harness as harness
import netpair


def start(box, end, *args, stdout):
    """weir inject with a standard output of the test's choice; its standard error goes to a file."""
    command = [*netpair.NetPair.command(end), str(harness.WEIR), "inject", *args, end.device]
    with open(box.folder / "stderr", "wb") as stderr:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                                env={**os.environ, "WEIR_CACHE": str(box.folder / "cache")})


def said(box):
    return (box.folder / "stderr").read_text(encoding="utf-8")


def ends(process, code, box, timeout_s=15):
    try:
        got = process.wait(timeout_s)
    finally:
        process.kill()
        process.wait()
    assert got == code, f"exit {got} instead of {code}:\n{said(box)}"


def drain(descriptor, timeout_s=10.0):
    """Everything up to the end of a pipe or terminal."""
    text, deadline = b"", time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if not select.select([descriptor], [], [], 0.1)[0]:
            continue
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # a terminal whose other end is closed
            chunk = b""
        if not chunk:
            return text.decode()
        text += chunk
    raise AssertionError(f"no end within {timeout_s} s")


def test_output_option_takes_the_windows_and_leaves_standard_output_empty(box):
    net, path = box.net(), box.folder / "windows.json"
    weir = box.inject(net.right, "-t", "0.05", "--windows", "3", "--output", str(path))
    assert weir.wait() == 0, weir.stderr
    assert weir.line() is None
    windows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [window["window"] for window in windows] == [1, 2, 3]


def test_output_that_cannot_be_opened_is_said_before_anything_is_attached(box):
    net = box.net()
    weir = box.inject(net.right, "-b", str(box.file("broken.c", "int broken")), "--output",
                      str(box.folder / "nowhere" / "windows.json"))
    assert weir.wait() == 8, weir.stderr
    assert "nowhere" in weir.stderr and "broken" not in weir.stderr, weir.stderr


def test_full_disk_ends_the_run(box):
    weir = box.inject(box.net().right, "-t", "0.05", "--output", "/dev/full")
    assert weir.wait() == 8, weir.stderr
    assert "ENOSPC" in weir.stderr, weir.stderr


def test_reader_that_goes_away_ends_the_run(box):
    net = box.net()
    read_end, write_end = os.pipe()
    process = start(box, net.right, "-t", "0.05", "--format", "json", stdout=write_end)
    os.close(write_end)
    assert os.read(read_end, 1), "a first window"
    os.close(read_end)
    ends(process, 8, box)
    assert "EPIPE" in said(box), said(box)


def test_pipe_that_does_not_block_loses_nothing(box):
    """Another process may have set O_NONBLOCK on the open file that both share."""
    net = box.net()
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(write_end, False)
    process = start(box, net.right, "-t", "0.05", "--format", "json", "--windows", "40", stdout=write_end)
    os.close(write_end)
    # More windows than the pipe holds pass before anybody reads.
    harness.wait_until(lambda: select.select([read_end], [], [], 0)[0], "a first window")
    time.sleep(1.5)
    text = drain(read_end)
    os.close(read_end)
    ends(process, 0, box)
    assert [json.loads(line)["window"] for line in text.splitlines()] == list(range(1, 41))


def test_second_signal_ends_even_a_run_whose_reader_stalls(box):
    net = box.net()
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    os.write(write_end, b"x" * 4096)
    process = start(box, net.right, "-t", "0.05", "--format", "json", stdout=write_end)
    os.close(write_end)
    harness.wait_until(lambda: harness.attached_program(net.right), "a program")
    process.send_signal(signal.SIGINT)
    try:
        process.wait(0.3)
        raise AssertionError(f"ended with {process.returncode} although its window is not written")
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    ends(process, 130, box)
    os.close(read_end)
    harness.wait_until(lambda: harness.attached_program(net.right) is None, "a bare interface", 1.0)


def test_colours_only_on_a_terminal(box):
    net = box.net()
    outside, inside = pty.openpty()
    process = start(box, net.right, "-t", "0.05", "--windows", "2", stdout=inside)
    os.close(inside)
    text = drain(outside)
    os.close(outside)
    ends(process, 0, box)
    assert "\033[1m" in text and "window" in text, text
    read_end, write_end = os.pipe()
    process = start(box, net.right, "-t", "0.05", "--windows", "2", stdout=write_end)
    os.close(write_end)
    text = drain(read_end)
    os.close(read_end)
    ends(process, 0, box)
    assert "\033" not in text and "window 2" in text, text


if __name__ == "__main__":
    harness.main(globals())
