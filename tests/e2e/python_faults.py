#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Extractors in Python, on live traffic: whatever a script raises, returns, prints or starts ends its own turn at most,
and the counting goes on."""
import json
import re
import subprocess

import _harness as harness
from _live import errors, send, stop
from _scripts import PROBE, filled, refused, run_with_packets, script, start


# ------------------------------------------------------------------------------------------ what goes wrong
WRONG = """
import weir
CASES = [
    lambda window: 1 / 0,
    lambda window: exit(3),
    lambda window: (_ for _ in ()).throw(KeyboardInterrupt()),
    lambda window: object(),
    lambda window: {(1, 2): 3},
    lambda window: CIRCLE,
    lambda window: deep(window),
    lambda window: window.tables["nothing"],
    lambda window: window.alert(sport=70000),
    lambda window: window.alert(packets=-1),
    lambda window: window.alert(score="high"),
    lambda window: (_ for _ in ()).throw(Rude()),
    lambda window: [window.alert(reason="before"), 1 / 0],
]
CIRCLE = []
CIRCLE.append(CIRCLE)
class Rude(BaseException):
    def __str__(self):
        raise ValueError("no")
def deep(window):
    return deep(window)
def on_window(window):
    if window.number <= len(CASES):
        return CASES[window.number - 1](window)
    return "well"
