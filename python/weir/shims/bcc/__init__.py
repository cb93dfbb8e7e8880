# SPDX-License-Identifier: Apache-2.0
"""Stands in for bcc where it is not installed: `lib`, `table`, and BPF's constants for scripts that weir runs.

Compiling, loading and attaching are weir's: a BPF object cannot be made.
"""
from . import table, utils
from .libbcc import lib


class BPFProgType:
    """enum bpf_prog_type"""
    SOCKET_FILTER, KPROBE, SCHED_CLS, SCHED_ACT, TRACEPOINT, XDP = 1, 2, 3, 4, 5, 6


class XDPAction:
    """enum xdp_action"""
    XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT = 0, 1, 2, 3, 4


class XDPFlags:
    """XDP_FLAGS_* of linux/if_link.h"""
    UPDATE_IF_NOEXIST, SKB_MODE, DRV_MODE, HW_MODE, REPLACE = 1, 2, 4, 8, 16


class BPF:
    """BCC's constants. A script that weir runs is handed its program: read_program_maps(program)."""

    SOCKET_FILTER, KPROBE, SCHED_CLS, SCHED_ACT, TRACEPOINT, XDP = 1, 2, 3, 4, 5, 6
    XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT = 0, 1, 2, 3, 4
    XDP_FLAGS_UPDATE_IF_NOEXIST, XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE, XDP_FLAGS_HW_MODE = 1, 2, 4, 8
    XDP_FLAGS_REPLACE = 16
    HASH, ARRAY, QUEUE, STACK = 1, 2, 22, 23

    def __init__(self, *_args, **_options):
        raise RuntimeError("weir compiles, loads and attaches the probe (weir inject -b SOURCE): read_program_maps() "
                           "gets its maps; bcc itself is not installed")
