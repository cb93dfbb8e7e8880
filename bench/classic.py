#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The classic contract beside BCC: the same script (examples/classic_sessions.py), the same content.

A window of 1,024 sessions with 100 queued packets each. On BCC the script is handed BCC's own tables (python3-bpfcc;
without it there is nothing to compare with) over maps of the kernel, and its read_program_maps() is timed. On weir it
runs end to end: the packets go through `weir inject` in a pair of namespaces, and the window says what reading and
the script took. Beside them, without a kernel: the script on rows in memory, and the script alone, which is the
floor. The ways take turns, and the least of all rounds counts: a neighbour makes a run slower, nothing makes it
faster. Writes JSON to the file given as argument; exits 1 on a miss.
"""
import contextlib
import importlib.util
import io
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from types import SimpleNamespace

REPOSITORY = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("WEIR_BUILD_DIR", REPOSITORY / "build"))
sys.path[:0] = [str(REPOSITORY / "python"), str(REPOSITORY / "tools")]
sys.dont_write_bytecode = True
from netpair import NetPair  # noqa: E402
from weir._bpf_lib import _syscall, _number, lib  # noqa: E402
from weir._contract import ClassicRunner  # noqa: E402
from weir._ctypes_types import ctypes_type  # noqa: E402
from weir._objects import make_objects  # noqa: E402

SESSIONS, PACKETS = 1024, 100
ROUNDS = 7
TARGET = 1.6
WINDOW_S = "3"  # sending takes half a second
EXAMPLES = REPOSITORY / "examples"


# ------------------------------------------------------------------------------------------ types and content
def integer(size):
    return {"kind": "int", "name": f"u{8 * size}", "size": size, "signed": False}


def packed(name, *members):
    """A struct without gaps."""
    described, end = [], 0
    for member, kind in members:
        described.append({"name": member, "bit_offset": 8 * end, "bit_size": 0, "type": kind})
        end += kind["size"]
    return {"kind": "struct", "name": name, "size": end, "members": described}


# As in classic_sessions.c.
SESSION = packed("session", ("source", integer(4)), ("destination", integer(4)), ("source_port", integer(2)),
                 ("destination_port", integer(2)), ("protocol", integer(1)))
VALUE = packed("session_value", ("server", integer(4)), ("packets", integer(4)))
PACKET = packed("record", ("session", SESSION), ("time", integer(8)), ("bytes", integer(2)), ("ttl", integer(1)))


def content():
    """Keys and values of the hash, and records as the wire would bring them: sessions mixed."""
    source = random.Random(1)
    keys = [source.randbytes(12) + b"\x06" for _ in range(SESSIONS)]
    values = [struct.pack("=4sI", key[4:8], PACKETS) for key in keys]
    order = [key for key in keys for _ in range(PACKETS)]
    source.shuffle(order)
    return keys, values, [key + struct.pack("=QHB", i, source.randrange(60, 1500), 64) for i, key in enumerate(order)]


# ------------------------------------------------------------------------------------------ the three ways
class OnBcc:
    """BCC's tables over maps of the kernel, with the classes that BCC makes for the source."""

    name = "bcc"

    def __init__(self, rows):
        from bcc import BPF
        from bcc.table import HashTable, QueueStack
        u16, u32, u64 = "unsigned short", "unsigned int", "unsigned long long"
        session = ["session", [["source", u32], ["destination", u32], ["source_port", u16],
                               ["destination_port", u16], ["protocol", "unsigned char"]], "struct_packed"]
        packet = ["record", [["session", *session[1:]], ["time", u64], ["bytes", u16], ["ttl", "unsigned char"]],
                  "struct_packed"]
        value = ["session_value", [["server", u32], ["packets", u32]], "struct"]
        self._rows = rows
        self._program = {"SESSIONS": self._table(HashTable, 1, 13, 8, SESSIONS),
                         "PACKETS": self._table(QueueStack, 22, 0, 24, SESSIONS * PACKETS)}
        decode = BPF._decode_table_type
        self._program["SESSIONS"].Key, self._program["SESSIONS"].Leaf = decode(session), decode(value)
        self._program["PACKETS"].Leaf = decode(packet)

    @staticmethod
    def _table(kind, number, key_bytes, value_bytes, capacity):
        attributes = struct.pack("=5I52x", number, key_bytes, value_bytes, capacity, 0)
        table = object.__new__(kind)  # its __init__ asks BCC's module, which has not loaded this map
        table.map_fd, table.max_entries = _syscall(_number, 0, attributes, len(attributes)), capacity
        if table.map_fd < 0:
            raise SystemExit("bench: cannot make maps in the kernel")
        return table

    def program(self):
        keys, values, records = self._rows
        sessions, packets = self._program["SESSIONS"].map_fd, self._program["PACKETS"].map_fd
        if any(lib.bpf_update_elem(sessions, key, value, 0) for key, value in zip(keys, values)) or any(
                lib.bpf_update_elem(packets, None, each, 0) for each in records):
            raise SystemExit("bench: cannot fill the maps")
        return self._program

    def read(self, script, program):
        return script.read_program_maps(program)


