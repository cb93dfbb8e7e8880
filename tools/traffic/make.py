#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Labelled traffic, to train and to test a detector of attacks.

A laboratory of network namespaces is set up once; then each episode is some seconds of benign applications, with
up to three attacks among them. For each it writes SET-NNN.pcap (what crossed the uplink), .csv (a label for each
flow) and .json (what was done). See README.md beside this file.
"""
import argparse
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
from applications import APPLICATIONS, applications_of, hosts_of  # noqa: E402
from episode import draw, floods_in_turn, run  # noqa: E402
from floods import FLOODS  # noqa: E402
from lab import Lab, build_router, thread_inside  # noqa: E402
from servers import SERVERS, Place, make_shared  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SEEDS = {"train": 1_000_000, "validation": 2_000_000, "test": 3_000_000}  # where each set's seeds begin, unless --seed says so
SERVER_WAIT_S = 30


def complain(text):
    print(f"traffic: {text}", file=sys.stderr, flush=True)


def flood_missing(flood):
    is_there = shutil.which(flood.executable) or os.path.exists(flood.executable)
    return () if is_there else flood.packages


def show_list():
    print(f"{'what':12} {'name':20} {'set':7} {'here':5} packages")
    for one in APPLICATIONS:
        server = SERVERS.get(one.server)
        packages = dict.fromkeys((server.packages if server else ()) + one.packages)
        print(f"{'application':12} {one.name:20} {'test' if one.is_held_out else 'all':7} "
              f"{'no' if one.missing() else 'yes':5} {' '.join(packages) or '-'}")
    for flood in FLOODS:
        print(f"{'flood':12} {flood.name:20} {'test' if flood.is_held_out else 'train':7} "
              f"{'no' if flood_missing(flood) else 'yes':5} {' '.join(flood.packages) or '-'}")


def available(set_name, only):
    """Names of the applications and floods that are of this set, wanted and here; says what is missing."""
    names = set()
    floods = [flood for flood in FLOODS if flood.is_held_out == (set_name == "test")]
    for one, missing in [(one, one.missing()) for one in applications_of(set_name)] + [
            (flood, flood_missing(flood)) for flood in floods]:
        if only and one.name not in only:
            continue
        if missing:
            complain(f"{one.name} is left out: install {' '.join(missing)}")
        else:
            names.add(one.name)
    known = {one.name for one in APPLICATIONS} | {flood.name for flood in FLOODS}
    for name in set(only) - known:
        raise RuntimeError(f"no application or flood is called {name}; --list shows them")
    return names


def wait_for_port(place, child, server, port):
    deadline = time.monotonic() + SERVER_WAIT_S
    while True:
        with thread_inside(place.lab.namespace(place.host)):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    return
        if child.poll() is not None or time.monotonic() > deadline:
            said = (place.folder / "said").read_text(encoding="utf-8", errors="replace")[-500:].strip()
            raise RuntimeError(f"{server} on {place.host}: port {port} does not answer: {said}")
        time.sleep(0.05)


def start_servers(lab, set_name, names, scratch, rng):
    wanted = {one.server for one in APPLICATIONS if one.name in names}
    started = []
    for host, kind in hosts_of(set_name).items():
        for name in kind.servers:
            server = SERVERS[name]
            if name not in wanted and name not in ("nginx", "dnsmasq", "apache"):  # these are what attacks aim at
                continue
            if any(shutil.which(program) is None for program in server.executables):
                complain(f"{name} on {host} is left out: install {' '.join(server.packages)}")
                continue
            folder = scratch / f"{host}-{name}"
            folder.mkdir()
            place = Place(lab, host, folder, scratch / "shared", rng)
            with open(folder / "said", "wb") as said:
                children = [lab.start(host, command, cwd=folder, stdout=said, stderr=said)
                            for command in server.start(place)]
            started.append((server, place, children[0]))
    for server, place, child in started:
        for port in server.waits_for:
            wait_for_port(place, child, server.name, port)
        if server.fill:
            server.fill(place)


def total(counts):
    return sum(counts.values())


def report(name, facts, took):
    attacks = ", ".join(f"{attack['flood']} on {attack['victim']} ({attack['capture']['packets']} packets)"
                        for attack in facts["attacks"]) or "no attack"
    dropped = facts["capture"]["dropped"] + sum(attack["capture"]["dropped"] for attack in facts["attacks"])
    failures = sum(use["failures"] for use in facts["uses"].values())
    print(f"{name}: {facts['capture']['packets']} packets, {total(facts['flows']['benign'])} benign and "
          f"{total(facts['flows']['attack'])} attack flows; {attacks}; {failures} of "
          f"{sum(use['tries'] for use in facts['uses'].values())} uses failed"
          f"{f'; {dropped} PACKETS LOST in capture' if dropped else ''}; {took:.0f} s", flush=True)


def generate(options, scratch):
    names = available(options.set, options.only)
    if options.kinds:
        names -= {flood.name for flood in FLOODS if not flood.kind.startswith(options.kinds)}
    options.out.mkdir(parents=True, exist_ok=True)
    seed = SEEDS[options.set] if options.seed is None else options.seed
    shared = scratch / "shared"
    shared.mkdir()
    make_shared(shared, random.Random(seed))
    hosts = hosts_of(options.set)
    with Lab([name for name, kind in hosts.items() if kind.is_inside],
             [name for name, kind in hosts.items() if not kind.is_inside], build_router(scratch)) as lab:
        start_servers(lab, options.set, names, scratch, random.Random(seed))
        print(f"{len(hosts)} hosts, {len(names)} applications and floods; writing to {options.out}", flush=True)
        turn = floods_in_turn(random.Random(seed + options.first), options.set, names)
        for number in range(options.first, options.first + options.episodes):
            begin = time.monotonic()
            facts = {"seed": seed + number,
                     **draw(random.Random(seed + number), options.set, names, turn, options.seconds)}
            name = f"{options.set}-{number:03}"
            run(lab, facts, options.out / name, scratch, shared)
            report(name, facts, time.monotonic() - begin)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build/traffic", metavar="DIR",
                        help="where the files go (build/traffic)")
    parser.add_argument("--set", choices=SEEDS, default="train",
                        help="test has floods and applications that the others have not, and other addresses")
    parser.add_argument("--episodes", type=int, default=10, metavar="N", help="how many (10)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first episode (0): to add some")
    parser.add_argument("--kinds", default="", metavar="KIND,...", help="only floods whose kind begins so: http,slow")
    parser.add_argument("--seconds", type=float, default=30, metavar="S", help="of each (30)")
    parser.add_argument("--seed", type=int, metavar="N", help="of the first episode; each further one has the next")
    parser.add_argument("--only", default="", metavar="NAME,...", help="only these applications and floods")
    parser.add_argument("--list", action="store_true", help="show applications and floods, and whether they are here")
    options = parser.parse_args()
    options.kinds = tuple(kind for kind in options.kinds.split(",") if kind)
    options.only = [name for name in options.only.split(",") if name]
    if options.episodes < 1 or options.seconds < 5:
        parser.error("at least one episode of 5 seconds")
    return options


def main():
    options = parse()
    if options.list:
        show_list()
        return 0
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the caller ignores it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    if os.geteuid() != 0:
        sys.exit("traffic: needs root: network namespaces are made")
    scratch = Path(tempfile.mkdtemp(prefix="weir-traffic-"))
    os.environ["TMPDIR"] = str(scratch)  # of all programs: what they leave goes with it
    scratch.chmod(0o755)  # some servers read their files as another user
    try:
        generate(options, scratch)
    except KeyboardInterrupt:
        return 130
    except RuntimeError as error:
        complain(error)
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
