# SPDX-License-Identifier: Apache-2.0
"""What tests on live traffic share: packets, starting weir with an extractor, sending, stopping; and the source of an
extractor in C++."""
import os
import socket
import struct

import _harness as harness

PLUGIN = """
#include <weir/extractor.h>
#include <chrono>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>
#include <unistd.h>
struct Seen {{ std::uint64_t packets; std::uint32_t bytes; std::uint16_t half; }};
WEIR_ROW(Seen, packets, bytes, half);
{before}
class Mine : public weir::Extractor {{
{members}
    weir::Result<weir::Extraction> on_window(const weir::Snapshot& snapshot) override {{
        [[maybe_unused]] const weir::Window& window = snapshot.window();
        {body}
    }}
}};
WEIR_EXTRACTOR(Mine);
"""


def plugin(box, body, members="", before="", name="mine.cpp"):
    return box.file(name, PLUGIN.format(body=body, members=members, before=before))


def ipv4(source, destination, protocol, payload):
    size = 20 + len(payload)
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, protocol, 0, socket.inet_aton(source),
                       socket.inet_aton(destination)) + payload


def packet(source, sport, dport, protocol=17, flags=0, size=0, destination="10.1.0.1"):
    """A frame; UDP, or TCP with these flags."""
    ports = struct.pack(">HH", sport, dport)
    rest = (struct.pack(">IIBBHHH", 0, 0, 0x50, flags, 100, 0, 0) if protocol == 6
            else struct.pack(">HH", 8 + size, 0)) + bytes(size)
    return harness.frame(ether_type=0x0800, payload=ipv4(source, destination, protocol, ports + rest))


def start(box, net, probe, extractor, *args, window="0.3", **options):
    """weir with both; packets are counted when this returns."""
    weir = box.inject(net.right, "-b", probe, "-e", extractor, "-t", window, *args, **options)
    harness.wait_attached(weir, 40)
    return weir


def send(net, frames):
    """These frames, or so many empty ones; from one CPU, so that a probe's counters need no atomics."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    with net.raw_socket(net.left) as raw:
        for each in [harness.frame()] * frames if isinstance(frames, int) else frames:
            raw.send(each)
    os.sched_setaffinity(0, before)


def stop(weir):
    """All windows that are left, after Ctrl-C."""
    weir.signal(harness.signal.SIGINT)
    found = weir.windows(30)
    assert weir.wait(30) == 0, weir.stderr
    return found


def errors(windows):
    return [error for window in windows for error in window["health"].get("errors", [])]


def total(windows, key):
    """The sum of what the extractor said by that name."""
    return sum(window["extractor"][key] for window in windows)