class EndToEnd:
    """weir inject, live packets of the same sessions."""

    name = "weir"

    def __init__(self, rows):
        self._frames = [self._frame(each) for each in rows[2]]
        self._net, self._cache = NetPair("bench").__enter__(), tempfile.TemporaryDirectory()
        self._weir = self._start()

    @staticmethod
    def _frame(record):
        """Ethernet, IPv4, TCP; the probe looks at no more than the ports."""
        session, size, ttl = record[:13], *struct.unpack("=HB", record[21:24])
        ip = struct.pack(">BBHHHBBH", 0x45, 0, size, 0, 0, ttl, session[12], 0) + session[:8]
        return (bytes.fromhex("020000000002" "020000000001" "0800") + ip + session[8:12]).ljust(60, b"\0")

    def _start(self):
        end = self._net.right
        # No rows in the JSON: writing 100,000 of them takes longer than the script.
        return subprocess.Popen(
            [*NetPair.command(end), BUILD / "weir", "inject", "--format", "json", "--max-rows", "0", "-t", WINDOW_S,
             "-b", EXAMPLES / "classic_sessions.c", "-e", EXAMPLES / "classic_sessions.py", end.device],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "WEIR_CACHE": self._cache.name})

    def _window(self):
        line = self._weir.stdout.readline()
        if not line:
            raise SystemExit("bench: weir ended")
        return json.loads(line)

    def program(self):
        """All packets, sent right behind the end of a window: they fall into one."""
        self._window()
        with self._net.raw_socket(self._net.left) as raw:
            for frame in self._frames:
                raw.send(frame)

    def read(self, script, program):
        window = self._window()
        timings = window["timings_us"]
        self.took_ms = (timings["read"] + timings["extract"]) / 1e3
        return window["extractor"]

    def close(self):
        self._weir.send_signal(signal.SIGINT)
        self._weir.communicate(timeout=60)
        self._net.close()
        self._cache.cleanup()


class InMemory:
    """Rows in memory, as the host gives them: keys padded to 8 bytes, records side by side."""

    name = "rows in memory"

    def __init__(self, rows):
        keys, values, records = (memoryview(b"".join(each)) for each in
                                 ([key.ljust(16, b"\0") for key in rows[0]], rows[1], rows[2]))
        common = {"map_class": "windowed", "cpus": 0, "fd": -1, "indices": None, "read": lambda: None}
        self._raws = [
            SimpleNamespace(name="SESSIONS", kind="hash", capacity=SESSIONS, key_type=SESSION, value_type=VALUE,
                            key_bytes=13, value_bytes=8, rows=SESSIONS, keys=keys, key_step=16, values=values,
                            value_step=8, **common),
            SimpleNamespace(name="PACKETS", kind="queue", capacity=SESSIONS * PACKETS, key_type=None,
                            value_type=PACKET, key_bytes=0, value_bytes=24, rows=SESSIONS * PACKETS, keys=None,
                            key_step=0, values=records, value_step=24, **common)]

    def program(self):
        return self._raws

    def read(self, script, raws):
        return json.loads(ClassicRunner(script).window(raws))


class Alone:
    """The script with nothing beneath it, the floor: leaves that exist already, from a list and a deque."""

    name = "script alone"

    def __init__(self, rows):
        self._keys, self._values, self._records = (
            make_objects(ctypes_type(kind), bytearray(b"".join(column)), kind["size"])
            for kind, column in zip((SESSION, VALUE, PACKET), rows))

    def program(self):
        left = deque(self._records)

        def pop():
            try:
                return left.popleft()
            except IndexError:
                raise KeyError from None
        items = list(zip(self._keys, self._values))
        return {"SESSIONS": SimpleNamespace(items=lambda: items), "PACKETS": SimpleNamespace(pop=pop)}

    def read(self, script, program):
        return script.read_program_maps(program)


# ------------------------------------------------------------------------------------------ measuring
def load_script(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_ways():
    rows = content()
    ways = [EndToEnd(rows), InMemory(rows), Alone(rows)]
    try:
        ways.append(OnBcc(rows))
    except ImportError:
        print("classic contract: python3-bpfcc is not installed, there is nothing to compare with")
    return ways


def measure(ways):
    """{way: least milliseconds}"""
    script, least, answers = load_script("classic_sessions"), {}, {}
    script.init(None, 10)
    for _ in range(ROUNDS):
        for way in ways:
            program = way.program()
            with contextlib.redirect_stdout(io.StringIO()):
                begin = time.perf_counter()
                answers[way.name] = way.read(script, program)
                taken = getattr(way, "took_ms", (time.perf_counter() - begin) * 1e3)
            least[way.name] = min(taken, least.get(way.name, taken))
    if any(answer != answers["weir"] for answer in answers.values()) or answers["weir"]["recorded"] != SESSIONS * PACKETS:
        raise SystemExit(f"bench: the answers differ: {answers}")
    return least


def main():
    ways = make_ways()
    try:
        least = measure(ways)
    finally:
        ways[0].close()
    figure = {"name": "classic contract over bcc, 1,024 x 100 packets", "unit": "x", "at_least": TARGET, "ms": least}
    print(", ".join(f"{name} {ms:.1f} ms" for name, ms in least.items()))
    if "bcc" in least:
        ratio = least["bcc"] / least["weir"]
        figure.update(value=ratio, verdict="PASS" if ratio >= TARGET else "MISS")
        print(f"{figure['name']:<48} {ratio:>8.2f} x   >= {TARGET:>5.2f}  {figure['verdict']}  "
              f"bcc {least['bcc']:.1f} ms, weir {least['weir']:.1f} ms")
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps([figure], indent=1))
    return 1 if figure.get("verdict") == "MISS" else 0


if __name__ == "__main__":
    sys.exit(main())
