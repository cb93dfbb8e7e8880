# SPDX-License-Identifier: Apache-2.0
"""A whole hash by one batch call through BCC's `lib`, with the table's descriptor.

    weir inject -b examples/classic_batch.c -e examples/classic_batch.py eth0
"""
import ctypes as ct
import os
import socket
import struct
from errno import ENOENT

from bcc import lib


def init(model_path, time_window):
    global window_s
    window_s = time_window


def read_and_delete(table):
    """Keys and leaves of every entry, which are deleted."""
    fd, room = table.get_fd(), table.max_entries
    keys, leaves = (table.Key * room)(), (table.Leaf * room)()
    cursor, total = ct.c_uint32(0), 0
    while True:
        count = ct.c_uint32(room - total)
        result = lib.bpf_lookup_and_delete_batch(
            fd, ct.byref(cursor) if total else None, ct.byref(cursor),
            ct.byref(keys, ct.sizeof(table.Key) * total), ct.byref(leaves, ct.sizeof(table.Leaf) * total),
            ct.byref(count))
        error = ct.get_errno()
        if result != 0 and error != ENOENT:
            raise OSError(error, os.strerror(error))
        total += count.value
        if result != 0 or count.value == 0 or total == room:
            return keys[:total], leaves[:total]


def read_program_maps(program):
    keys, leaves = read_and_delete(program["sources"])
    rates = sorted(((leaf.packets, leaf.bytes, key) for key, leaf in zip(keys, leaves)), reverse=True)
    for packets, size, address in rates[:5]:
        print(f"{socket.inet_ntoa(struct.pack('I', address)):<15} {packets / window_s:10.1f} packets/s")
    return {"sources": len(rates), "packets": sum(rate[0] for rate in rates), "bytes": sum(rate[1] for rate in rates)}
