#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The classic contract on live traffic: the examples as they are, and what goes wrong in such scripts."""
import re
import sys

import numpy as np

import _harness as harness
import _live as live
from _live import packet, send, total

sys.path.insert(0, str(harness.REPOSITORY / "tests" / "python"))
import _six as six  # noqa: E402

EXAMPLES = harness.REPOSITORY / "examples"


def inject(box, net, name, *args, **options):
    return live.start(box, net, EXAMPLES / f"{name}.c", EXAMPLES / f"{name}.py", *args, **options)


def stop(weir):
    """All windows that are left, after Ctrl-C; without errors."""
    found = live.stop(weir)
    assert live.errors(found) == [], found
    return found


def test_check_accepts_the_probes(box):
    for name in ("classic_sessions", "classic_batch", "classic_items", "classic_detector"):
        check = box.start(harness.WEIR, "check", EXAMPLES / f"{name}.c",
                          env={"WEIR_CACHE": str(box.folder / "cache")})
        assert check.wait(60) == 0, check.stderr


def test_sessions_and_a_queue_popped_in_a_thread_pool(box):
    """Each packet reaches the script once, whichever window it falls into: 200 sessions of 30 packets."""
    net = box.net()
    weir = inject(box, net, "classic_sessions", window="0.1")
    frames = [packet(f"10.0.{i % 200}.1", 4000, 53, size=i % 7) for i in range(6000)]
    send(net, frames)
    windows = stop(weir)
    for key in ("packets", "records", "recorded"):
        assert total(windows, key) == 6000, (key, windows)
    assert total(windows, "bytes") == sum(28 + i % 7 for i in range(6000)), windows
    assert " sessions, " in weir.stderr and ":4000 (" in weir.stderr, weir.stderr


def test_a_session_records_its_first_100_packets(box):
    net = box.net()
    weir = inject(box, net, "classic_sessions", window="30")
    send(net, [packet("10.0.1.9", 9, 9)] * 150)
    [window] = stop(weir)
    assert window["extractor"] == {"sessions": 1, "packets": 150, "records": 100, "recorded": 100, "bytes": 2800}, window
    assert "1 sessions, 100 packets; most: 10.1.0.1:9 > 10.0.1.9:9 (150)" in weir.stderr, weir.stderr


def test_a_network_of_six_features_predicts_and_the_time_is_printed(box):
    """The scores are those that numpy computes from the script's own input."""
    model = box.folder / "six.h5"
    six.write(model)
    net = box.net()
    frames = [packet(f"10.0.{i % 40}.1", 4000, 53, size=i % 7) for i in range(200)]
    frames += [packet("10.0.99.1", 4000, 80, protocol=6, flags=2)] * 3
    for options, is_predicted in ((("-m", model), True), ((), False)):
        weir = inject(box, net, "classic_detector", *options, window="30")
        send(net, frames)
        [window] = stop(weir)
        answer = window["extractor"]
        assert (answer["packets"], answer["sessions"], answer["records"]) == (203, 41, 203), answer
        assert answer["predicted"] == is_predicted, answer
        time = re.search(r"^packets: 203, sessions: 41, eBPF read time: [0-9.]+, conversion time: [0-9.]+, prediction time: "
                         r"(-?[0-9.]+)$", weir.stderr, re.MULTILINE)
        assert time, weir.stderr
        if is_predicted:
            assert float(time.group(1)) > 0
            expected = six.expected(np.float32(answer["input"])).reshape(-1)
            assert np.abs(expected - answer["scores"]).max() < 1e-5, (expected, answer["scores"])
        else:
            assert float(time.group(1)) == -1 and answer["scores"] == []


def test_one_batch_call_through_lib(box):
    net = box.net()
    weir = inject(box, net, "classic_batch")
    send(net, [packet(f"10.0.{i % 300 // 100}.{i % 100}", 1, 2) for i in range(3000)])
    windows = stop(weir)
    assert total(windows, "packets") == 3000 and total(windows, "bytes") == 28 * 3000, windows
    assert total(windows, "sources") >= 300, windows
    assert "packets/s" in weir.stderr, weir.stderr


def test_one_batch_call_where_bcc_is_not_installed(box):
    """The worker that runs scripts has no capabilities: the descriptor must do."""
    net = box.net()
    hide = "import sys\nsys.path[:] = [each for each in sys.path if 'dist-packages' not in each]\n"
    show = "\nimport bcc\nprint('stand-in:', bcc.__file__)\n"
    script = box.file("batch.py", hide + (EXAMPLES / "classic_batch.py").read_text(encoding="utf-8") + show)
    weir = box.inject(net.right, "-b", EXAMPLES / "classic_batch.c", "-e", script, "-t", "0.3")
    harness.wait_attached(weir, 30)
    send(net, [packet(f"10.0.0.{i % 100}", 1, 2) for i in range(1000)])
    windows = stop(weir)
    assert total(windows, "packets") == 1000, windows
    assert "shims/bcc" in weir.stderr, weir.stderr


