# SPDX-License-Identifier: Apache-2.0
"""A plain loop over items(), deleting what was handled: sources that try many ports.

    weir inject -b examples/classic_items.c -e examples/classic_items.py eth0
"""
import socket
import struct

PORTS = 20  # of one source in one window: a scan


def init(model_path, time_window):
    global ports_of
    ports_of = {}  # of sources that are no scan so far


def read_program_maps(program):
    attempts = program["attempts"]
    for key, count in attempts.items():
        source = socket.inet_ntoa(struct.pack("I", key.source))
        ports_of.setdefault(source, set()).add(key.port)
        del attempts[key]
    scans = {source: len(ports) for source, ports in ports_of.items() if len(ports) >= PORTS}
    for source, ports in scans.items():
        print(f"{source} tried {ports} ports")
    ports_of.clear()

    syns = program["syns"]
    result = {"scans": scans, "low": syns[0].value, "high": syns[1].value, "left": len(attempts)}
    syns.clear()
    return result
