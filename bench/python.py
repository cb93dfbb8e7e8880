#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What embedded Python costs, and what window.tables gives.

Start: `weir replay` of a capture without packets to read, with a script and without, in turn; the least of all rounds
of each. Memory: pages that weir has for itself (Private_Dirty) while windows go by, the same way; clean pages of
Python's files, which other processes share, are told beside it. Tables: a window of 1,024 sessions with 100 queued
packets each, replayed through examples/classic_sessions.c; the same answer as examples/classic_sessions.py gives, by
numpy. Its time, drains included, is held against that script on BCC's own tables (bench/classic.py; without
python3-bpfcc there is nothing to compare with). Writes JSON to the file given as argument; exits 1 on a miss.
"""
import contextlib
import io
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("WEIR_BUILD_DIR", REPOSITORY / "build")).resolve()
WEIR = BUILD / "weir"
ROUNDS, WINDOWS, REPLAYS = 15, 12, 3
SESSIONS, PACKETS = 1024, 100

IDLE = """
def on_window(window):
    return None
"""

TABLES = """
import time
import numpy as np
HALVES = np.dtype({"names": ["first", "last"], "formats": ["<u8", "<u8"], "offsets": [0, 5], "itemsize": 13})
EVEN, ODD = np.uint64(0x9e3779b97f4a7c15), np.uint64(0xc2b2ae3d27d4eb4f)
def identity(keys):
    # A session's 13 bytes as one number; of two sessions the same with a chance of 1 in 2^64.
    halves = keys.view(HALVES)
    first, last = halves["first"].copy(), halves["last"].copy()
    first *= EVEN
    last *= ODD
    first ^= last
    return first
def find(known, wanted):
    # Which of `wanted` are among `known`: by a table of 65,536 places, and by search where two share one.
    places = np.zeros(65536, np.uint64)
    places[known >> np.uint64(48)] = known
    found = places.take((wanted >> np.uint64(48)).view(np.int64)) == wanted
    if not found.all():
        left = np.flatnonzero(~found)
        found[left] = np.isin(wanted[left], known)
    return found
def answer(window):
    sessions, packets = window.tables["SESSIONS"], window.tables["PACKETS"]
    if len(sessions) == 0:
        return {"sessions": 0, "records": len(packets), "packets": 0, "recorded": 0, "bytes": 0}
    is_known = find(identity(sessions["key"]), identity(packets["session"]))
    return {"sessions": len(sessions), "records": len(packets), "packets": int(sessions["value"]["packets"].sum()),
            "recorded": int(np.count_nonzero(is_known)), "bytes": int(packets["bytes"].astype(np.uint32) @ is_known)}
def on_window(window):
    begin = time.perf_counter_ns()
    found = answer(window)
    return {"answer": found, "ns": time.perf_counter_ns() - begin}
