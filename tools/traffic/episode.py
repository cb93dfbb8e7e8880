# SPDX-License-Identifier: Apache-2.0
"""One episode: draw() decides everything by a seed, run() does it and writes the pcap, the CSV and the JSON."""
import ipaddress
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from applications import HOSTS, TCP, applications_of, hosts_of
from capture import Capture
from floods import FLOODS, Target
from labels import write_labels
from lab import DEVICE, ROUTER_MAC, UPLINK
from servers import SERVERS
from users_streams import KNOCKED_PORTS

HERE = Path(__file__).resolve().parent
SNAP_BYTES, SENT_SNAP_BYTES = 128, 64
# First octets: so that no address of the test set is one of the training set.
OUTSIDE_OCTETS = {"train": (24, 31, 46, 62, 73, 81, 93, 109, 151, 188), "test": (37, 58, 87, 98, 122, 176, 201, 212)}
INSIDE_PREFIXES = {"train": ("10.{}.{}.0/24", 0, 199), "test": ("172.{}.{}.0/24", 16, 31)}
PRESENCE = 0.8  # of an application in an episode
AIMED_AT = ("nginx", "dnsmasq", "apache")  # by attacks, which should come among ordinary use
KNOWN_IN_TEST = 0.6  # of the applications that training has, those that are in a test episode's background
ATTACKERS = (0, 1, 2, 2, 3, 3, 3)
# Many short attacks show more of what floods may be than a few long ones; windows of 10 s want some of those.
ATTACK_SECONDS = ((2, 4), (3, 6), (3, 6), (6, 12))
SLOW_SECONDS = (8, 14)  # connections that are held open say something every few seconds
GRACE_S = 0.5  # for a tool that starts slowly
NEEDS_SERVER = ("http", "slow", "tls", "dns")  # kinds of attack that are pointless at a client


# ---------------------------------------------------------------- drawing
def _addresses(rng, set_name, hosts):
    group = "test" if set_name == "test" else "train"
    pattern, low, high = INSIDE_PREFIXES[group]
    network = ipaddress.ip_network(pattern.format(rng.randint(low, high), rng.randrange(256)))
    inside = rng.sample(range(2, 190), len(hosts))
    addresses, used = {}, set()
    for number, (name, kind) in enumerate(hosts.items()):
        if kind.is_inside:
            addresses[name] = [str(network[inside[number]])]
            continue
        addresses[name] = []
        while len(addresses[name]) < max(1, rng.randint(*kind.addresses)):
            one = f"{rng.choice(OUTSIDE_OCTETS[group])}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randint(1, 254)}"
            if one not in used:
                used.add(one)
                addresses[name].append(one)
    return str(network), addresses


def _line(rng, kind):
    """How a host is connected, and how its kernel speaks."""
    is_far = not kind.is_inside  # attackers as much as clients: a short way must not give them away
    receive = rng.choice(("4096 131072 6291456", "4096 16384 1048576", "4096 65536 4194304", "4096 87380 2097152"))
    return {
        "delay_ms": rng.choice((rng.uniform(0, 3), rng.uniform(0, 60), rng.uniform(0, 60))) if is_far else rng.uniform(0, 2),
        "jitter_ms": rng.choice((0, 0, 0.5, 3)) if is_far else 0.0,
        "loss_percent": rng.choice((0, 0, 0, 0.05, 0.2, 1)) if is_far else 0.0,
        "mtu": rng.choice((1500, 1500, 1500, 1492, 1420, 1280)) if is_far else 1500,
        "has_offloads": rng.random() < 0.5,
        "ttl": rng.choice((64, 64, 128)) - rng.randint(0, 20),
        "kernel": {
            "net/ipv4/tcp_timestamps": str(int(rng.random() < 0.7)),
            "net/ipv4/tcp_sack": str(int(rng.random() < 0.9)),
            "net/ipv4/tcp_window_scaling": str(int(rng.random() < 0.9)),
            "net/ipv4/tcp_rmem": receive,
        },
    }


