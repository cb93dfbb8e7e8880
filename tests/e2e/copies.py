#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Packets that a probe copies: each reaches the extractor before its window, or is counted as lost."""
import struct
import time

import _harness as harness
from _live import plugin, send, start, stop

COPIES = """
#include <weir/probe.h>
#include <weir/punt.h>
WEIR_PROBE(copies) { weir_punt(p, WEIR_COPY_BYTES); return WEIR_DROP; }
"""

COUNTING = ("std::uint64_t copies_ = 0, bytes_ = 0, length_ = 0, wrong_ = 0;"
            "void on_packet(const weir::PacketCopy& p) override { ++copies_; bytes_ += p.bytes.size(); length_ += p.length;"
            " for (std::size_t i = 14; i < p.bytes.size(); ++i) wrong_ += p.bytes[i] != static_cast<std::byte>(i & 255);"
            " if (p.time_ns < window_start_ - 60'000'000'000) ++wrong_; {more} }"
            "std::int64_t window_start_ = 0;")
COUNTED = ('window_start_ = window.start_ns;'
           'return weir::Extraction{.json = "[" + std::to_string(std::exchange(copies_, 0)) + "," +'
           ' std::to_string(std::exchange(bytes_, 0)) + "," + std::to_string(std::exchange(length_, 0)) + "," +'
           ' std::to_string(wrong_) + "]"};')


def test_packets_that_the_probe_copies_reach_it_before_their_window(box):
    net = box.net()
    weir = start(box, net, box.file("copies.bpf.c", COPIES),
                 plugin(box, COUNTED, members=COUNTING.replace("{more}", "")))
    payload = bytes(i & 255 for i in range(14, 600))
    lengths = [60, 61, 67, 255, 256, 257, 500] * 20
    with net.raw_socket(net.left) as raw:
        for length in lengths:
            raw.send((bytes(12) + b"\x88\xb5" + payload)[:length])
            time.sleep(0.002)
    windows = stop(weir)
    assert harness.entered(windows) == len(lengths)
    for window in windows:
        copies, of_bytes, of_length, wrong = window["extractor"]
        assert copies == window["packets"]["entered"] and wrong == 0, window
        assert window["health"]["copies"]["lost"] == 0
    said = [window["extractor"] for window in windows]
    assert sum(s[1] for s in said) == sum(min(n, 256) for n in lengths)
    assert sum(s[2] for s in said) == sum(lengths)
    assert sum(w["health"]["copies"]["cut"] for w in windows) == sum(n > 256 for n in lengths)


def test_copies_that_find_no_room_are_counted(box):
    net = box.net()
    slow = COUNTING.replace("{more}", "std::this_thread::sleep_for(std::chrono::microseconds(200));"
                                      " if (copies_ % 100 == 1) throw std::runtime_error(\"odd packet\");")
    weir = start(box, net, box.file("copies.bpf.c", COPIES), plugin(box, COUNTED, members=slow))
    payload = bytes(i & 255 for i in range(14, 60))
    send(net, [bytes(12) + b"\x88\xb5" + payload] * 12_000)  # three rings full, faster than they are taken
    windows = stop(weir)
    assert harness.entered(windows) == 12_000
    lost = sum(w["health"]["copies"]["lost"] for w in windows)
    assert lost > 0 and sum(w["extractor"][0] for w in windows) + lost == 12_000, (lost, windows)
    assert any("on_packet" in e and "odd packet" in e for w in windows for e in w["health"].get("errors", []))


def test_a_replay_loses_no_copy(box):
    capture = box.folder / "many.pcap"
    frame = bytes(12) + b"\x88\xb5" + bytes(i & 255 for i in range(14, 60))
    with capture.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i in range(10_000):
            file.write(struct.pack("<IIII", 1_600_000_000 + i // 3000, 0, 60, 60) + frame)
    weir = box.weir(box.net().right, "replay", "--format", "json", "-t", "1", "-b", box.file("copies.bpf.c", COPIES),
                    "-e", plugin(box, COUNTED, members=COUNTING.replace("{more}", "")), capture)
    windows = weir.windows(60)
    assert weir.wait() == 0, weir.stderr
    assert [w["extractor"] for w in windows] == [[n, n * 60, n * 60, 0] for n in (3000, 3000, 3000, 1000)]
    assert all(w["health"]["copies"] == {"lost": 0, "cut": 0} for w in windows)


if __name__ == "__main__":
    harness.main(globals())
