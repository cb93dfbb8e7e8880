#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weir replay against tshark: every frame of every capture is counted once, in windows that begin and end
where this script computes it from tshark's times. The captures are third-party data beside the repository,
not part of it; the rest of the tests writes its own."""
import gzip
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess

import _harness as harness

CAPTURES = harness.SHARED_DATA / "captures"
NS = 10**9

FIRST_TIME = """#include <weir/probe.h>
WEIR_MAP(times, ARRAY, __u32, __u64, 2);
WEIR_PROBE(first_time) {
    __u32 first = 0, count = 1;
    __u64 *time = bpf_map_lookup_elem(&times, &first), *seen = bpf_map_lookup_elem(&times, &count);
    if (!time || !seen)
        return WEIR_PASS;
    if (*seen == 0)
        *time = weir_now();
    *seen += 1;
    return WEIR_PASS;
}
"""


# ------------------------------------------------------------------------------------------ tools
def pcap(frames, link_type=1):
    """A classic pcap with nanoseconds, of [(time in ns, bytes)]."""
    header = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link_type)
    return header + b"".join(struct.pack("<IIII", time_ns // NS, time_ns % NS, len(data), len(data)) + data
                             for time_ns, data in frames)


def write(box, name, content):
    path = box.folder / name
    path.write_bytes(content)
    return path


def replay(box, path, *args, **options):
    return box.start(harness.WEIR, "replay", "--format", "json", *args, path,
                     env={"WEIR_CACHE": str(box.folder / "cache"), **options})


def windows_of(process, code=0):
    found = []
    while (line := process.line(60)) is not None:
        found.append(json.loads(line))
    got = process.wait()
    assert got == code, f"exit {got} instead of {code}: {process.command}\n{process.stderr}"
    return found


def without_timings(windows):
    return [{key: value for key, value in window.items() if key != "timings_us"} for window in windows]


def unseen(windows):
    return sum(sum(window["health"]["unseen"].values()) for window in windows)


def tshark_times(path):
    """Nanoseconds of every frame that tshark reads, in the file's order. Broken files hold fractions of more
    than a second, or less than none: tshark prints them as they stand, a minus in front of all."""
    text = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.time_epoch"],
                          capture_output=True, text=True).stdout
    found = re.findall(r"^(-?)(\d+)\.(\d{9,})$", text, re.MULTILINE)
    assert len(found) == len(text.split()), text
    return [int(seconds) * NS + int(sign + fraction) for sign, seconds, fraction in found]


def expected_windows(times, window_ns, rule):
    """[(start, end, frames, skipped)], from the definition: each frame by itself, no running state but the
    windows so far."""
    windows = [[times[0], times[0] + window_ns, [], 0]]
    for time in times:
        is_over = time >= windows[-1][1] if rule == "fixed" else time > windows[-1][1]
        if is_over and rule == "fixed":
            place = (time - times[0]) // window_ns
            start = times[0] + place * window_ns
            empty = (start - windows[-1][1]) // window_ns
            if empty:
                windows.append([windows[-1][1], start, [], empty])
            windows.append([start, start + window_ns, [], 0])
        elif is_over:
            windows.append([time, time + window_ns, [], 0])
        windows[-1][2].append(time)
    windows[-1][1] = max([windows[-1][0], *windows[-1][2]])  # the file's end closes it with its latest packet
    return [(start, end, len(inside), empty) for start, end, inside, empty in windows]


def told(windows):
    return [(w["start_ns"], w["end_ns"], w["packets"]["entered"] + unseen([w]), w.get("skipped", 0)) for w in windows]


# ------------------------------------------------------------------------------------------ captures
def test_every_capture_is_cut_where_tsharks_times_say(box):
    if shutil.which("tshark") is None:
        raise harness.Skip("tshark is not installed", is_kernel=False)
    captures = sorted(path for path in CAPTURES.glob("*/*") if ".pcap" in path.name or path.suffix == ".cap")
    if not captures:
        raise harness.Skip(f"no captures in {CAPTURES}", is_kernel=False)
    wrong, frames = [], 0
    for path in captures:
        times = tshark_times(path)
        frames += len(times)
        for rule, seconds in (("fixed", "1"), ("lucid", "10")):
            weir = replay(box, path, "--window-rule", rule, "-t", seconds, "--max-rows", "0")
            got = told(windows_of(weir))
            expected = expected_windows(times, int(seconds) * NS, rule)
            if got != expected:
                wrong.append(f"{path.name} {rule}")
                print(f"     {wrong[-1]}: {got[:4]} instead of {expected[:4]} {weir.stderr}", flush=True)
    print(f"     {len(captures)} captures, {frames} frames, two rules", flush=True)
    assert not wrong, wrong


def test_two_runs_print_the_same_but_for_their_timings(box):
    path = CAPTURES / "attack" / "ddosgrid-synflood.pcap"
    if not path.exists():
        raise harness.Skip(f"no {path}", is_kernel=False)
    runs = [without_timings(windows_of(replay(box, path, "-t", "2"))) for _ in range(2)]
    assert len(runs[0][0]["tables"]["flows"]["entries"]) > 100
    assert json.dumps(runs[0]) == json.dumps(runs[1]), "also the order of rows"


# ------------------------------------------------------------------------------------------ the clock
def first_times(box, path, *args):
    source = box.file("first_time.c", FIRST_TIME)
    windows = windows_of(replay(box, path, "-b", source, *args))
    return [[entry["value"] for entry in window["tables"]["times"]["entries"]] for window in windows]


def test_a_native_probe_reads_the_captures_clock(box):
    times = [1_600_000_000 * NS + 123_456_789, 1_600_000_000 * NS + 999_999_999, 1_600_000_001 * NS + 123_456_789]
    path = write(box, "exact.pcap", pcap([(time, harness.frame()) for time in times]))
    assert first_times(box, path, "-t", "1") == [[times[0], 2], [times[2], 1]]


BCC_TIME = """BPF_ARRAY(times, u64, 1);
int handle_rx(struct xdp_md *ctx) {
    int zero = 0;
    u64 *time = times.lookup(&zero);
    if (time)
        *time = EPOCH_BASE + bpf_ktime_get_ns();
    return XDP_PASS;
}
"""

LIBBPF_TIME = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
__u64 now, coarse;
SEC("xdp") int last_time(struct xdp_md *ctx)
{
    now = bpf_ktime_get_ns();
    coarse = bpf_ktime_get_coarse_ns();
    return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
"""


