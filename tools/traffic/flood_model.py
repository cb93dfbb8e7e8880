# SPDX-License-Identifier: Apache-2.0
"""What a flood is, and the draws that the tables of floods share."""
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Target:
    address: str                    # the victim's IPv4 address
    mac: str                        # the next hop's MAC address: the victim's where both share one network
    device: str                     # the attacker's interface
    own_addresses: tuple[str, ...]  # that the attacker's host really has: connections need one
    network: str                    # of the victim, "10.71.0.0/16": for false sources that look near
    http_port: int
    https_port: int
    dns_port: int
    open_tcp_ports: tuple[int, ...]


@dataclass(frozen=True)
class Flood:
    """One way to flood; `command` draws the rest.

    command(rng, target, seconds) is the argv. It ends by itself after about `seconds`, and its exit code
    says nothing: tools that nobody answers, or that run until their time is over, end with a failure.
    """

    name: str
    kind: str
    program: str
    packages: tuple[str, ...]
    executable: str
    is_held_out: bool
    command: Callable[[random.Random, Target, float], list[str]]


def log_uniform(rng, low, high):
    """Every order of magnitude is as likely as the next."""
    return round(math.exp(rng.uniform(math.log(low), math.log(high))))


def packet_rate(rng, most=15000):
    return log_uniform(rng, 300, most)


def connection_rate(rng, most=1500):
    """More than the busiest benign crowd behind one address has."""
    return log_uniform(rng, 60, most)


def bounded(seconds, *command):
    """For tools with no limit of their own; a tool deaf to SIGINT is killed."""
    return ["timeout", "-k", "1", "-s", "INT", f"{seconds:.2f}", *map(str, command)]


def shell(seconds, script, *arguments):
    """`arguments` are the script's $1 and so on. SIGTERM: a shell's background processes are deaf to SIGINT."""
    return ["timeout", "-k", "1", f"{seconds:.2f}", "sh", "-c", script, "sh", *map(str, arguments)]


def far_address(rng):
    while True:
        address = IPv4Address(rng.randrange(1 << 24, 224 << 24))
        if address.is_global:
            return str(address)


def near_address(rng, target):
    network = IPv4Network(target.network)
    return str(network[rng.randrange(1, network.num_addresses - 1)])


def false_address(rng, target):
    return far_address(rng) if rng.random() < 0.7 else near_address(rng, target)


def raw_source(rng, target):
    """For raw_flood.py's --source."""
    draw = rng.random()
    if draw < 0.15:
        return "own"
    if draw < 0.3:
        return "fixed:" + false_address(rng, target)
    if draw < 0.5:
        return "fixed:" + ",".join(false_address(rng, target) for _ in range(rng.randint(2, 40)))
    return "random" if draw < 0.85 else "subnet:" + target.network


def tcp_port(rng, target):
    """Mostly a port that answers."""
    return rng.choice(target.open_tcp_ports) if target.open_tcp_ports and rng.random() < 0.85 else rng.randint(1, 65535)


def time_to_live(rng):
    return rng.choice((64, 128, 255)) - rng.choice((0, rng.randint(1, 25)))


def payload_bytes(rng):
    """Nothing, a little, or as much as a packet holds."""
    return rng.choice((0, rng.randint(1, 100), rng.randint(100, 1400), 1400))
