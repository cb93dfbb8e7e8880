#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`weir run` while it is changed: what is added, removed, moved and patched. A probe that stays counts every frame
exactly once."""
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
    run.until("state")
    run.until("state")
    assert kept(run.found, "state") == {"packets": 20}, "the old code goes on"
    run.reload(probe("state", "state.bpf.c", drop_state="true"), says=("veth0 xdp: state patched",))
    send(net, 3)
    windows = run.stop()
    assert kept(windows, "state") == {"packets": 3, "bytes": 0}, kept(windows, "state")
    assert counted(windows, "state") == 23


if __name__ == "__main__":
    harness.main(globals())
