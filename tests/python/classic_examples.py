#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The classic examples, run as they are. Their answers are what the content, made here, says."""
import contextlib
import importlib.util
import io
import json
import os
import random
import socket
import struct
import sys
import tempfile
import unittest
from pathlib import Path

import _raw
from _raw import BE32, S32, U8, U16, U32, U64, KernelMap, Raw, can_make_maps, record
from weir import _shims
from weir._contract import ClassicRunner, contract_of

SESSION = record("session", 13, ("source", 0, BE32), ("destination", 32, BE32), ("source_port", 64, U16),
                 ("destination_port", 80, U16), ("protocol", 96, U8))
SESSION_VALUE = record("session_value", 8, ("server", 0, BE32), ("packets", 32, U32))
PACKET = record("record", 24, ("session", 0, SESSION), ("time", 104, U64), ("bytes", 168, U16), ("ttl", 184, U8))
COUNTERS = record("counters", 16, ("packets", 0, U64), ("bytes", 64, U64))
ATTEMPT = record("attempt", 8, ("source", 0, U32), ("port", 32, U16), ("unused", 48, U16))


@contextlib.contextmanager
def without_bcc():
    """As on a machine that does not have it."""
    path, modules = sys.path[:], {name: module for name, module in sys.modules.items() if name.split(".")[0] == "bcc"}
    sys.path[:] = [entry for entry in path if "dist-packages" not in entry]
    for name in modules:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "bcc"]:
            del sys.modules[name]
        sys.path[:] = path
        sys.modules.update(modules)


def load(name, folder=_raw.REPOSITORY / "examples"):
    _shims.install()
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name, *windows, **where):
    """What read_program_maps() returns for each window, and all that was printed. Windows: lists of raws."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        module = load(name, **where)
        assert contract_of(module) == "classic"
        runner = ClassicRunner(module)
        runner.start(None, 2.0)
        answers = [json.loads(runner.window(raws)) for raws in windows]
    return answers, out.getvalue()


def address(text):
    return socket.inet_aton(text)


# What is met in detectors: imports without a net, a model that may be missing, a pool made at import, more room than
# the map has, libbpf's own names.
DETECTOR = """
import ctypes as ct
import errno
from multiprocessing.pool import ThreadPool
from typing import Dict
from bcc import BPF, lib
from keras.models import load_model

ROOM = 10000
pool = ThreadPool(processes=1)
model = None

def init(model_path: str, time_window: int):
    global model, window
    window = time_window
    try:
        model = load_model(model_path)
    except ImportError:
        pass

def sessions_of(program: BPF) -> Dict:
    table, found, result = program["SESSIONS"], {}, 0
    cursor, keys, leaves = ct.c_ulonglong(0), (table.Key * ROOM)(), (table.Leaf * ROOM)()
    while not result:
        count = ct.c_int(ROOM)
        result, number = lib.bpf_map_lookup_and_delete_batch(
            program["SESSIONS"].get_fd(), ct.byref(cursor), ct.byref(cursor), keys, leaves, ct.byref(count),
            None), ct.get_errno()
        if result == 0 or count.value and number == errno.ENOENT:
            for i in range(count.value):
                found[bytes(keys[i])] = leaves[i].packets
    return found

def records_of(program):
    count = 0
    while True:
        try:
            program["PACKETS"].pop()
            count += 1
        except KeyError:
            return count

def read_program_maps(program: BPF):
    records = pool.apply_async(records_of, (program,))
    sessions = sessions_of(program)
    return {"sessions": len(sessions), "packets": sum(sessions.values()), "records": records.get(),
            "model": model is not None, "window": window}
