# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces joined by a veth pair: where the demo and the end-to-end tests make traffic.

    with NetPair("demo") as net:
        net.run("left", "ping", "-c1", net.right.address)

Both ends are quiet: no IPv6, no ARP (neighbours are permanent), so that every packet on the wire was sent
by somebody on purpose. Everything is named after `name` and the process id, and gone when the block ends.
"""
import ctypes
import os
import socket
import subprocess
import threading
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*args):
    """Runs iproute2's ip; its own message is the error."""
    done = subprocess.run(("ip", *args), capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def _enter(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def inside(namespace):
    """Puts the calling thread into a namespace: sockets made in the block stay there."""
    home = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(there)
        yield
    finally:
        _enter(home)
        os.close(there)
        os.close(home)


class End:
    """One end of the pair."""

    def __init__(self, namespace, device, number, with_address):
        self.namespace = namespace
        self.device = device
        self.mac = f"02:00:00:00:00:{number:02x}"
        self.address = f"10.77.0.{number}" if with_address else None


class NetPair:
    def __init__(self, name, mtu=1500, with_addresses=True, devices=("veth0", "veth0")):
        prefix = f"weir-{name}-{os.getpid()}"
        self.left = End(f"{prefix}-l", devices[0], 1, with_addresses)
        self.right = End(f"{prefix}-r", devices[1], 2, with_addresses)
        self.mtu = mtu

    def __enter__(self):
        try:
            self._create()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _create(self):
        for end in (self.left, self.right):
            ip("netns", "add", end.namespace)
            with inside(end.namespace):  # /proc/sys/net is that of the thread's namespace
                for which in ("all", "default"):
                    self._write(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6", "1")
        ip("link", "add", self.left.device, "netns", self.left.namespace, "type", "veth",
           "peer", "name", self.right.device, "netns", self.right.namespace)
        for end, other in ((self.left, self.right), (self.right, self.left)):
            self._bring_up(end, other)

    @staticmethod
    def _write(path, text):
        if os.path.exists(path):  # absent where the kernel has no IPv6
            with open(path, "w", encoding="ascii") as file:
                file.write(text)

    def _bring_up(self, end, other):
        ip("-n", end.namespace, "link", "set", "lo", "up")
        ip("-n", end.namespace, "link", "set", end.device, "address", end.mac, "mtu", str(self.mtu))
        if end.address:
            ip("-n", end.namespace, "address", "add", f"{end.address}/24", "dev", end.device)
        ip("-n", end.namespace, "link", "set", end.device, "up")
        if end.address:
            ip("-n", end.namespace, "neigh", "replace", other.address, "lladdr", other.mac,
               "dev", end.device, "nud", "permanent")
        # One packet sent is one packet seen: nothing is merged, split or left without its checksum.
        self.run(end, "ethtool", "-K", end.device, "tx", "off", "tso", "off", "gso", "off", "gro", "off")

    def close(self):
        """Harmless to repeat. Whatever still runs inside the namespaces is killed first."""
        for end in (self.left, self.right):
            if not os.path.exists(f"/run/netns/{end.namespace}"):
                continue
            for pid in ip("netns", "pids", end.namespace).split():
                try:
                    os.kill(int(pid), 9)
                except ProcessLookupError:
                    pass
            ip("netns", "delete", end.namespace)

    @staticmethod
    def command(end, *args):
        """The command line that runs `args` inside an end's namespace."""
        return ["ip", "netns", "exec", end.namespace, *args]

    def run(self, end, *args, timeout=60):
        """Runs to the end; returns its standard output. A failure names the command."""
        done = subprocess.run(self.command(end, *args), capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(args)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    @staticmethod
    def raw_socket(end):
        """A packet socket on an end's device: each send() is one frame on the wire, as it is."""
        with inside(end.namespace):
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        raw.bind((end.device, 0))
        return raw