def _users(rng, set_name, hosts, addresses, names, seconds):
    users = []

    def add(application, use, host, server):
        start = rng.uniform(0, seconds / 3) if rng.random() < 0.5 else 0.0
        users.append({
            "application": application.name, "life": use.life.__name__, "host": host,
            "source": rng.choice(addresses[host]), "sources": addresses[host], "server": addresses[server][0],
            "port": application.ports[0] if application.ports else 0, "seed": rng.randrange(2**32),
            "start": start, "seconds": seconds - start if rng.random() < 0.6 else rng.uniform(0.3, 1) * (seconds - start)})

    def servers_of(application, kind_names):
        return [name for name, kind in hosts.items() if kind.kind in kind_names
                and (application.server is None or application.server in kind.servers)]

    for application in applications_of(set_name):
        if application.name not in names:
            continue
        presence = PRESENCE if application.is_held_out or set_name != "test" else KNOWN_IN_TEST
        if application.server in AIMED_AT:
            presence = 0.95
        servers = servers_of(application, ("server",))
        if servers and rng.random() < presence:
            for use in application.uses:
                able = [name for name, kind in hosts.items() if kind.kind in use.where]
                for _ in range(rng.randint(*use.count)):
                    add(application, use, rng.choice(able), rng.choice(servers))
        # The other way: servers and the office go out.
        peers = servers_of(application, ("peer",))
        if peers and rng.random() < presence / 2:
            use = rng.choice(application.uses)
            add(application, use, rng.choice([name for name, kind in hosts.items() if kind.is_inside]), peers[0])
    return users


def floods_in_turn(rng, set_name, names):
    """All floods of a set in a drawn order, again and again: in few episodes as many kinds as there is room for."""
    floods = [flood for flood in FLOODS if flood.is_held_out == (set_name == "test") and flood.name in names]
    while floods:
        rng.shuffle(floods)
        yield from floods


def _attacks(rng, set_name, hosts, addresses, network, turn, seconds):
    """Some bots, each with one attack after the other."""
    bots = [name for name, kind in hosts.items() if kind.kind == "bot"]
    attacks = []
    for bot in rng.sample(bots, min(len(bots), rng.choice(ATTACKERS))):
        start = rng.uniform(1, seconds / 4)
        while start < seconds - 4 and (flood := next(turn, None)):
            low, high = SLOW_SECONDS if flood.kind.startswith("slow") else rng.choice(ATTACK_SECONDS)
            attack_seconds = min(rng.uniform(low, high), seconds - start - 1)
            attacks.append({**_attack(rng, set_name, hosts, addresses, network, bot, flood, attack_seconds),
                            "start": start, "seconds": attack_seconds})
            start += attack_seconds + rng.uniform(1, 3)
    return sorted(attacks, key=lambda attack: attack["start"])


def _attack(rng, set_name, hosts, addresses, network, bot, flood, seconds):
    kinds = ("server",) if flood.kind.startswith(NEEDS_SERVER) or rng.random() < 0.9 else ("office",)
    victim = rng.choice([name for name, kind in hosts.items() if kind.kind in kinds])
    if set_name == "test" and kinds == ("server",) and rng.random() < 0.5:
        victim = "held"
    target = Target(address=addresses[victim][0], http_port=80, https_port=443, dns_port=53,
                    own_addresses=tuple(addresses[bot]), open_tcp_ports=_open_ports(hosts[victim]), mac=ROUTER_MAC,
                    device=DEVICE, network=network)
    return {"flood": flood.name, "kind": flood.kind, "program": flood.program, "host": bot, "victim": victim,
            "victim_address": target.address, "command": [str(word) for word in flood.command(rng, target, seconds)]}


def _open_ports(kind):
    return tuple(port for server in kind.servers for port in SERVERS[server].waits_for)


def _services(set_name, hosts, addresses, network):
    entries = [{"address": addresses[name][0], "protocol": one.protocol, "port": port, "application": one.name}
               for name, kind in hosts.items() for one in applications_of(set_name)
               if one.server in kind.servers for port in one.ports]
    entries += [{"address": addresses[name][0], "protocol": TCP, "port": 53, "application": "dns"}
                for name, kind in hosts.items() if "dnsmasq" in kind.servers]
    entries += [{"address": "*", "protocol": one.protocol, "port": port, "application": one.name}
                for one in applications_of(set_name) if one.server is None for port in one.ports]
    entries += [{"address": "*", "protocol": TCP, "port": port, "application": "closed-port"} for port in KNOCKED_PORTS]
    entries += [{"address": str(address), "protocol": TCP, "port": port, "application": "no-host"}
                for address in list(ipaddress.ip_network(network))[200:251] for port in (80, 443, 22, 5432)]
    return entries


def draw(rng, set_name, names, turn, seconds):
    """`names`: of the applications that are there and wanted; `turn` gives the floods. Returns an episode's facts."""
    hosts = hosts_of(set_name)
    network, addresses = _addresses(rng, set_name, hosts)
    return {
        "set": set_name, "seconds": seconds, "network": network,
        "hosts": {name: {"addresses": addresses[name], "line": _line(rng, kind)} for name, kind in hosts.items()},
        "users": _users(rng, set_name, hosts, addresses, names, seconds),
        "attacks": _attacks(rng, set_name, hosts, addresses, network, turn, seconds),
        "services": _services(set_name, hosts, addresses, network),
    }


