#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Milliseconds from the start of `weir inject` to the first packet counted.

A veth pair in a network namespace of its own carries a packet every 0.2 ms; the probe keeps the time of the
first one it sees. The plain way beside it: `ip link set ... xdp obj`, which loads the same object and reads
nothing. Writes JSON to the file given as argument; exits 1 on a miss.
"""
import ctypes
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ.get("WEIR_BUILD_DIR", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build"))
WEIR = os.path.join(BUILD, "weir")
RECEIVER, SENDER = "wbench0", "wbench1"
ROUNDS = 9
CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000

PROBE = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
__u64 first_ns;
SEC("xdp") int first(struct xdp_md *ctx)
{
    if (!first_ns)
        first_ns = bpf_ktime_get_ns();
    return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
"""


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class Traffic(threading.Thread):
    """A broadcast frame every 0.2 ms until stopped, 60 s at most."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stopping = threading.Event()
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((SENDER, 0))

    def run(self):
        frame = b"\xff" * 6 + b"\x02" + bytes(5) + b"\x88\xb5" + bytes(50)
        end = time.monotonic() + 60
        while not self.stopping.is_set() and time.monotonic() < end:
            self.socket.send(frame)
            time.sleep(0.0002)
        self.socket.close()


def first_packet_ms(probe, cache):
    begin = time.monotonic_ns()
    out = subprocess.run([WEIR, "inject", "-b", probe, "-t", "0.05", "--windows", "1", "--format", "json", RECEIVER],
                         check=True, capture_output=True, env=dict(os.environ, WEIR_CACHE=cache)).stdout
    first = json.loads(out)["tables"][".bss"]["entries"][0]["value"]["first_ns"]
    if first == 0:
        raise SystemExit("bench: no packet in the first window")
    return (first - begin) / 1e6


def plain_way_ms(probe_object):
    begin = time.monotonic_ns()
    run("ip", "link", "set", "dev", RECEIVER, "xdpgeneric", "obj", probe_object, "sec", "xdp")
    taken = (time.monotonic_ns() - begin) / 1e6
    run("ip", "link", "set", "dev", RECEIVER, "xdpgeneric", "off")
    return taken


def measure(folder):
    source, built = os.path.join(folder, "first.bpf.c"), os.path.join(folder, "first.bpf.o")
    with open(source, "w") as f:
        f.write(PROBE)
    multiarch = f"/usr/include/{os.uname().machine}-linux-gnu"
    run("clang-19", "-target", "bpf", "-O2", "-g", "-mcpu=v3", "-I", multiarch, "-c", source, "-o", built)
    cold_cache, cache = os.path.join(folder, "cold"), os.path.join(folder, "cache")
    times = {"object": [], "cached": [], "cold": [], "plain": []}
    first_packet_ms(source, cache)
    for _ in range(ROUNDS):
        times["object"].append(first_packet_ms(built, cache))
        times["cached"].append(first_packet_ms(source, cache))
        shutil.rmtree(cold_cache, ignore_errors=True)
        times["cold"].append(first_packet_ms(source, cold_cache))
        times["plain"].append(plain_way_ms(built))
    return {name: statistics.median(values) for name, values in times.items()}


def main():
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise SystemExit("bench: needs CAP_SYS_ADMIN for namespaces of its own")
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")  # ip keeps folders there: in a file system of our own
    run("ip", "link", "add", RECEIVER, "type", "veth", "peer", "name", SENDER)
    run("ip", "link", "set", RECEIVER, "up")
    run("ip", "link", "set", SENDER, "up")
    traffic = Traffic()
    traffic.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(folder)
    finally:
        traffic.stopping.set()
        traffic.join()
    targets = {"object": 100, "cached": 150, "cold": 700}
    figures = [{"name": f"first packet counted, {name}", "value": found[name], "unit": "ms", "at_most": targets[name],
                "verdict": "PASS" if found[name] <= targets[name] else "MISS",
                "ratio_to_plain": found[name] / found["plain"]} for name in targets]
    for f in figures:
        print(f"{f['name']:<44} {f['value']:>10.1f} ms   <= {f['at_most']:>7.1f}  {f['verdict']}  "
              f"ip link set xdp obj: {found['plain']:.1f} ms, ratio {f['ratio_to_plain']:.1f}")
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w") as f:
            json.dump(figures, f, indent=1)
    return 1 if any(f["verdict"] == "MISS" for f in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