def test_sources_that_were_not_written_for_weir_read_it_too(box):
    time = 1_600_000_000 * NS + 123_456_789
    path = write(box, "one.pcap", pcap([(time, harness.frame())]))
    bcc, = windows_of(replay(box, path, "-b", box.file("bcc_time.c", BCC_TIME)))
    assert bcc["tables"]["times"]["entries"][0]["value"] == time
    libbpf, = windows_of(replay(box, path, "-b", box.file("libbpf_time.bpf.c", LIBBPF_TIME)))
    assert libbpf["tables"][".bss"]["entries"][0]["value"] == {"now": time, "coarse": time}, libbpf["tables"]


def test_an_object_that_was_compiled_elsewhere_has_this_machines_clock_and_is_told(box):
    path = write(box, "one.pcap", pcap([(1_600_000_000 * NS, harness.frame())]))
    weir = replay(box, path, "-b", harness.compile_bpf(box, "last_time", LIBBPF_TIME))
    window, = windows_of(weir)
    assert 0 < window["tables"][".bss"]["entries"][0]["value"]["now"] < 1_600_000_000 * NS
    assert "this machine's time" in weir.stderr, weir.stderr


def test_the_first_packet_of_a_real_capture_has_tsharks_time(box):
    path = CAPTURES / "attack" / "netlyzer-ddos.pcap"
    if not path.exists() or shutil.which("tshark") is None:
        raise harness.Skip(f"no {path}, or no tshark", is_kernel=False)
    times = tshark_times(path)
    assert first_times(box, path, "-t", "100") == [[times[0], len(times)]]


# ------------------------------------------------------------------------------------------ how it ends
def frames(count, step_ns=1000):
    return [(1_700_000_000 * NS + i * step_ns, harness.frame()) for i in range(count)]


def test_windows_option_stops_after_that_many(box):
    path = write(box, "long.pcap", pcap(frames(100, NS)))
    windows = windows_of(replay(box, path, "-t", "1", "--windows", "5"))
    assert [window["window"] for window in windows] == [1, 2, 3, 4, 5]
    assert harness.entered(windows) == 5


def test_sigint_reports_the_open_window(box):
    """The capture is a pipe that stays open: the replay cannot have ended by itself."""
    pipe = box.folder / "pipe.pcap"
    os.mkfifo(pipe)
    weir = replay(box, pipe, "-t", "1", "--max-rows", "0")
    with open(pipe, "wb") as writer:
        writer.write(pcap([(NS, harness.frame())] + frames(5000)))
        writer.flush()
        first = json.loads(weir.line(20))  # closed by a packet of the second window: it is running
        weir.signal(signal.SIGINT)
        second_part = pcap(frames(200_000))[24:]
        try:
            for at in range(0, len(second_part), 65536):
                writer.write(second_part[at:at + 65536])
        except BrokenPipeError:
            pass  # it has ended, as it should
    windows = [first, *windows_of(weir)]
    assert [window.get("skipped", 0) > 0 for window in windows] == [False, True, False], windows
    assert 0 < windows[-1]["packets"]["entered"] < 205_000


