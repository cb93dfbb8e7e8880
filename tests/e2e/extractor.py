#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""C++ extractors: what they see, what becomes of what they say, and that nothing they do stops the counting."""
import os
import re
import subprocess
import time

import _harness as harness
import _live as live
from _live import PLUGIN, plugin, send, stop

COUNTER = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct seen { __u64 packets; __u32 bytes; __u16 half; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, struct seen); } seen SEC(".maps");
__u64 total;
SEC("xdp") int count(struct xdp_md *ctx)
{
    __u32 key = ctx->ingress_ifindex ? 7 : 8;
    struct seen first = {1, 60, 5}, *s = bpf_map_lookup_elem(&seen, &key);
    if (s) __sync_fetch_and_add(&s->packets, 1); else bpf_map_update_elem(&seen, &key, &first, BPF_ANY);
    __sync_fetch_and_add(&total, 1);
    return XDP_DROP;
}
char LICENSE[] SEC("license") = "GPL";
"""


def start(box, net, extractor, *args, **options):
    return live.start(box, net, box.file("counter.bpf.c", COUNTER), extractor, *args, **options)


def test_it_reads_keys_values_columns_and_globals_in_place(box):
    net = box.net()
    weir = start(box, net, plugin(box, """
        auto seen = snapshot.table("seen");
        if (!seen) return weir::pass_on(seen);
        auto keys = seen->keys<std::uint32_t>();
        auto rows = seen->rows<Seen>();
        auto column = seen->column<std::uint32_t>("value.bytes");
        auto globals = snapshot.table(".bss");
        auto total = globals->column<std::uint64_t>("value.total");
        if (!keys || !rows || !column || !total) return weir::fail(weir::Errc::Invalid, "a view is refused");
        std::string json = "[" + std::to_string((*total)[0]);
        for (std::size_t i = 0; i < rows->size(); ++i)
            json += "," + std::to_string((*keys)[i]) + "," + std::to_string((*rows)[i].packets) + "," +
                    std::to_string((*column)[i]) + "," + std::to_string((*rows)[i].half);
        const bool is_in_place = rows->empty() ||
            reinterpret_cast<const std::byte*>(&(*rows)[0]) == seen->table().value(0);
        return weir::Extraction{.json = json + (is_in_place ? ",true]" : ",false]"),
                                .alerts = {{.source = "10.0.0.1", .source_port = 5, .score = 0.5, .reason = "\\"x\\""}}};
    """))
    send(net, 25)
    windows = stop(weir)
    assert harness.entered(windows) == 25
    for window in windows:
        packets = window["packets"]["entered"]
        assert window["extractor"] == ([packets, 7, packets, 60, 5, True] if packets else [0, True]), window
        assert window["alerts"] == [{"src": "10.0.0.1", "sport": 5, "score": 0.5, "reason": '"x"'}], window


def test_views_that_do_not_fit_are_refused_by_name(box):
    net = box.net()
    cases = {
        'table("nothing")': "no table nothing",
        'table("seen")->rows<Wrong>()': "the struct has 8 bytes, the probe's seen 16",
        'table("seen")->rows<Moved>()': "bytes lies at 0 with 4 bytes, the probe's at 8 with 4",
        'table("seen")->rows<Named>()': "has no member frames",
        'table("seen")->rows<std::uint64_t>()': "the struct has 8 bytes",
        'table("seen")->keys<float>()': "is not such a number",
        'table("seen")->column<std::uint64_t>("value.bytes")': "value.bytes",
        'table("seen")->column<std::uint64_t>("value.frames")': "no column value.frames",
        'table("seen")->column<std::uint64_t>("packets")': "a column is key... or value...",
        'tensor()': "no flow tensor",
    }
    body = 'std::string json = "[";' + "".join(
        f'{{ auto r = snapshot.{call}; json += std::string(json.size() > 1 ? "," : "") + "\\"" + '
        '(r ? "taken" : r.error().message) + "\\""; }' for call in cases) + 'return weir::Extraction{.json = json + "]"};'
    weir = start(box, net, plugin(box, body, before="""
        struct Wrong { std::uint64_t packets; };
        struct Moved { std::uint32_t bytes, more; std::uint64_t packets; };
        struct Named { std::uint64_t frames; std::uint32_t bytes; std::uint16_t half; };
        WEIR_ROW(Wrong, packets); WEIR_ROW(Moved, bytes); WEIR_ROW(Named, frames);"""), "--windows", "1")
    said = weir.window()["extractor"]
    assert weir.wait() == 0, weir.stderr
    for (call, expected), answer in zip(cases.items(), said, strict=True):
        assert expected in answer, (call, expected, answer)


def test_the_flow_tensor_becomes_float32(box):
    net = box.net()
    extractor = plugin(box, """
        auto tensor = snapshot.tensor();
        if (!tensor) return weir::pass_on(tensor);
        std::vector<weir::FloatColumn> columns;
        for (const weir::Feature& f : tensor->features())
            if (f.name == "ip_length" || f.name == "udp_length") columns.push_back({.place = f.place});
        std::vector<float> out(tensor->flows() * tensor->packets_per_flow() * columns.size());
        tensor->to_float32(columns, out);
        double sum = 0;
        for (const float f : out) sum += f;
        std::uint64_t recorded = 0;
        for (std::size_t i = 0; i < tensor->flows(); ++i) recorded += tensor->recorded(i);
        return weir::Extraction{.json = "[" + std::to_string(tensor->flows()) + "," + std::to_string(recorded) + "," +
                                        std::to_string(static_cast<long>(sum)) + "]"};
    """)
    weir = live.start(box, net, "ddos", extractor)
    payload = bytes.fromhex("4500001e000000004011000001010101020202020000000100 0a0000".replace(" ", ""))
    send(net, [harness.frame(ether_type=0x0800, payload=payload)] * 14)  # UDP of 30 bytes, port 0 to 1, as one flow
    windows = stop(weir)
    assert harness.entered(windows) == 14
    recorded = 0
    for window in windows:
        flows, of_flows, total = window["extractor"]
        assert flows == window["flows"] and of_flows == window["packets"]["recorded"], window
        assert total == of_flows * (30 + 10), window
        recorded += of_flows
    assert recorded >= 10


def test_what_it_throws_or_returns_wrongly_is_told_and_counting_goes_on(box):
    net = box.net()
    for body, told in (('throw std::runtime_error("no \\"luck\\"");', 'no "luck"'),
                       ("throw 5;", "no std::exception"),
                       ('return weir::fail(weir::Errc::Io, "disk on fire");', "disk on fire"),
                       ('return weir::Extraction{.json = "{oops"};', "no JSON"),
                       ("return weir::Extraction{.json = std::to_string(std::vector<int>(3).at(3))};", "range")):
        weir = start(box, net, plugin(box, body))
        send(net, 10)
        windows = stop(weir)
        assert harness.entered(windows) == 10
        for window in windows:
            assert "extractor" not in window and "alerts" not in window
            errors = window["health"]["errors"]
            assert len(errors) == 1 and "extractor mine.cpp: " in errors[0] and told in errors[0], errors


def test_setup_learns_the_run_and_teardown_ends_it(box):
    net = box.net()
    note = box.folder / "torn-down"
    weir = start(box, net, plugin(
        box, 'return weir::Extraction{.json = "\\"" + said_ + "\\""};',
        members='std::string said_;'
                'weir::Result<> setup(const weir::ExtractorContext& c) override { said_ = c.probe + " " + c.interface + " " +'
                ' std::to_string(c.window.count()) + (c.model.empty() ? " none" : c.model) + (c.is_replay ? " replay" : ""); return {}; }'
                f'void teardown() override {{ std::fclose(std::fopen("{note}", "w")); }}'), "--windows", "1")
    assert weir.window()["extractor"] == f"counter {net.right.device} 300000000 none"
    assert weir.wait() == 0 and note.exists()
    weir = box.inject(net.right, "-b", "flows", "-e", plugin(
        box, "return weir::Extraction{};",
        members='weir::Result<> setup(const weir::ExtractorContext&) override { return weir::fail(weir::Errc::NotFound, "no list"); }'))
    assert weir.wait(30) == 4 and "no list" in weir.stderr, weir.stderr
    assert harness.attached_program(net.right) is None


def test_one_that_takes_too_long_makes_windows_late_and_loses_nothing(box):
    net = box.net()
    weir = start(box, net, plugin(
        box, 'if (window.number == 2) while (!asked_) std::this_thread::sleep_for(std::chrono::milliseconds(5));'
             'return weir::Extraction{.json = asked_ ? "true" : "false"};',
        members="std::atomic<bool> asked_ = false; void on_overrun() noexcept override { asked_ = true; }"), window="0.1")
    deadline = time.monotonic() + 30
    windows, sent = [], 0
    while not any(w["late"] for w in windows):
        assert time.monotonic() < deadline
        send(net, 5)
        sent += 5
        windows.append(weir.window())
    windows += stop(weir)
    assert harness.entered(windows) == sent
    assert windows[0]["extractor"] is False and windows[-1]["extractor"] is True


def test_one_that_never_returns_is_told_of_once_and_a_second_signal_leaves(box):
    net = box.net()
    weir = start(box, net, plugin(box, "for (;;) ::pause();"), window="0.1")
    harness.wait_until(lambda: "has not come back" in weir.stderr, "the notice", 20)
    weir.signal(harness.signal.SIGINT)
    time.sleep(0.3)
    weir.signal(harness.signal.SIGINT)
    assert weir.wait() == 130, weir.stderr
    assert weir.stderr.count("has not come back") == 1
    harness.wait_until(lambda: harness.attached_program(net.right) is None, "the interface to be free")


def test_children_do_not_keep_the_program_on_the_interface(box):
    net = box.net()
    pids = box.folder / "pid"
    weir = start(box, net, plugin(box, f"""
        if (window.number > 1) return weir::Extraction{{}};
        const pid_t child = ::fork();
        if (child == 0) {{ ::close(0); ::close(1); ::close(2); for (;;) ::pause(); }}
        std::FILE* file = std::fopen("{pids}", "w");
        std::fprintf(file, "%d", child);
        std::fclose(file);
        return weir::Extraction{{.json = "1"}};"""))
    try:
        assert weir.window()["extractor"] == 1
        weir.kill()
        os.kill(int(pids.read_text()), 0)  # the child lives on
        harness.wait_until(lambda: harness.attached_program(net.right) is None, "the interface to be free", 5)
    finally:
        os.kill(int(pids.read_text()), harness.signal.SIGKILL)


def test_it_has_no_capabilities_and_its_prints_leave_the_json_alone(box):
    net = box.net()
    weir = start(box, net, plugin(box, """
        std::puts("{\\"printed\\": 1}"); std::fflush(stdout); (void)!std::system("echo from a child");
        std::FILE* status = std::fopen("/proc/thread-self/status", "r");
        std::string json;
        char line[256];
        while (std::fgets(line, sizeof(line), status))
            if (std::string(line).starts_with("CapEff")) json = "\\"" + std::string(line + 8, 16) + "\\"";
        std::fclose(status);
        return weir::Extraction{.json = json};"""), "--windows", "2")
    windows = weir.windows(30)
    assert weir.wait() == 0 and len(windows) == 2
    assert all(int(w["extractor"], 16) == 0 for w in windows), windows
    assert weir.stderr.count('{"printed": 1}') == 2 and weir.stderr.count("from a child") == 2, weir.stderr


def test_what_is_no_extractor_is_refused_before_anything_is_attached(box):
    net = box.net()
    other = PLUGIN.format(body="return weir::Extraction{};", members="", before="").replace(
        "WEIR_EXTRACTOR(Mine);", """extern "C" __attribute__((visibility("default"))) const weir::ExtractorPlugin
        weir_extractor_plugin = {.abi = 999, .make = nullptr};""")
    for file, code, told in ((box.file("broken.cpp", "int main( {"), 2, "broken.cpp:1"),
                             (box.file("empty.cpp", "int nothing;"), 2, "no extractor in it"),
                             (box.file("old.cpp", other), 7, "built for extractor ABI 999"),
                             (box.file("text.so", "no library"), 2, "text.so"),
                             (box.file("plain.txt", ""), 2, "not an extractor"),
                             (plugin(box, "return weir::Extraction{};", name="throws.cpp",
                                     members='public: Mine() { throw std::runtime_error("not today"); }'), 2, "not today"),
                             (box.folder / "missing.so", 4, "missing.so: no such file")):
        weir = box.inject(net.right, "-b", "flows", "-e", file)
        assert weir.wait(60) == code and told in weir.stderr, (file, weir.wait(), weir.stderr)
        assert harness.attached_program(net.right) is None


def test_a_source_is_compiled_once(box):
    net = box.net()
    log = box.folder / "log"
    compiler = box.file("compiler", f'#!/bin/sh\necho run >> {log}\nexec c++ "$@"\n')
    compiler.chmod(0o755)
    header = box.file("mine.h", "#define ANSWER \"41\"\n")
    extractor = plugin(box, "return weir::Extraction{.json = ANSWER};", before='#include "mine.h"')

    def answer():
        weir = box.inject(net.right, "-b", "flows", "-e", extractor, "-t", "0.05", "--windows", "1",
                          env={"CXX": str(compiler)})
        window = weir.window(60)
        assert weir.wait() == 0, weir.stderr
        return window["extractor"], log.read_text().count("run")

    assert answer() == (41, 1)
    assert answer() == (41, 1), "compiled again"
    header.write_text("#define ANSWER \"42\"\n")
    assert answer() == (42, 2), "an edited header was not seen"


def test_the_example_names_the_top_talker_also_as_a_library(box):
    net = box.net()
    source, library = harness.REPOSITORY / "examples" / "top_talkers.cpp", box.folder / "top_talkers.so"
    subprocess.run(["c++", "-std=c++23", "-shared", "-fPIC", "-I", harness.BUILD / "share" / "weir" / "cxx", source,
                    "-o", library], check=True)
    for extractor in (source, library):
        top_talker(box, net, extractor)


def top_talker(box, net, extractor):
    weir = box.weir(net.right, "inject", "-b", "flows", "-e", extractor, "-t", "0.3", net.right.device)
    harness.wait_attached(weir, 30)
    payload = bytes.fromhex("4500001e0000000040110000010101010202020200350050000a0000")
    send(net, [harness.frame(ether_type=0x0800, payload=payload)] * 5)
    text = ""
    while "alert" not in text:
        line = weir.line()
        assert line is not None, text
        text += line
    weir.signal(harness.signal.SIGINT)
    assert weir.wait() == 0
    assert re.search(r"alert: 1\.1\.1\.1:53 > 2\.2\.2\.2:80, \d packets: more than half of all bytes", text), text


if __name__ == "__main__":
    harness.main(globals())
