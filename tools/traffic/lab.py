# SPDX-License-Identifier: Apache-2.0
"""The laboratory's network: hosts in namespaces, two bridges, and the uplink between them.

    with Lab(inside=("front",), outside=("nat", "bot0"), router_program=build_router(folder)) as lab:
        lab.connect({"front": {"addresses": ["10.9.8.10"], "line": line}, ...}, "10.9.8.0/24")
        lab.start("nat", ["curl", "http://10.9.8.10/"]).wait()

Nobody has a neighbour: every packet goes through the router on the outside, which knows each address that
exists and drops silently what is for any other. So an answer to a forged source crosses the uplink and dies.
There is no IPv6 and no ARP. Everything is named after the process id and gone when the block ends.
"""
import ctypes
import ipaddress
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
from netpair import inside as thread_inside  # noqa: E402

ROUTER = "100.64.0.1"
ROUTER_MAC = "02:00:00:00:00:01"
ABSENT = {"delay_ms": 0.0, "jitter_ms": 0.0, "loss_percent": 0.0}
NOBODY_MAC = "02:00:00:00:00:ff"  # unknown to the bridges, which hand such frames to everybody
DEVICE = "lan0"  # of each host
UPLINK = "uplink"  # both ends
GRACE_S = 2
QUIET = {
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv4/conf/all/accept_redirects": "0",
    "net/ipv4/conf/default/accept_redirects": "0",
}
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def call(*args, lines=None):
    """Runs ip or tc, with `lines` as its batch; its own message is the error."""
    done = subprocess.run(args, input=lines, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def batch(namespace, lines, tool="ip"):
    call(tool, "-n", namespace, "-batch", "-", lines="\n".join(lines) + "\n")


def build_router(folder):
    """Compiles router.cpp into a folder; returns the program."""
    program = Path(folder) / "router"
    source = Path(__file__).resolve().with_name("router.cpp")
    done = subprocess.run(("c++", "-std=c++20", "-O2", "-o", program, source), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"c++ {source.name}: {done.stderr.strip()}")
    return program


class Host:
    def __init__(self, name, namespace, bridge, number):
        self.name, self.namespace, self.bridge = name, namespace, bridge
        self.port = f"to-{name}"  # its device on the bridge
        self.mac = f"02:00:00:00:01:{number:02x}"
        self.addresses = []

    @property
    def address(self):
        return self.addresses[0]


class Lab:
    """`router_program` is what build_router() made."""

    def __init__(self, inside, outside, router_program):
        self.router_program, self.routing = router_program, None
        self.prefix = f"weir-lab-{os.getpid()}"
        self.inside, self.outside = f"{self.prefix}-in", f"{self.prefix}-out"
        self.router = f"{self.prefix}-router"
        self.hosts = {}
        for bridge, names in ((self.inside, inside), (self.outside, outside)):
            for name in names:
                self.hosts[name] = Host(name, f"{self.prefix}-{name}", bridge, len(self.hosts) + 1)
        self.children = []

    def __enter__(self):
        try:
            self._create()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    # ------------------------------------------------------------ set-up
    def _namespaces(self):
        return [self.inside, self.outside, self.router, *(host.namespace for host in self.hosts.values())]

    def _create(self):
        call("ip", "-batch", "-", lines="".join(f"netns add {name}\n" for name in self._namespaces()))
        for name in self._namespaces():
            self.set_kernel(name, QUIET)
        for bridge in (self.inside, self.outside):
            batch(bridge, ["link set lo up", "link add br0 type bridge mcast_snooping 0 ageing_time 100000",
                           "link set br0 up"])
        self._join(self.inside, UPLINK, self.outside, UPLINK)
        for host in self.hosts.values():
            self._join(host.bridge, host.port, host.namespace, DEVICE)
            batch(host.namespace, ["link set lo up", f"link set {DEVICE} address {host.mac} txqueuelen 10000",
                                   f"link set {DEVICE} up"])
        self._join(self.outside, "to-router", self.router, DEVICE)
        # It has no address: the kernel there forwards nothing and answers nobody, router.cpp does all.
        batch(self.router, [f"link set {DEVICE} address {ROUTER_MAC}", f"link set {DEVICE} up"])

    @staticmethod
    def _join(bridge, port, namespace, device):
        call("ip", "link", "add", port, "netns", bridge, "type", "veth", "peer", "name", device, "netns", namespace)
        batch(bridge, [f"link set {port} master br0", f"link set {port} up"])
        if device == UPLINK:
            batch(namespace, [f"link set {device} master br0", f"link set {device} up"])

    @staticmethod
    def set_kernel(namespace, values):
        with thread_inside(namespace):  # /proc/sys/net is that of the thread's namespace
            for name, value in values.items():
                path = f"/proc/sys/{name}"
                if os.path.exists(path):  # absent where the kernel has no IPv6
                    with open(path, "w", encoding="ascii") as file:
                        file.write(value)

    # ------------------------------------------------------------ what an episode changes
    def connect(self, hosts, network):
        """Gives each host its addresses and its line: {name: {"addresses": [...], "line": {...}}}.

        A line has delay_ms, jitter_ms and loss_percent (each way), mtu, has_offloads, ttl, and kernel values.
        All of `network`, which is that of the inside hosts, crosses the uplink.
        """
        owners = {}
        for name, wanted in hosts.items():
            host = self.hosts[name]
            host.addresses = list(wanted["addresses"])
            owners.update((address, (host.mac, wanted["line"])) for address in host.addresses)
            self._set_line(host, wanted["line"])
            batch(host.namespace, [
                f"address flush dev {DEVICE}",
                *(f"address add {address}/32 dev {DEVICE}" for address in host.addresses),
                f"neigh replace {ROUTER} lladdr {ROUTER_MAC} dev {DEVICE} nud permanent",
                f"route replace {ROUTER}/32 dev {DEVICE} scope link",
                f"route replace default via {ROUTER} dev {DEVICE} src {host.address}",
                f"route replace 224.0.0.0/4 dev {DEVICE} src {host.address}"])
        for address in ipaddress.ip_network(network).hosts():
            owners.setdefault(str(address), (NOBODY_MAC, ABSENT))
        self._start_router("".join(f"{address} {mac} {line['delay_ms'] * 1000:.0f} {line['jitter_ms'] * 1000:.0f} "
                                   f"{line['loss_percent'] * 10000:.0f}\n" for address, (mac, line) in owners.items()))

    def _start_router(self, table):
        if self.routing:
            self.routing.kill()
            self.routing.wait()
        self.routing = self.start(self.router, [self.router_program, DEVICE], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.routing.stdin.write(table)
        self.routing.stdin.close()
        if self.routing.stdout.readline() != "ready\n":
            raise RuntimeError("the router does not start")

    def _set_line(self, host, line):
        batch(host.namespace, [f"link set {DEVICE} mtu {line['mtu']}"])
        word = "on" if line["has_offloads"] else "off"
        for namespace, device in ((host.namespace, DEVICE), (host.bridge, host.port)):
            self.run(namespace, ["ethtool", "-K", device, "tso", word, "gso", word, "gro", word])
        self.set_kernel(host.namespace, {"net/ipv4/ip_default_ttl": str(line["ttl"]), **line["kernel"]})

    # ------------------------------------------------------------ processes
    def namespace(self, name):
        return self.hosts[name].namespace if name in self.hosts else name

    def start(self, name, command, **options):
        """Starts a command in a host's namespace (or a namespace by its own name)."""
        # In a session of its own: Ctrl-C reaches the caller alone, which then ends its children in order.
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL,
                   "start_new_session": True, "preexec_fn": die_with_parent, **options}
        child = subprocess.Popen(self._entering(name, command), **options)
        self.children = [other for other in self.children if other.poll() is None] + [child]
        return child

    def run(self, name, command, timeout=60):
        done = subprocess.run(self._entering(name, command), capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, preexec_fn=die_with_parent, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _entering(self, name, command):
        return ["ip", "netns", "exec", self.namespace(name), *map(str, command)]  # it brings /sys, too

    def kill_all(self, name):
        """Ends whatever runs in a host's namespace."""
        namespace = self.namespace(name)
        for _ in range(5):  # a process may start another while we read
            pids = call("ip", "netns", "pids", namespace).split()
            for pid in pids:
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            for child in self.children:
                child.poll()
            if not pids:
                return
            time.sleep(0.02)

    def close(self):
        """Harmless to repeat. Whatever still runs inside the namespaces is ended first; this is not interrupted."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)  # PostgreSQL leaves shared memory behind when it is killed
        deadline = time.monotonic() + GRACE_S
        while any(child.poll() is None for child in self.children) and time.monotonic() < deadline:
            time.sleep(0.02)
        for namespace in self._namespaces():
            if os.path.exists(f"/run/netns/{namespace}"):
                self.kill_all(namespace)
                call("ip", "netns", "delete", namespace)
        for child in self.children:
            child.wait()
        self.children = []