# ---------------------------------------------------------------- running
def _start_workers(lab, facts, scratch, shared):
    workers = []
    for host in lab.hosts:
        users = [user for user in facts["users"] if user["host"] == host]
        if not users:
            continue
        plan, result = scratch / f"plan-{host}.json", scratch / f"result-{host}.json"
        plan.write_text(json.dumps({"users": users, "shared": str(shared), "seconds": facts["seconds"]}), encoding="utf-8")
        said = open(scratch / f"said-{host}", "w+", encoding="utf-8")
        folder = scratch / f"work-{host}"
        folder.mkdir(exist_ok=True)
        child = lab.start(host, [sys.executable, HERE / "worker.py", plan, result], stderr=said, cwd=folder)
        workers.append((host, child, result, said))
    return workers


def _finish_workers(workers):
    """What came of all uses; a use's failures are counted, a worker's are raised."""
    results = {}
    deadline = time.monotonic() + 8
    for host, worker, result, said in workers:
        try:
            worker.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.kill()
        said.seek(0)
        text = said.read()
        said.close()
        if not result.exists():
            raise RuntimeError(f"the users of {host} did not finish: {text[-1000:]}")
        for name, entry in json.loads(result.read_text(encoding="utf-8")).items():
            total = results.setdefault(name, {"tries": 0, "failures": 0, "why": ""})
            total["tries"] += entry["tries"]
            total["failures"] += entry["failures"]
            total["why"] = total["why"] or entry["why"]
        result.unlink()
    return results


class Attack:
    """An attack while it runs, and what its host sends meanwhile."""

    def __init__(self, lab, facts, path, scratch):
        self.facts, self.end = facts, facts["start"] + facts["seconds"] + GRACE_S
        self.capture = Capture(lab, lab.outside, lab.hosts[facts["host"]].port, path.with_name(facts["sent"]),
                               SENT_SNAP_BYTES, only_incoming=True)
        self.said = open(scratch / f"said-{facts['host']}", "w+", encoding="utf-8", errors="replace")
        self.child = lab.start(facts["host"], facts["command"], stdout=self.said, stderr=self.said, cwd=scratch)

    def stop(self, lab):
        """Ends what still runs; its last packets are captured before close()."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGKILL)
            self.child.wait()
        lab.kill_all(self.facts["host"])
        self.facts["exit_code"] = self.child.returncode
        self.said.seek(0)
        self.facts["said"] = self.said.read()[-300:]
        self.said.close()

    def close(self):
        self.facts["capture"] = self.capture.stop()


def _play(lab, facts, path, scratch):
    """Starts each attack at its time, and ends it."""
    begin = time.monotonic()

    def sleep_until(when):
        time.sleep(max(0.0, begin + when - time.monotonic()))

    waiting, running, stopped = list(facts["attacks"]), [], []
    while waiting or running:
        first = min(running, key=lambda attack: attack.end, default=None)
        if waiting and (first is None or waiting[0]["start"] < first.end):
            sleep_until(waiting[0]["start"])
            running.append(Attack(lab, waiting.pop(0), path, scratch))
        else:
            sleep_until(first.end)
            first.stop(lab)
            running.remove(first)
            stopped.append(first)
    sleep_until(facts["seconds"])
    for attack in stopped:
        attack.close()


def run(lab, facts, path, scratch, shared):
    """Writes path.pcap, path.csv and path.json, and for each attack one path-HOST-N.pcap of what its host sent."""
    lab.connect(facts["hosts"], facts["network"])
    uplink_path = path.with_suffix(".pcap")
    for number, attack in enumerate(facts["attacks"]):
        attack["sent"] = f"{path.name}-{attack['host']}-{number}.pcap"
    uplink = Capture(lab, lab.inside, UPLINK, uplink_path, SNAP_BYTES)
    workers = _start_workers(lab, facts, scratch, shared)
    _play(lab, facts, path, scratch)
    facts["uses"] = _finish_workers(workers)
    time.sleep(0.7)  # what is still on its way, and what tcpdump has not read yet
    facts["capture"] = uplink.stop()
    facts["flows"] = write_labels(facts, uplink_path, [(attack, path.with_name(attack["sent"])) for attack in facts["attacks"]],
                                  path.with_suffix(".csv"))
    path.with_suffix(".json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return facts