"""


# ------------------------------------------------------------------------------------------ captures
def udp(source, port, length):
    head = struct.pack(">HHHH", 1000, port, 8 + length, 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + length, 1, 0, 64, 17, 0, struct.pack(">I", source), b"\x0a\0\0\1")
    return b"\x02\0\0\0\0\2\x02\0\0\0\0\1\x08\0" + ip + head + bytes(length)


def write_capture(path, frames):
    """[(nanoseconds, frame)]."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for time_ns, frame in frames:
            file.write(struct.pack("<IIII", time_ns // 10**9, time_ns % 10**9, len(frame), len(frame)) + frame)


def sessions_capture(path):
    """WINDOWS seconds, in each of them SESSIONS sessions of PACKETS packets, mixed."""
    numbers, source, frames = [i for i in range(SESSIONS) for _ in range(PACKETS)], random.Random(1), []
    for window in range(WINDOWS):
        source.shuffle(numbers)
        frames += [((1000 + window) * 10**9 + i * 9000, udp(0x0B000000 + number, 2000 + number % 7, number % 64))
                   for i, number in enumerate(numbers)]
    write_capture(path, frames)
    return sum(28 + number % 64 for number in numbers)


# ------------------------------------------------------------------------------------------ measuring
def run(cache, *args):
    begin = time.perf_counter()
    done = subprocess.run([WEIR, *args], env=dict(os.environ, WEIR_CACHE=str(cache)), capture_output=True, check=True)
    return (time.perf_counter() - begin) * 1e3, done.stdout


def start_ms(folder, script):
    """(with, without)"""
    path = folder / "one.pcap"
    write_capture(path, [(10**18, udp(1, 1, 1))])
    taken = {"with": [], "without": []}
    for _ in range(ROUNDS + 1):
        for name, extra in (("with", ["-e", script]), ("without", [])):
            taken[name].append(run(folder / "cache", "replay", "-b", "flows", "--format", "json", *extra, path)[0])
    return min(taken["with"][1:]), min(taken["without"][1:])  # the first round fills caches


def kilobytes(process, field):
    with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith(field))


def memory_kb(folder, script, field):
    """{"with": ..., "without": ...} while weir waits for its fifth window, on a device of its own."""
    found = {}
    for name, extra in (("with", ["-e", script]), ("without", [])):
        weir = subprocess.Popen([WEIR, "inject", "-b", "flows", "--format", "json", "-t", "0.2", *extra, "lo"],
                                env=dict(os.environ, WEIR_CACHE=str(folder / "cache")), stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)
        try:
            for _ in range(4):
                weir.stdout.readline()
            found[name] = kilobytes(weir.pid, field)
        finally:
            weir.terminate()
            weir.communicate()
    return found


def in_own_namespace(measure, *args):
    """What measure() returns, run in a network namespace whose lo is its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        import ctypes
        if ctypes.CDLL(None).unshare(0x40000000) != 0:
            os._exit(1)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        os.write(writer, json.dumps(measure(*args)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    if os.waitpid(child, 0)[1] != 0:
        raise SystemExit("bench: needs CAP_SYS_ADMIN for a network namespace of its own")
    return json.loads(text)


def tables_ms(folder):
    """Of a window: (reading and on_window, on_window alone), the least of all but each first, which imports numpy."""
    path, script = folder / "sessions.pcap", folder / "tables.py"
    size = sessions_capture(path)
    script.write_text(TABLES)
    windows = []
    for _ in range(REPLAYS):
        output = run(folder / "cache", "replay", "-b", REPOSITORY / "examples/classic_sessions.c", "-e", script,
                     "-t", "1", "--format", "json", "--max-rows", "0", path)[1]
        windows += [json.loads(line) for line in output.splitlines()][1:]
    expected = {"sessions": SESSIONS, "records": SESSIONS * PACKETS, "packets": SESSIONS * PACKETS,
                "recorded": SESSIONS * PACKETS, "bytes": size}
    for window in windows:
        if "extractor" not in window or window["extractor"]["answer"] != expected:
            raise SystemExit(f"bench: another answer than {expected}: {window}")
    alone = [window["extractor"]["ns"] / 1e6 for window in windows]
    both = [window["timings_us"]["read"] / 1e3 + ms for window, ms in zip(windows, alone)]
    return min(both), min(alone), statistics.median(both)


def bcc_ms():
    """The classic script on BCC's tables; None where there is no BCC."""
    sys.path.insert(0, str(REPOSITORY / "bench"))
    import classic
    try:
        way = classic.OnBcc(classic.content())
    except ImportError:
        return None
    script, least = classic.load_script("classic_sessions"), float("inf")
    script.init(None, 10)
    for _ in range(classic.ROUNDS):
        program = way.program()
        with contextlib.redirect_stdout(io.StringIO()):
            begin = time.perf_counter()
            way.read(script, program)
            least = min(least, (time.perf_counter() - begin) * 1e3)
    return least


def figure(name, value, unit, beside, **target):
    limit = target.get("at_most", target.get("at_least"))
    is_reached = value <= limit if "at_most" in target else value >= limit
    print(f"{name:<46} {value:>8.1f} {unit:<2}  {'<=' if 'at_most' in target else '>='} {limit:>6.1f}  "
          f"{'PASS' if is_reached else 'MISS'}  {beside}")
    return {"name": name, "value": value, "unit": unit, "beside": beside, "verdict": "PASS" if is_reached else "MISS",
            **target}


def measure(folder):
    script = folder / "idle.py"
    script.write_text(IDLE)
    with_python, without = start_ms(folder, script)
    found = [figure("embedded Python, start", with_python - without, "ms", f"weir replay of one packet without: "
                    f"{without:.1f} ms", at_most=60)]
    dirty = in_own_namespace(memory_kb, folder, script, "Private_Dirty")
    clean = in_own_namespace(memory_kb, folder, script, "Private_Clean")
    found.append(figure("embedded Python, private memory", (dirty["with"] - dirty["without"]) / 1024, "MB",
                        f"weir without: {dirty['without'] / 1024:.1f} MB; pages of Python's files: "
                        f"{(clean['with'] - clean['without']) / 1024:.1f} MB", at_most=6))
    both, alone, middle = tables_ms(folder)
    bcc = bcc_ms()
    if bcc is None:
        print(f"window.tables: {both:.2f} ms; python3-bpfcc is not installed, there is nothing to compare with")
        return found
    found.append(figure("window.tables over bcc, 1,024 x 100 packets", bcc / both, "x",
                        f"bcc {bcc:.1f} ms; read and on_window {both:.2f} ms (median {middle:.2f}), "
                        f"on_window alone {alone:.2f} ms", at_least=60))
    return found


def main():
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder))
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(found, indent=1))
    return 1 if any(each["verdict"] == "MISS" for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
