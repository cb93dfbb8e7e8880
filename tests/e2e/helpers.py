#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a probe does besides counting, as its user sees it: messages on standard error, and in every window's health
what was lost."""
import re
import struct
import time

import _harness as harness

START = 1_600_000_000
HELPERS = """
#include <weir/probe.h>
#include <weir/log.h>
#include <weir/redirect.h>
WEIR_PROBE(helpers) {
    weir_log(WEIR_ERROR, "%u bytes", (__u32)(p->end - p->pos));
    weir_log(WEIR_DEBUG, "debug");
    return weir_redirect(p, "nowhere0");
}
"""
PLAIN = "#include <weir/probe.h>\nWEIR_PROBE(plain) { return WEIR_PASS; }\n"


def capture(box, packets, a_second):
    """So many frames of 60, 61, 62... bytes; so many of them a second."""
    path = box.folder / "packets.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i in range(packets):
            data = bytes(60 + i % 100)
            file.write(struct.pack("<IIII", START + i // a_second, i % a_second, len(data), len(data)) + data)
    return path


def replay(box, source, file, *args):
    weir = box.weir(box.net().right, "replay", "--format", "json", "-t", "1", "-b", source, *args, file,
                    env={"TZ": "UTC"})
    windows = weir.windows(60)
    assert weir.wait() == 0, weir.stderr
    return windows, [line for line in weir.stderr.splitlines() if not line.startswith("weir: note")]


def test_each_message_is_a_line(box):
    windows, lines = replay(box, box.file("helpers.bpf.c", HELPERS), capture(box, 5, 2))
    clock = time.strftime("%H:%M:", time.gmtime(START))
    assert len(lines) == 5, lines
    for i, line in enumerate(lines):
        found = re.fullmatch(r"weir: error: helpers cpu \d+ (\S+): (\d+) bytes", line)
        assert found, line
        assert found.groups() == (f"{clock}{(START + i // 2) % 60:02}.{i % 2:06}", str(60 + i)), line
    for window in windows:
        assert window["health"]["logs"] == {"lost": 0}
        assert window["health"]["redirects"] == {"lost": 0}, "a replay sends nothing"


def test_what_is_beyond_the_rate_is_counted_in_its_window(box):
    windows, lines = replay(box, box.file("helpers.bpf.c", HELPERS), capture(box, 250, 100),
                            "--set", "helpers.log_rate=30")
    assert [w["packets"]["entered"] for w in windows] == [100, 100, 50]
    assert [w["health"]["logs"]["lost"] for w in windows] == [70, 70, 20]
    assert len(lines) == 90


def test_less_urgent_messages_are_there_on_demand(box):
    _, lines = replay(box, box.file("helpers.bpf.c", HELPERS), capture(box, 3, 3), "--set", "helpers.log_level=10")
    assert [line.split()[1] for line in lines] == ["error:", "debug:"] * 3, lines


def test_packets_without_their_interface_pass_and_are_counted(box):
    net = box.net()
    weir = box.inject(net.right, "-b", box.file("helpers.bpf.c", HELPERS), "-t", "30")
    harness.wait_attached(weir)
    with net.raw_socket(net.left) as raw:
        for _ in range(20):
            raw.send(harness.frame())
    time.sleep(0.05)
    weir.signal(harness.signal.SIGINT)
    windows = weir.windows()
    assert weir.wait() == 0, weir.stderr
    assert harness.entered(windows) == 20
    assert sum(w["health"]["redirects"]["lost"] for w in windows) == 20
    assert "no interface nowhere0: packets for it pass until there is one" in weir.stderr, weir.stderr


def test_a_probe_without_them_says_nothing_of_them(box):
    windows, lines = replay(box, box.file("plain.bpf.c", PLAIN), capture(box, 5, 5))
    assert not lines
    assert not {"logs", "redirects", "copies"} & set(windows[0]["health"])


if __name__ == "__main__":
    harness.main(globals())
