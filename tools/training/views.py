# SPDX-License-Identifier: Apache-2.0
"""What an interface sees of an episode. A capture has both directions of a link; a probe on xdp sees what comes in.

- both: as captured, as a replay of a mirror port or of `tcpdump -i eth0`
- in: towards the servers, as xdp on their side
- out: from the servers, as xdp on their users' side. Of an attack these are the victim's answers, which are none.
"""
import struct
from pathlib import Path

ROUTER_MAC = bytes.fromhex("020000000001")  # tools/traffic/lab.py: what leaves the servers goes to the router
VIEWS = ("both", "in", "out")
GLOBAL_HEADER, RECORD_HEADER = 24, 16
NANOSECOND, MICROSECOND = 0xA1B23C4D, 0xA1B2C3D4


def split(data):
    """A capture's bytes -> (towards the servers, from the servers), each a capture."""
    magic = struct.unpack_from("<I", data)[0]
    if magic not in (NANOSECOND, MICROSECOND):
        raise ValueError("not a pcap file of this machine's byte order")
    parts = (bytearray(data[:GLOBAL_HEADER]), bytearray(data[:GLOBAL_HEADER]))
    at = GLOBAL_HEADER
    while at + RECORD_HEADER <= len(data):
        end = at + RECORD_HEADER + struct.unpack_from("<I", data, at + 8)[0]
        frame = at + RECORD_HEADER
        parts[data[frame:frame + len(ROUTER_MAC)] == ROUTER_MAC].extend(data[at:end])
        at = end
    return parts


def view_of(capture, view, folder):
    """The capture of a view; those of one direction are made in `folder`, once."""
    if view == "both":
        return capture
    target = Path(folder) / f"{capture.stem}-{view}.pcap"
    if not target.exists() or target.stat().st_mtime < capture.stat().st_mtime:
        for name, part in zip(("in", "out"), split(capture.read_bytes())):
            made = Path(folder) / f"{capture.stem}-{name}.pcap.part"
            made.write_bytes(part)
            made.rename(made.with_suffix(""))
    return target