def test_a_gzipped_capture_is_the_same(box):
    plain = pcap(frames(1000, 10_000_000))
    runs = [without_timings(windows_of(replay(box, write(box, "same.pcap", content), "-t", "1")))
            for content in (plain, gzip.compress(plain))]
    assert harness.entered(runs[0]) == 1000
    assert runs[0] == runs[1]


def test_a_cut_capture_gives_what_is_whole(box):
    path = write(box, "cut.pcap", pcap(frames(10))[:-1])
    weir = replay(box, path)
    assert harness.entered(windows_of(weir)) == 9
    assert re.search(r"note: packet 10: truncated", weir.stderr), weir.stderr


def test_a_capture_without_packets_is_no_error(box):
    weir = replay(box, write(box, "none.pcap", pcap([])))
    assert windows_of(weir) == []
    assert "no packets" in weir.stderr


def test_output_and_text(box):
    path = write(box, "some.pcap", pcap(frames(3)))
    target = box.folder / "windows.txt"
    weir = box.start(harness.WEIR, "replay", "--output", target, path)
    assert weir.wait() == 0 and weir.line() is None, weir.stderr
    text = target.read_text()
    assert "ddos on some.pcap (replay, replay)" in text and "3 packets" in text, text


def test_progress_goes_to_a_terminal_alone(box):
    path = write(box, "long.pcap", pcap(frames(200_000)))
    ours, theirs = pty.openpty()
    done = subprocess.run([harness.WEIR, "replay", "--format", "json", "--max-rows", "0", path], stderr=theirs,
                          stdout=subprocess.PIPE, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert json.loads(done.stdout)["packets"]["entered"] == 200_000
    assert re.search(r"\r *\d+ % of the file, [\d]+ packets", shown), shown
    assert shown.endswith("\r\033[K"), "the line is gone at the end"
    weir = replay(box, path, "--max-rows", "0")
    windows_of(weir)
    assert weir.stderr == ""


# ------------------------------------------------------------------------------------------ what is refused
def refused(box, code, *words, args):
    weir = box.start(harness.WEIR, "replay", *args, env={"WEIR_CACHE": str(box.folder / "cache")})
    got = weir.wait(30)
    assert got == code, f"exit {got} instead of {code}:\n{weir.stderr}"
    assert weir.stderr.startswith("weir: "), weir.stderr
    for word in words:
        assert re.search(word, weir.stderr), f"{word!r} is missing in:\n{weir.stderr}"
    assert weir.line() is None, "an error does not belong on standard output"


def test_bad_captures(box):
    refused(box, 4, "nowhere.pcap", "no such file", args=[box.folder / "nowhere.pcap"])
    refused(box, 2, "text.pcap", "unknown file format", args=[box.file("text.pcap", "no capture at all, but text\n" * 9)])
    refused(box, 2, "empty.pcap", "truncated", args=[box.file("empty.pcap", "")])
    refused(box, 2, "directory", args=[box.folder])
    radio = write(box, "radio.pcap", pcap([], link_type=105))
    refused(box, 7, "radio.pcap", "IEEE802_11", args=[radio])


def test_bad_options(box):
    path = write(box, "good.pcap", pcap(frames(1)))
    refused(box, 2, "--window-rule", args=["--window-rule", "square", path])
    refused(box, 2, "-t 0", args=["-t", "0", path])
    refused(box, 4, "nosuchprobe", args=["-b", "nosuchprobe", path])
    refused(box, 8, "no/folder", args=["--output", box.folder / "no" / "folder", path])
    refused(box, 2, "model.onnx: empty", args=["-m", box.file("model.onnx", ""), path])
    refused(box, 4, "no profile lucid12", "did you mean lucid11", args=["--profile", "lucid12", path])


def test_without_sys_admin_it_says_what_is_missing_and_counts_the_same(box):
    path = write(box, "some.pcap", pcap(frames(100)))
    weir = box.start("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin", harness.WEIR, "replay",
                     "--format", "json", path)
    assert harness.entered(windows_of(weir)) == 100
    assert "CAP_SYS_ADMIN" in weir.stderr, weir.stderr


def test_without_privileges_it_names_them(box):
    path = write(box, "some.pcap", pcap(frames(1)))
    weir = box.start("setpriv", "--bounding-set=-all", "--inh-caps=-all", harness.WEIR, "replay", path)
    assert weir.wait() == 3, weir.stderr
    assert "CAP_BPF" in weir.stderr, weir.stderr


if __name__ == "__main__":
    harness.main(globals())
