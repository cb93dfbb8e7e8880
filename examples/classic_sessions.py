# SPDX-License-Identifier: Apache-2.0
"""The shape of most detectors written for BCC: a dictionary of the window's sessions, and a thread pool that pops
the queue of packets and sorts them into it.

    weir inject -b examples/classic_sessions.c -e examples/classic_sessions.py eth0
"""
import socket
import struct
from concurrent.futures import ThreadPoolExecutor

WORKERS = 2


def init(model_path, time_window):
    global window_s, pool
    window_s = time_window
    pool = ThreadPoolExecutor(max_workers=WORKERS)


def name_of(key):
    """10.0.0.1:80 > 10.0.0.2:5000. The fields are in network order, as the probe stored them."""
    source = socket.inet_ntoa(struct.pack("I", key.source))
    destination = socket.inet_ntoa(struct.pack("I", key.destination))
    return f"{source}:{socket.ntohs(key.source_port)} > {destination}:{socket.ntohs(key.destination_port)}"


def identity(key):
    return key.source, key.destination, key.source_port, key.destination_port, key.protocol


def read_packets(queue, sessions):
    count = 0
    while True:
        try:
            packet = queue.pop()
        except KeyError:
            return count
        session = sessions.get(identity(packet.session))
        if session is not None:
            session["sizes"].append(packet.bytes)
            session["times"].append(packet.time)
        count += 1


def read_program_maps(program):
    sessions = {}
    for key, value in program["SESSIONS"].items():
        sessions[identity(key)] = {"name": name_of(key), "packets": value.packets, "sizes": [], "times": []}

    queue = program["PACKETS"]
    jobs = [pool.submit(read_packets, queue, sessions) for _ in range(WORKERS)]
    records = sum(job.result() for job in jobs)

    largest = max(sessions.values(), key=lambda session: session["packets"], default=None)
    if largest:
        print(f"{len(sessions)} sessions, {records} packets; most: {largest['name']} ({largest['packets']})")
    return {
        "sessions": len(sessions),
        "records": records,
        "packets": sum(session["packets"] for session in sessions.values()),
        "recorded": sum(len(session["sizes"]) for session in sessions.values()),
        "bytes": sum(sum(session["sizes"]) for session in sessions.values()),
    }
