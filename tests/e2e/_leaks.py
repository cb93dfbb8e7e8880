# SPDX-License-Identifier: Apache-2.0
"""What an end-to-end test must leave as it found it; the twin of tests/leak_check.cpp, which says how a new
BPF object is told from one of another process. Reads the kernel's own lists through bpf(2): no bpftool."""
import ctypes
import os
import platform
import subprocess
import time

_NR_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
_libc = ctypes.CDLL(None, use_errno=True)

# enum bpf_cmd: how the ids of a kind are listed, and one of them opened.
_KINDS = {"prog": (11, 13), "map": (12, 14), "link": (31, 30)}
_OBJ_GET_INFO_BY_FD = 15
_LINK_DETACH = 34
# Kinds that weir loads: socket_filter, sched_cls, xdp, raw_tracepoint, syscall. (systemd loads cgroup ones.)
_PROGRAM_TYPES = {1, 3, 6, 17, 31}
_LINK_TYPES = {6, 11}  # xdp, tcx


def ids(kind):
    found, last = [], 0
    while True:
        attr = (ctypes.c_uint32 * 8)(last)
        if _libc.syscall(_NR_BPF, _KINDS[kind][0], attr, 32) != 0:
            return found
        last = attr[1]
        found.append(last)


def _open(kind, number):
    attr = (ctypes.c_uint32 * 8)(number)
    return _libc.syscall(_NR_BPF, _KINDS[kind][1], attr, 32)


def detach_link(number):
    """What `bpftool link detach id NUMBER` does."""
    fd = _open("link", number)
    try:
        attr = (ctypes.c_uint32 * 8)(fd)
        if _libc.syscall(_NR_BPF, _LINK_DETACH, attr, 4) != 0:
            raise OSError(ctypes.get_errno(), f"detach link {number}")
    finally:
        os.close(fd)


def _info(kind, number):
    """(type, name, ids of a program's maps), or None where the object has gone meanwhile."""
    fd = _open(kind, number)
    if fd < 0:
        return None
    try:
        info = ctypes.create_string_buffer(256)
        maps = (ctypes.c_uint32 * 64)()
        if kind == "prog":  # nr_map_ids at 52, map_ids at 56 of struct bpf_prog_info
            info[52:56] = (64).to_bytes(4, "little")
            info[56:64] = ctypes.addressof(maps).to_bytes(8, "little")
        query = (ctypes.c_uint64 * 2)(fd | 256 << 32, ctypes.addressof(info))
        if _libc.syscall(_NR_BPF, _OBJ_GET_INFO_BY_FD, query, 16) != 0:
            return None
        name_at = {"prog": 64, "map": 24, "link": 256}[kind]  # a link has no name
        name = info.raw[name_at:name_at + 16].split(b"\0")[0].decode(errors="replace")
        used = maps[:min(64, int.from_bytes(info.raw[52:56], "little"))] if kind == "prog" else []
        return int.from_bytes(info.raw[:4], "little"), name, used
    finally:
        os.close(fd)


def _parent(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return int(stat.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _is_ours(pid):
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = _parent(pid)
    return False


def _held_by_others():
    """{("prog", 17), ...}: what processes outside our tree hold by a descriptor."""
    held = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if _is_ours(int(pid)):
            continue
        try:
            for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                with open(f"/proc/{pid}/fdinfo/{fd}", encoding="utf-8") as info:
                    for line in info:
                        key, _, value = line.partition(":\t")
                        if key in ("prog_id", "map_id", "link_id"):
                            held.add((key[:-3], int(value)))
        except OSError:
            continue  # the process has ended, or closed that descriptor
    return held


def bpf_objects():
    """("prog", 17) and the like that may be ours. By id alone: see tests/leak_check.cpp, add_ids."""
    foreign = _held_by_others()
    return {(kind, number) for kind in _KINDS for number in ids(kind)} - foreign


def _named(objects):
    """One line per object; those of kinds that weir never makes, and the maps of such programs, are left out."""
    lines, foreign_maps = [], set()
    for kind, number in sorted(objects, key=lambda o: o[0] != "prog"):  # programs first: they name maps
        info = _info(kind, number)
        if not info or (kind == "map" and number in foreign_maps):
            continue
        if kind == "prog" and info[0] not in _PROGRAM_TYPES:
            foreign_maps |= set(info[2])
        elif kind != "link" or info[0] in _LINK_TYPES:
            lines.append(f"{kind} {number} ({info[1]})" if info[1] else f"{kind} {number}")
    return lines


def _listing(path):
    return os.listdir(path) if os.path.isdir(path) else []


def _is_namespace_of_others(name):
    """tools/netpair.py names them weir-NAME-PID-END: those of a process outside our tree, as long as it lives."""
    pid = name.split("-")[-2] if name.count("-") > 1 else ""
    return pid.isdigit() and os.path.exists(f"/proc/{pid}") and not _is_ours(int(pid))


def inventory():
    """(BPF objects, one line for everything else)."""
    lines = {f"network namespace {name}" for name in _listing("/run/netns")
             if name.startswith("weir") and not _is_namespace_of_others(name)}
    lines |= {f"interface {name}" for name in _listing("/sys/class/net")}
    lines |= {f"pin {folder}/{name}" for folder, folders, files in os.walk("/sys/fs/bpf")
              for name in folders + files}
    qdiscs = subprocess.run(["tc", "qdisc", "show"], capture_output=True, text=True, check=False).stdout
    lines |= {f"qdisc {line.strip()}" for line in qdiscs.splitlines()}
    lines |= {f"child process {pid}" for pid in filter(str.isdigit, os.listdir("/proc"))
              if _parent(pid) == os.getpid()}
    return bpf_objects(), lines


def since(before, grace_s=5.0):
    """What exists now and did not before; waits up to `grace_s` for the kernel to free things."""
    deadline = time.monotonic() + grace_s
    seen = inventory()  # each time until now: what others make and drop comes and goes
    while True:
        seen = tuple((now - then) & until_now for now, then, until_now in zip(inventory(), before, seen))
        objects, lines = seen
        if not objects and not lines:
            return []
        if time.monotonic() > deadline:
            return sorted(lines) + _named(objects)
        time.sleep(0.05)
