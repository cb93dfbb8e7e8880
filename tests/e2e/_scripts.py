# SPDX-License-Identifier: Apache-2.0
"""What the tests of Python extractors share: a probe with a map of every kind, and ways to run a script on packets."""
import json
import struct
import textwrap

import _harness as harness
import _live as live
from _live import errors, send, stop

PROBE = """
#include <linux/bpf.h>
#include <linux/in6.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
enum colour { RED, GREEN = 7 };
struct inner { __u8 a; __u32 b; };
struct wide {
    __u64 packets;
    struct inner inner;
    __u16 list[3];
    __be16 port;
    __be32 address;
    struct in6_addr six;
    char text[8];
    enum colour colour;
    bool is_set;
    __s8 small;
    struct { __u32 hidden; };
    union { __u32 word; __u8 bytes[4]; };
    __u32 low : 3, high : 29;
    double number;
    struct inner grid[2][2];
};
struct packed { __u8 a; __u64 b; __u16 c; } __attribute__((packed));
struct key { __be32 address; __u16 number; __u16 pad; };
#define MAP(NAME, KIND, KEY, VALUE, COUNT)                                                         \\
    struct { __uint(type, BPF_MAP_TYPE_##KIND); __uint(max_entries, COUNT); __type(key, KEY); __type(value, VALUE); } \\
    NAME SEC(".maps")
#define LIST(NAME, KIND, VALUE, COUNT)                                                             \\
    struct { __uint(type, BPF_MAP_TYPE_##KIND); __uint(max_entries, COUNT); __type(value, VALUE); } NAME SEC(".maps")
MAP(wide, HASH, struct key, struct wide, 64);
MAP(words, ARRAY, __u32, __u32, 5);
MAP(packed, ARRAY, __u32, struct packed, 4);
MAP(cpus, PERCPU_ARRAY, __u32, __u32, 3);
MAP(per_cpu, PERCPU_HASH, __u32, struct packed, 8);
MAP(lru, LRU_HASH, __u64, __u8, 8);
LIST(queue, QUEUE, struct packed, 256);
LIST(stack, STACK, __u32, 256);
__u64 total;
__u16 shorts[3];
SEC("xdp") int count(struct xdp_md *ctx)
{
    struct key key = {bpf_htonl(0x0a000001), 9, 0};
    static const struct wide first = {
        .packets = 0, .inner = {1, 2}, .list = {3, 4, 5}, .port = bpf_htons(443), .address = bpf_htonl(0xc0a80001),
        .text = "weir", .colour = GREEN, .is_set = true, .small = -3, .hidden = 11, .word = 0x01020304,
        .low = 5, .high = 6, .number = 2.5, .grid = {{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}};
    struct wide *w = bpf_map_lookup_elem(&wide, &key);
    if (!w) {
        bpf_map_update_elem(&wide, &key, &first, BPF_ANY);
        w = bpf_map_lookup_elem(&wide, &key);
    }
    if (w) { __sync_fetch_and_add(&w->packets, 1); w->six.in6_u.u6_addr8[15] = 1; }
    __u32 three = 3, one = 1, zero = 0, *word = bpf_map_lookup_elem(&words, &three);
    if (word) __sync_fetch_and_add(word, 1);
    struct packed row = {1, 2, 3}, *p = bpf_map_lookup_elem(&packed, &one);
    if (p) { p->a = 1; p->b += 1; p->c = 9; }
    word = bpf_map_lookup_elem(&cpus, &one);
    if (word) *word += 1;
    bpf_map_update_elem(&per_cpu, &three, &row, BPF_ANY);
    __u64 long_key = 1ull << 40; __u8 byte = 200;
    bpf_map_update_elem(&lru, &long_key, &byte, BPF_ANY);
    row.b = total;
    bpf_map_push_elem(&queue, &row, 0);
    word = (__u32 *)&total;
    bpf_map_push_elem(&stack, word, 0);
    shorts[1] = 77;
    __sync_fetch_and_add(&total, 1);
    return XDP_DROP;
}
char LICENSE[] SEC("license") = "GPL";
"""

WHERE = """
def where(array):
    # What /proc says of the memory that an array lies in.
    at = array.__array_interface__["data"][0]
    for line in open("/proc/self/maps"):
        begin, end = (int(each, 16) for each in line.split()[0].split("-"))
        if begin <= at < end:
            return line.split(None, 5)[-1].strip()
"""


def script(box, text, name="mine.py"):
    return box.file(name, textwrap.dedent(text))


def start(box, net, extractor, *args, probe=None, **options):
    return live.start(box, net, probe or box.file("counter.bpf.c", PROBE), extractor, *args, **options)


def refused(box, net, extractor, *args):
    """(exit code, standard error) of a start that fails; nothing was attached."""
    weir = box.inject(net.right, "-b", box.file("counter.bpf.c", PROBE), "-e", extractor, *args)
    code = weir.wait(40)
    assert weir.windows() == [], "it ran"
    return code, weir.stderr


def run_with_packets(box, text, count=20, **options):
    """The windows of a script on `count` packets; no errors."""
    net = box.net()
    weir = start(box, net, script(box, text), **options)
    send(net, count)
    windows = stop(weir)
    assert harness.entered(windows) == count, windows
    assert errors(windows) == [], errors(windows)
    return windows, weir


def filled(windows):
    found = [window for window in windows if window["packets"]["entered"]]
    assert found, "no window saw a packet"
    return found


def udp(port, length=40):
    return live.packet("10.0.0.1", 1000, port, size=length, destination="10.0.0.2")


def tcp_syn(port):
    return live.packet("10.0.0.1", 1000, port, protocol=6, flags=2, destination="10.0.0.2")


def capture(box, frames):
    """A pcap of [(seconds, frame)]."""
    path = box.folder / "frames.pcap"
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1) + b"".join(
        struct.pack("<IIII", int(time_s), round(time_s % 1 * 1e9), len(frame), len(frame)) + frame
        for time_s, frame in frames))
    return path


def replay(box, path, extractor, *args, code=0):
    weir = box.start(harness.WEIR, "replay", "--format", "json", "-e", extractor, *args, path,
                     env={"WEIR_CACHE": str(box.folder / "cache")})
    windows = []
    while (line := weir.line(60)) is not None:
        windows.append(json.loads(line))
    assert weir.wait(30) == code, weir.stderr
    return windows