def test_items_with_deletes(box):
    net = box.net()
    weir = inject(box, net, "classic_items", window="1")
    weir.window()
    send(net, [packet("10.0.0.66", 5000, port, protocol=6, flags=2) for port in range(1000, 1040)])
    send(net, [packet("10.0.0.5", 5000, 80, protocol=6, flags=2)] * 3)
    send(net, [packet("10.0.0.5", 5000, 80, protocol=6, flags=0x12)] * 3)  # SYN and ACK: an answer
    windows = stop(weir)
    assert total(windows, "low") == 24 + 3 and total(windows, "high") == 16, windows
    assert {window["extractor"]["left"] for window in windows} == {0}, windows
    assert any("10.0.0.66" in window["extractor"]["scans"] for window in windows), windows


ALLOW_LIST = """
BPF_HASH(allowed, u32, u32, 16);
BPF_ARRAY(packets, u64, 2);
int handle_rx(struct CTXTYPE *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + 34 > end || *(u16 *)(data + 12) != htons(0x0800))
        return RX_OK;
    u32 source = *(u32 *)(data + 26);
    packets.increment(allowed.lookup(&source) != 0);
    return RX_OK;
}
"""

ALLOWING = """
import socket, struct

def init(model_path, time_window):
    pass

def read_program_maps(program):
    allowed, (others, known) = program["allowed"], [leaf.value for leaf in program["packets"].values()]
    before = len(allowed)
    if others:
        allowed[allowed.Key(struct.unpack("I", socket.inet_aton("10.0.0.1"))[0])] = allowed.Leaf(1)
    return {"others": others, "known": known, "before": before}
"""


def test_what_a_script_writes_to_a_persistent_map_reaches_the_probe(box):
    net = box.net()
    weir = box.inject(net.right, "-b", box.file("allow.c", ALLOW_LIST), "-e", box.file("allowing.py", ALLOWING),
                      "--persist", "allowed", "-t", "0.2")
    harness.wait_attached(weir, 30)
    send(net, [packet("10.0.0.1", 1, 2)] * 10)
    answer = {"others": 0}
    while not answer["others"]:
        answer = weir.window()["extractor"]
        assert answer["known"] == 0 and answer["before"] == 0, answer
    weir.window()  # from here on all packets come after the write
    send(net, [packet("10.0.0.1", 1, 2)] * 20 + [packet("10.0.0.2", 1, 2)] * 5)
    windows = stop(weir)
    assert (total(windows, "known"), total(windows, "others")) == (20, 5), windows
    assert {window["extractor"]["before"] for window in windows} == {1}, windows


DETECTOR = """
from multiprocessing.pool import ThreadPool
from subprocess import PIPE, run
from bcc import BPF, lib
from keras.models import load_model

pool = ThreadPool(processes=1)
release = run(["uname", "-r"], stdout=PIPE).stdout.decode().split(".")[0]

def init(model_path, time_window):
    global model, seen
    seen = repr(time_window)
    try:
        model = load_model(model_path)
    except ImportError:
        model = None

def read_program_maps(program: BPF):
    sources = pool.apply_async(lambda: len(program["sources"]))
    return {{"model": model, "window": seen, "sources": sources.get(), "release": int(release), {more}}}
"""


def detector(box, more="", name="detector.py"):
    return box.file(name, DETECTOR.format(more=more))


def test_a_whole_window_is_an_int_and_there_is_no_model(box):
    net = box.net()
    for window, expected in (("1", "1"), ("0.25", "0.25")):
        weir = box.inject(net.right, "-b", EXAMPLES / "classic_batch.c", "-e", detector(box), "-t", window,
                          "--windows", "1")
        answer = weir.window(20)["extractor"]
        assert (answer["window"], answer["model"]) == (expected, None) and answer["release"] >= 5, answer
        assert weir.wait(20) == 0, weir.stderr


def test_what_a_script_raises_is_told_and_counting_goes_on(box):
    net = box.net()
    weir = box.inject(net.right, "-b", EXAMPLES / "classic_batch.c", "-e", detector(box, '"x": program["nope"]'),
                      "-t", "0.2")
    harness.wait_attached(weir, 30)
    send(net, [packet("10.0.0.1", 1, 2)] * 500)
    weir.window()
    windows = live.stop(weir)
    errors = live.errors(windows)
    assert errors and all("no map 'nope'; this probe has sources" in error for error in errors), windows
    assert "detector.py" in errors[0] and "read_program_maps" in errors[0], errors[0]


def test_half_a_contract_is_refused_at_the_start(box):
    net = box.net()
    script = box.file("half.py", "def init(model_path, time_window):\n    pass\n")
    weir = box.inject(net.right, "-b", EXAMPLES / "classic_batch.c", "-e", script, "-t", "1")
    assert weir.wait(30) == 2, weir.stderr
    assert "half.py has init() but no read_program_maps()" in weir.stderr, weir.stderr


if __name__ == "__main__":
    harness.main(globals())
