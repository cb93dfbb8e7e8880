# SPDX-License-Identifier: Apache-2.0
"""Stands in for bcc.utils."""
import sys


def printb(s, file=sys.stdout, nl=1):
    """Writes bytes and flushes."""
    out = getattr(file, "buffer", file)
    out.write(s + b"\n" if nl else s)
    file.flush()


def get_online_cpus():
    return _cpus("online")


def get_possible_cpus():
    return _cpus("possible")


def _cpus(name):
    """"0-3,8" of sysfs as [0, 1, 2, 3, 8]."""
    with open(f"/sys/devices/system/cpu/{name}", encoding="ascii") as file:
        ranges = [part.split("-") for part in file.read().strip().split(",")]
    return [cpu for each in ranges for cpu in range(int(each[0]), int(each[-1]) + 1)]
