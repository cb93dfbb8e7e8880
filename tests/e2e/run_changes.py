#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`weir run` while it is changed: what is added, removed, moved and patched. A probe that stays counts every frame
exactly once."""
import os

import _harness as harness
import _run
from _live import send
from _run import Load, Run, counted, of, probe

STATE = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct value {{ {fields} }};
struct {{ __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 16); __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct {{ __u32 length; __u32 data; }}); __type(value, struct value); }} kept SEC(".maps");
const volatile __u32 STEP = 1;
SEC("xdp") int state(struct xdp_md *ctx)
{{
    struct {{ __u32 length, data; }} prefix = {{32, 7}};
    struct value first = {{.packets = STEP}};
    struct value *v = bpf_map_lookup_elem(&kept, &prefix);
    if (v) __sync_fetch_and_add(&v->packets, STEP); else bpf_map_update_elem(&kept, &prefix, &first, BPF_ANY);
    {body}
    return XDP_PASS;
}}
char LICENSE[] SEC("license") = "GPL";
"""


def state(box, fields="__u64 packets;", body=""):
    return box.file("state.bpf.c", STATE.format(fields=fields, body=body))


def kept(windows, name):
    """What the persistent map holds at the end of the probe's last window."""
    (row,) = of(windows, name)[-1]["tables"]["kept"]["entries"]
    return row["value"]


def begun(box, *probes, wait_for, **options):
    net = box.net()
    _run.source(box, "count.bpf.c")
    run = Run(box, net.right, *probes, **options)
    run.until(*wait_for)
    return net, run


def test_a_probe_that_stays_counts_each_frame_once(box):
    stays = probe("stays")
    net, run = begun(box, stays, wait_for=["stays"])
    _run.source(box, "other.bpf.c", "__u64 now = bpf_ktime_get_ns(); if (!now) return WEIR_DROP;")
    with Load(net, net.left) as load:
        for _ in range(3 if not harness.IS_LONG else 100):
            run.reload(stays, probe("more"), says=("veth0 xdp: more added",))
            run.until("stays", "more")
            run.reload(stays, probe("more", priority=10), says=("veth0 xdp: more moved",))
            run.reload(stays, probe("more", "other.bpf.c", priority=10), says=("veth0 xdp: more patched",))
            run.until("stays", "more")
            run.reload(stays, probe("more", "other.bpf.c", priority=90), says=("moved",))
            run.reload(stays, says=("veth0 xdp: more removed",))
        run.reload(says=("the policy is in force; no probe changed",))
    run.until("stays")
    run.until("stays")
    windows = run.stop()
    assert load.sent > 1_000 and counted(windows, "stays") == load.sent, (counted(windows, "stays"), load.sent)
    assert 0 < counted(windows, "more") < load.sent
    numbers = [window["window"] for window in of(windows, "stays")]
    assert numbers == list(range(1, len(numbers) + 1)), numbers


def test_a_patch_keeps_what_is_persistent_and_misses_no_frame(box):
    state(box)
    net, run = begun(box, probe("state", "state.bpf.c"), wait_for=["state"])
    send(net, 100)
    state(box, body="if (ctx->data == ctx->data_end) return XDP_DROP;")
    with Load(net, net.left) as load:
        run.reload(says=("veth0 xdp: state patched",))
        run.until("state")
    run.reload(probe("state", "state.bpf.c", parameters="{ STEP = 1000 }"), says=("veth0 xdp: state patched",))
    send(net, 5)
    windows = run.stop()
    assert counted(windows, "state") == 100 + load.sent + 5, (counted(windows, "state"), load.sent)
    assert kept(windows, "state") == {"packets": 100 + load.sent + 5000}, (kept(windows, "state"), load.sent)


def test_state_that_does_not_fit_is_named_and_dropped_only_on_demand(box):
    state(box)
    net, run = begun(box, probe("state", "state.bpf.c"), wait_for=["state"])
    send(net, 10)
    run.until("state")
    state(box, fields="__u64 packets; __u64 bytes;")
    run.refused(probe("state", "state.bpf.c"), says=("kept", "drop_state"))
    send(net, 10)
    for _ in range(30):  # windows from before are read first
        run.until("state")
        if kept(run.found, "state") == {"packets": 20}:
            break
    assert kept(run.found, "state") == {"packets": 20}, "the old code goes on"
    run.reload(probe("state", "state.bpf.c", drop_state="true"), says=("veth0 xdp: state patched",))
    send(net, 3)
    windows = run.stop()
    assert kept(windows, "state") == {"packets": 3, "bytes": 0}, kept(windows, "state")
    assert counted(windows, "state") == 23


def test_mistakes_change_nothing_and_say_why(box):
    one = probe("one")
    net, run = begun(box, one, wait_for=["one"])
    _run.source(box, "bad.bpf.c", "this is no C;")
    with Load(net, net.left, pause_s=0.001) as load:
        run.refused(one, probe("two", "bad.bpf.c"), says=("probe two", "bad.bpf.c"))
        run.refused(one, "colour = 7\n", says=("unknown key colour",))
        run.refused(one, "[[probe]\n", says=("policy.toml",))
        run.refused(one, probe("two", "none.bpf.c"), says=("probe two", "none.bpf.c"))
        run.refused(one, probe("two", parameters="{ NONE = 1 }"), says=("NONE",))
        (box.folder / "policy.toml").unlink()
        run.refused(says=("policy.toml", "no such file"))
        _run.source(box, "count.bpf.c", "this is no C;")
        run.refused(one, says=("probe one",))
        run.until("one")
    run.until("one")
    _run.source(box, "count.bpf.c")
    run.reload(one, says=("no probe changed",))
    windows = run.stop()
    assert {window["probe"] for window in windows} == {"one"}
    assert counted(windows, "one") == load.sent > 0


def test_watched_files_are_patched_when_their_content_is_another(box):
    net, run = begun(box, probe("one"), wait_for=["one"], args=("--watch",))
    since = len(run.weir.stderr)
    os.utime(box.folder / "count.bpf.c")
    _run.source(box, "count.bpf.c")  # written again, the same content
    for _ in range(5):
        run.until("one")
    said = run.weir.stderr[since:]
    assert "patched" not in said and "nothing was changed" not in said, said
    send(net, 20)
    _run.source(box, "count.bpf.c", "if (p->pos == p->end) return WEIR_DROP;")
    run.says("veth0 xdp: one patched", since=since)
    since = len(run.weir.stderr)
    run.write(probe("one"), probe("two"))
    run.says("veth0 xdp: two added", since=since)
    send(net, 4)
    run.until("two")
    windows = run.stop()
    assert (counted(windows, "one"), counted(windows, "two")) == (24, 4), windows


if __name__ == "__main__":
    harness.main(globals())