"""


class Examples(unittest.TestCase):
    def kernel_map(self, kind, key_bytes, value_bytes, capacity):
        if not can_make_maps():
            self.skipTest("this process may make no maps in the kernel")
        kernel = KernelMap(kind, key_bytes, value_bytes, capacity)
        self.addCleanup(os.close, kernel.fd)
        return kernel

    def session_window(self, sessions, packets):
        source = random.Random(sessions)
        keys = [address(f"10.0.{i >> 8}.{i & 255}") + address("10.1.0.1") + struct.pack(">HHB", 4000 + i, 80, 6)
                for i in range(sessions)]
        values = [address("10.1.0.1") + struct.pack("I", packets + i) for i in range(sessions)]
        sizes = [source.randrange(40, 1500) for _ in range(sessions * packets)]
        records = [keys[i % sessions] + struct.pack("=QHB", i, size, 64) for i, size in enumerate(sizes)]
        raws = [Raw("hash", values, keys, key_type=SESSION, value_type=SESSION_VALUE, name="SESSIONS", step=16),
                Raw("queue", records, value_type=PACKET, name="PACKETS", capacity=102400)]
        return raws, {"sessions": sessions, "records": len(records), "recorded": len(records), "bytes": sum(sizes),
                      "packets": sum(packets + i for i in range(sessions))}

    def test_sessions_and_a_queue_in_a_thread_pool(self):
        windows = [self.session_window(300, 20), self.session_window(7, 1000)]
        answers, out = run("classic_sessions", *(raws for raws, _ in windows), [
            Raw("hash", [], [], key_type=SESSION, value_type=SESSION_VALUE, name="SESSIONS"),
            Raw("queue", [], value_type=PACKET, name="PACKETS")])
        self.assertEqual(answers[:2], [expected for _, expected in windows])
        self.assertEqual(set(answers[2].values()), {0})
        self.assertIn("300 sessions, 6000 packets; most: 10.0.1.43:4299 > 10.1.0.1:80 (319)", out)

    def test_one_batch_call_by_the_descriptor(self):
        self.check_batch()

    def test_one_batch_call_where_bcc_is_not_installed(self):
        with without_bcc():
            self.check_batch()
            self.assertIn("/shims/", sys.modules["bcc"].__file__)

    def check_batch(self):
        kernel = self.kernel_map("hash", 4, 16, 16384)
        for i in range(3000):
            kernel.update(address(f"10.9.{i >> 8}.{i & 255}"), struct.pack("QQ", i, 100 * i))
        raw = Raw("hash", [], [], key_type=U32, value_type=COUNTERS, name="sources", fd=kernel.fd, capacity=16384)
        answers, out = run("classic_batch", [raw])
        self.assertEqual(answers, [{"sources": 3000, "packets": sum(range(3000)), "bytes": 100 * sum(range(3000))}])
        self.assertEqual((kernel.keys(), raw.reads), ([], 0))
        self.assertIn("10.9.11.183         1499.5 packets/s", out)

    def test_a_detector_as_they_are_written(self):
        for environment in (contextlib.nullcontext, without_bcc):
            kernel = self.kernel_map("hash", 13, 8, 1024)
            for i in range(700):
                kernel.update(struct.pack("I", i) + bytes(9), struct.pack("II", 0, i))
            raws = [Raw("hash", [], [], key_type=SESSION, value_type=SESSION_VALUE, name="SESSIONS", fd=kernel.fd),
                    Raw("queue", [bytes(24)] * 5000, value_type=PACKET, name="PACKETS", capacity=5000)]
            with environment(), tempfile.TemporaryDirectory() as folder:
                Path(folder, "detector.py").write_text(DETECTOR, encoding="ascii")
                answers, _ = run("detector", raws, folder=Path(folder))
            self.assertEqual(answers, [{"sessions": 700, "packets": sum(range(700)), "records": 5000, "model": False,
                                        "window": 2}])
            self.assertEqual((raws[0].reads, raws[1].reads, kernel.keys()), (0, 1, []))

    def test_items_with_deletes(self):
        attempts = [(address("10.0.0.9"), port) for port in range(1000, 1025)] + [(address("10.0.0.8"), 80)]
        keys = [source + struct.pack("HH", port, 0) for source, port in attempts]
        raws = [Raw("hash", [struct.pack("Q", 1)] * len(keys), keys, key_type=ATTEMPT, name="attempts"),
                Raw("array", [struct.pack("Q", 25), struct.pack("Q", 1)], key_type=S32, name="syns", capacity=2)]
        answers, out = run("classic_items", raws)
        self.assertEqual(answers, [{"scans": {"10.0.0.9": 25}, "low": 25, "high": 1, "left": 0}])
        self.assertEqual(out, "10.0.0.9 tried 25 ports\n")

    def test_bcc_itself_loads_the_sources_and_the_scripts_run_on_its_tables(self):
        try:
            import bcc
        except ImportError:
            self.skipTest("python3-bpfcc is not installed")
        if not can_make_maps():
            self.skipTest("this process may make no maps in the kernel")
        try:
            bcc.BPF(text="BPF_HASH(any);")
        except Exception:
            self.skipTest("BCC can compile nothing here, for want of linux-headers")
        flags = ["-DCTXTYPE=xdp_md", "-DRX_OK=2", "-DEPOCH_BASE=0", "-w"]
        for name in ("classic_sessions", "classic_batch", "classic_items"):
            program = bcc.BPF(src_file=str(_raw.REPOSITORY / "examples" / f"{name}.c"), cflags=flags)
            program.load_func("handle_rx", bcc.BPF.XDP)
            script = load(name)
            script.init(None, 2)
            answer = script.read_program_maps(program)
            self.assertFalse(any(answer.values()), answer)  # nothing came in
            program.cleanup()


if __name__ == "__main__":
    _raw.main()
