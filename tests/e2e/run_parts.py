#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`weir run`: what a probe has besides its maps: an extractor with on_packet(), messages, redirects by name."""
import _harness as harness
import _run
import netpair
from _live import send
from _run import Run, probe

HELPERS = """
#include <weir/probe.h>
#include <weir/log.h>
#include <weir/punt.h>
const volatile __u32 LENGTH = 20;
WEIR_PROBE(parts) {
    weir_punt(p, LENGTH);
    weir_log(WEIR_WARNING, "seen %d", 7);
    return WEIR_PASS;
}
"""

# Per window, the length of each copy.
EXTRACTORS = {
    "seen.py": """
class Seen:
    packets = []

def on_packet(packet):
    Seen.packets.append(SIGN * len(packet.data))

def on_window(window):
    packets, Seen.packets = Seen.packets, []
    return packets
""",
    "seen.cpp": """
#include <weir/extractor.h>

#include <string>

class Seen : public weir::Extractor {
    void on_packet(const weir::PacketCopy& packet) override {
        packets_ += (packets_.empty() ? "" : ",") + std::to_string(SIGN * int(packet.bytes.size()));
    }
    weir::Result<weir::Extraction> on_window(const weir::Snapshot&) override {
        weir::Extraction out{.json = "[" + packets_ + "]"};
        packets_.clear();
        return out;
    }
    std::string packets_;
};

WEIR_EXTRACTOR(Seen);
""",
}


def extractor_gets_the_punted_packets_of_its_window_also_after_a_patch(box, extractor):
    net = box.net()
    box.file("parts.bpf.c", HELPERS)
    box.file(extractor, EXTRACTORS[extractor].replace("SIGN", "1"))
    _run.source(box, "count.bpf.c")
    keys = {"file": "parts.bpf.c", "extractor": f'"{extractor}"'}
    run = Run(box, net.right, probe("parts", **keys), probe("beside", "count.bpf.c"))
    run.until("parts", "beside")
    send(net, 30)
    run.until("parts", "parts")
    run.reload(probe("parts", parameters="{ LENGTH = 33 }", **keys), probe("beside", "count.bpf.c"),
               says=("xdp: parts patched",))
    send(net, 12)
    run.until("parts", "parts")
    box.file(extractor, EXTRACTORS[extractor].replace("SIGN", "-1"))  # the file of the extractor alone
    run.reload(probe("parts", parameters="{ LENGTH = 33 }", **keys), probe("beside", "count.bpf.c"),
               says=("xdp: parts patched",))
    send(net, 9)
    windows = run.stop()
    for window in _run.of(windows, "parts"):
        assert len(window["extractor"]) == window["packets"]["entered"], window
    lengths = [length for window in _run.of(windows, "parts") for length in window["extractor"]]
    assert [lengths.count(n) for n in (20, 33, -33)] == [30, 12, 9] and len(lengths) == 51, lengths
    assert run.weir.stderr.count("weir: warning: parts") == 51, run.weir.stderr
    assert _run.counted(windows, "beside") == 51


def test_a_python_extractor_gets_the_punted_packets(box):
    extractor_gets_the_punted_packets_of_its_window_also_after_a_patch(box, "seen.py")


def test_a_plugin_gets_the_punted_packets(box):
    extractor_gets_the_punted_packets_of_its_window_also_after_a_patch(box, "seen.cpp")


def test_a_redirect_by_name_follows_an_interface_that_is_made_again(box):
    net = box.net()
    box.file("send.bpf.c", "#include <weir/probe.h>\n#include <weir/redirect.h>\n"
             "WEIR_PROBE(sends) { return weir_redirect(p, \"out0\"); }\n")
    end = net.right

    def make():
        netpair.ip("-n", end.namespace, "link", "add", "out0", "type", "veth", "peer", "name", "in0")
        for device in ("out0", "in0"):
            netpair.ip("-n", end.namespace, "link", "set", "dev", device, "up")

    _run.source(box, "count.bpf.c")
    make()
    run = Run(box, end, probe("sends", "send.bpf.c"), probe("arrive", "count.bpf.c", interface='"in0"'))
    run.until("sends", "arrive")
    before = _run.counted(run.found, "arrive")
    send(net, 40)
    run.until("arrive", "arrive")
    netpair.ip("-n", end.namespace, "link", "delete", "dev", "out0")
    run.says("in0 xdp: the interface vanished")
    send(net, 15)  # nobody there: passed on, and counted
    since = len(run.weir.stderr)
    make()
    run.says("in0 xdp: arrive added", since=since)
    send(net, 25)
    windows = run.stop()
    sends = _run.of(windows, "sends")
    assert harness.entered(sends) == 80
    assert sum(w["health"].get("redirects", {}).get("lost", 0) for w in sends) == 15, sends
    assert 65 <= _run.counted(windows, "arrive") - before <= 65 + 60  # and what the kernel says by itself
    netpair.ip("-n", end.namespace, "link", "delete", "dev", "out0")


if __name__ == "__main__":
    harness.main(globals())