"""
SAID = [r"line 4, in <lambda>\n.*ZeroDivisionError: division by zero", "SystemExit: 3", "KeyboardInterrupt",
        r"TypeError: on_window\(\) returned what is no JSON: Object of type object", "keys must be str", "Circular",
        "RecursionError", "KeyError: .no table 'nothing'; the probe has wide, words", "ValueError: no port: 70000",
        "no number of packets: -1", "could not convert string to float: 'high'", "Rude", "ZeroDivisionError"]


def test_what_a_callback_raises_or_returns_ends_its_turn_only(box):
    net = box.net()
    weir = start(box, net, script(box, WRONG), window="0.1")
    send(net, 50)
    windows = [weir.window() for _ in range(len(SAID) + 2)] + stop(weir)
    assert harness.entered(windows) == 50
    for window, said in zip(windows, SAID):
        (error,) = window["health"]["errors"]
        assert re.search(said, error, re.DOTALL) and error.startswith("extractor mine.py: "), (said, error)
        assert "python/weir" not in error and "extractor" not in window, error
    assert all(window["extractor"] == "well" for window in windows[len(SAID):]), windows


def test_people_are_told_too(box):
    net = box.net()
    weir = box.weir(net.right, "inject", "-b", box.file("counter.bpf.c", PROBE), "-t", "0.3", "-e", script(box, """
        def on_window(window):
            print("printed", window.number)
            if window.number == 2:
                raise ValueError("two")
            return window.number
    """), "--windows", "3", net.right.device)
    assert weir.wait(40) == 0, weir.stderr
    text = ""
    while (line := weir.line()) is not None:
        text += line
    assert all(each in text for each in ("printed 1", "printed 2", "printed 3", "extractor: 1", "extractor: 3",
                                         "ValueError: two", "line 5, in on_window")), text


def test_starts_that_fail_say_where(box):
    net = box.net()
    for text, said in (
            ("def on_window(window):\n    pass\n\nthat was wrong\n", r'mine.py", line 4\n.*SyntaxError'),
            ("import os\nimport nowhere_at_all\n", r"line 2, in <module>.*No module named 'nowhere_at_all'"),
            ("import sys\nsys.exit(5)\n", "line 2, in <module>.*SystemExit: 5"),
            ("def setup(context):\n    raise ValueError(context.probe)\ndef on_window(window): pass\n",
             "line 2, in setup.*ValueError: counter"),
            ("x = 1\n", "mine.py is no extractor: it has neither on_window.*read_program_maps"),
            ("def init(model_path, time_window): pass\n", r"has init\(\) but no read_program_maps\(\)"),
            ("def on_window(window): pass\ndef setup():\n    pass\n", r"TypeError: setup\(\) takes 0 positional")):
        code, stderr = refused(box, net, script(box, text))
        assert code == 2 and re.search(said, stderr, re.DOTALL), (code, stderr)
        assert "python/weir" not in stderr and "_embed" not in stderr, stderr
    assert harness.attached_program(net.right) is None


def test_a_gigabyte_of_prints(box):
    net = box.net()
    text = script(box, """
        line = "x" * (1 << 20)
        def on_window(window):
            for _ in range(512 if window.number <= 2 else 0):
                print(line)
            return window.number
    """)
    output = box.folder / "windows.json"
    weir = box.start(*harness.netpair.NetPair.command(net.right, "sh"), "-c",
                     f"exec {harness.WEIR} inject --format json --output {output} -t 0.3 --windows 4 -b "
                     f"{box.file('counter.bpf.c', PROBE)} -e {text} {net.right.device} >/dev/null 2>&1",
                     env={"WEIR_CACHE": str(box.folder / "cache")})
    weir.end = net.right
    harness.wait_attached(weir, 40)
    send(net, 50)
    assert weir.wait(60) == 0
    windows = [json.loads(line) for line in output.read_text().splitlines()]
    assert harness.entered(windows) == 50 and errors(windows) == []
    assert [window["extractor"] for window in windows] == [1, 2, 3, 4]


def test_json_has_standard_output_to_itself(box):
    windows, weir = run_with_packets(box, """
        import os, subprocess, sys
        def on_window(window):
            print("printed")
            os.write(1, b"written\\n")
            subprocess.run(["echo", "echoed"])
            return 1
    """)
    assert all(window["extractor"] == 1 for window in windows)
    assert all(weir.stderr.count(word) == len(windows) for word in ("printed", "written", "echoed")), weir.stderr


def test_a_callback_over_two_windows_is_told_and_nothing_is_lost(box):
    net = box.net()
    weir = start(box, net, script(box, """
        import weir
        def on_window(window):
            if window.number == 1:
                while True:
                    pass
            if window.number == 2:
                try:
                    while True:
                        pass
                except weir.Overrun:
                    return "came to an end"
            return "well"
    """), window="0.2")
    sent = 0
    windows = []
    while len(windows) < 4:
        send(net, 10)
        sent += 10
        windows.append(weir.window(30))
    windows += stop(weir)
    assert harness.entered(windows) == sent, windows
    assert "extractor" not in windows[0] and "weir.Overrun: " in errors(windows)[0], windows[0]
    assert len(errors(windows)) == 1 and "line 5, in on_window" in errors(windows)[0], errors(windows)
    assert windows[1]["extractor"] == "came to an end" and windows[2]["extractor"] == "well"
    assert sum(window["health"]["late"] for window in windows) > 0, [window["health"] for window in windows]


def test_forks_and_children(box):
    windows, weir = run_with_packets(box, """
        import os, signal, subprocess, sys, time
        def on_window(window):
            if window.packets.entered == 0:
                return None
            if os.fork() == 0:
                return "the child's"
            os.wait()
            if (pid := os.fork()) == 0:
                raise ValueError("the child's")
            os.waitpid(pid, 0)
            listing = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True).stdout
            sleeper = subprocess.Popen(["sleep", "100"])
            sleeper.terminate()
            if (pid := os.fork()) == 0:
                time.sleep(100)
            os.kill(pid, signal.SIGTERM)
            return [listing.count("bpf"), listing.count("->") > 2, sleeper.wait(10), os.waitpid(pid, 0)[1]]
    """)
    for window in filled(windows):
        assert window["extractor"] == [0, True, -15, 15], window["extractor"]
    numbers = [window["window"] for window in windows]
    assert numbers == sorted(set(numbers)), numbers


def test_threads_run_between_windows_and_hold_nothing_up(box):
    net = box.net()
    weir = start(box, net, script(box, """
        import threading, time
        counted, kept = [0], []
        def count():
            while True:
                counted[0] += 1
                time.sleep(0.005)
        threading.Thread(target=count, daemon=True).start()
        threading.Thread(target=count).start()
        def on_window(window):
            if window.packets.entered:
                words = window.tables["words"]
                def look():
                    time.sleep(0.4)
                    kept.append(int(words[3]))
                threading.Thread(target=look).start()
            return [counted[0], kept, window.packets.entered]
    """))
    send(net, 30)
    windows = [weir.window() for _ in range(5)] + stop(weir)
    said = [window["extractor"] for window in windows]
    assert harness.entered(windows) == 30 and errors(windows) == []
    assert all(b[0] - a[0] > 5 for a, b in zip(said[:4], said[1:5])), said
    assert sum(said[4][1]) == sum(each[2] for each in said[:3]), said


def test_signals_stay_weirs(box):
    windows, _ = run_with_packets(box, """
        import signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        def on_window(window):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            return 1
    """)
    assert windows


# ------------------------------------------------------------------------------------------ the library
def test_the_binary_does_not_need_python(_):
    needed = subprocess.run(["readelf", "-d", harness.WEIR], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" in needed and "python" not in needed, needed
    library = harness.BUILD / "share/weir/python/libweir_python.so"
    needed = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    assert "libpython3" in needed, needed

if __name__ == "__main__":
    harness.main(globals())
