# SPDX-License-Identifier: Apache-2.0
"""Floods of packets for training: hping3, nping, mausezahn, trafgen and our own raw_flood.py."""
from flood_model import (HERE, Flood, bounded, false_address, far_address, near_address, packet_rate, payload_bytes,
                         raw_source, shell, tcp_port, time_to_live)

WINDOWS = (0, 512, 1024, 8192, 29200, 64240, 65535)
ICMP_TYPES = (0, 3, 5, 8, 11, 13)
# What amplifiers answer from, and how long their answers are.
AMPLIFIERS = {53: (500, 1400), 123: (440, 468), 1900: (250, 450), 11211: (1000, 1400), 389: (1000, 1400)}


# --- hping3 -------------------------------------------------------------------------------------------------

def hping3(rng, target, seconds, *arguments, most=12000):
    """Its own pace falls behind: asked for one packet each 66 us it sends one each 100 us."""
    rate = packet_rate(rng, most)
    source = rng.choice(("own", "fixed", "random", "random"))
    spoof = {"own": (), "fixed": ("--spoof", false_address(rng, target)), "random": ("--rand-source",)}[source]
    return bounded(seconds, "hping3", "--quiet", "--numeric", "--interval", f"u{max(1, 1000000 // rate)}",
                   "--count", max(1, int(rate * seconds)), "--ttl", time_to_live(rng), *spoof, *arguments, target.address)


def hping3_tcp(*flags, may_have_data=False):
    def command(rng, target, seconds):
        arguments = [*flags, "--win", rng.choice(WINDOWS)]
        ports = rng.choice(("fixed", "fixed", "incrementing"))
        arguments += ["--destport", tcp_port(rng, target) if ports == "fixed" else f"++{rng.randint(1, 50000)}"]
        if rng.random() < 0.3:
            arguments += ["--baseport", rng.randint(1024, 60000), "--keep"]
        if "--syn" in flags and rng.random() < 0.5:
            arguments += ["--tcp-mss", rng.choice((536, 1400, 1460))]
        if may_have_data:
            arguments += ["--data", payload_bytes(rng)]
        return hping3(rng, target, seconds, *arguments)
    return command


def hping3_udp(rng, target, seconds):
    port = rng.choice((target.dns_port, 123, 443, rng.randint(1, 65535), f"++{rng.randint(1, 50000)}"))
    return hping3(rng, target, seconds, "--udp", "--destport", port, "--data", payload_bytes(rng))


def hping3_icmp(rng, target, seconds):
    return hping3(rng, target, seconds, "--icmp", "--data", payload_bytes(rng))


def hping3_icmp_types(rng, target, seconds):
    return hping3(rng, target, seconds, "--icmp", "--icmptype", rng.choice((0, 13, 17)), "--force-icmp")


def hping3_fragments(rng, target, seconds):
    """Each datagram leaves as two to six fragments."""
    return hping3(rng, target, seconds, "--udp", "--destport", rng.randint(1, 65535), "--frag",
                  "--mtu", rng.choice((256, 512)), "--data", rng.randint(600, 1400), most=3000)


# --- nping --------------------------------------------------------------------------------------------------

NPING_MOST = 1000  # a second: nping counts in whole milliseconds, and knows no pace above


def nping(rng, target, seconds, *arguments):
    """One process for each source; together they make the rate."""
    processes = rng.randint(1, 6)
    rate = rng.choice((250, 500, NPING_MOST))
    script = "for source; do nping {} --source-ip $source {} & done; wait".format(
        " ".join(map(str, arguments)),
        f"--rate {rate} --count {int(rate * seconds)} --ttl {time_to_live(rng)} --no-capture --hide-sent -q4 "
        f"--interface {target.device} --dest-mac {target.mac} {target.address}")
    is_own = rng.random() < 0.2
    sources = [target.own_addresses[0] if is_own else false_address(rng, target) for _ in range(processes)]
    return shell(seconds, script, *sources)


def nping_tcp(flags):
    def command(rng, target, seconds):
        return nping(rng, target, seconds, "--tcp", "--flags", flags, "--dest-port", tcp_port(rng, target),
                     "--win", rng.choice(WINDOWS), "--source-port", rng.randint(1024, 60000))
    return command


def nping_udp(rng, target, seconds):
    first = rng.randint(1, 60000)
    ports = rng.choice((str(first), f"{first}-{first + rng.randint(10, 900)}"))
    return nping(rng, target, seconds, "--udp", "--dest-port", ports, "--source-port", rng.randint(1024, 60000),
                 "--data-length", max(1, payload_bytes(rng)))


def nping_icmp(rng, target, seconds):
    return nping(rng, target, seconds, "--icmp", "--icmp-type", 8, "--data-length", max(1, payload_bytes(rng)))


# --- mausezahn ----------------------------------------------------------------------------------------------

def mausezahn(rng, target, seconds, *arguments):
    rate = packet_rate(rng, 12000)
    delay_us = max(1, 1000000 // rate - 85)  # what mausezahn itself takes for a packet
    source = rng.choice(("rand", "rand", false_address(rng, target), target.own_addresses[0], target.network))
    return bounded(seconds, "mausezahn", target.device, "-q", "-b", target.mac, "-A", source, "-B", target.address,
                   "-d", f"{delay_us}u", "-c", max(1, int(rate * seconds)), *arguments)


def mausezahn_tcp(flags):
    def command(rng, target, seconds):
        source_port = rng.choice(("1024-65535", rng.randint(1024, 65535)))
        return mausezahn(rng, target, seconds, "-t", "tcp",
                         f"dp={tcp_port(rng, target)},sp={source_port},flags={flags},win={rng.choice(WINDOWS)}")
    return command


def mausezahn_udp(rng, target, seconds):
    destination = rng.choice(("1-65535", rng.randint(1, 65535), target.dns_port))
    return mausezahn(rng, target, seconds, "-t", "udp", f"dp={destination},sp={rng.randint(1024, 65535)}",
                     "-p", max(1, payload_bytes(rng)))


def mausezahn_icmp(rng, target, seconds):
    return mausezahn(rng, target, seconds, "-t", "icmp", "ping", "-P", "x" * rng.choice((8, 56, 500, 1400)))


def mausezahn_dns(rng, target, seconds):
    return mausezahn(rng, target, seconds, "-t", "dns", f"q=h{rng.randrange(1000)}.lab.example")


# --- trafgen ------------------------------------------------------------------------------------------------

def trafgen(rng, target, seconds, layer4, source=None):
    rate = packet_rate(rng)
    source = source or rng.choice(("drnd()", "drnd()", false_address(rng, target), target.own_addresses[0]))
    packet = (f"{{ eth(da={target.mac}), ipv4(saddr={source}, da={target.address}, ttl={time_to_live(rng)}, id=drnd()), "
              f"{layer4} }}")
    # Its --rate would send all packets of a second at once; a gap spreads them.
    return bounded(seconds, "trafgen", "--dev", target.device, "--cpus", 1, "--gap", f"{1000000 // rate}us",
                   "--no-sock-mem", "--num", max(1, int(rate * seconds)), packet)


def trafgen_tcp(flags):
    def command(rng, target, seconds):
        source_port = rng.choice(("drnd()", "dinc(1024, 65000)", rng.randint(1024, 65000)))
        acknowledged = "ackseq=drnd(), " if "ack" in flags else ""
        return trafgen(rng, target, seconds, f"tcp(sp={source_port}, dp={tcp_port(rng, target)}, seq=drnd(), "
                                             f"{acknowledged}win={rng.choice(WINDOWS)}, {flags})")
    return command


def trafgen_udp(rng, target, seconds):
    destination = rng.choice(("drnd()", "dinc(1, 65000)", rng.randint(1, 65000)))
    return trafgen(rng, target, seconds, f"udp(sp=drnd(), dp={destination}), fill('x', {max(1, payload_bytes(rng))})")


def trafgen_reflection(rng, target, seconds):
    port = rng.choice(tuple(AMPLIFIERS))
    return trafgen(rng, target, seconds, source="drnd()", layer4=f"udp(sp={port}, dp={rng.randint(1024, 65000)}), "
                   f"rnd({rng.randint(*AMPLIFIERS[port])})")


# --- raw_flood.py -------------------------------------------------------------------------------------------

def raw(rng, target, seconds, *arguments, source=None, most=15000):
    rate = packet_rate(rng, most)
    return [str(HERE / "raw_flood.py"), "--device", target.device, "--mac", target.mac, "--destination", target.address,
            "--source", source or raw_source(rng, target), "--rate", str(rate), "--seconds", f"{seconds:.2f}",
            "--count", str(max(1, int(rate * seconds))), "--seed", str(rng.randrange(1 << 31)), *map(str, arguments)]


def raw_ttl(rng):
    return rng.choice((time_to_live(rng), "random", "52,53,54,117,118"))


def raw_tcp(flags, options=("none",), may_have_data=False):
    def command(rng, target, seconds):
        ports = rng.choice((tcp_port(rng, target), ",".join(map(str, target.open_tcp_ports)), "increment", "random"))
        payload = payload_bytes(rng) if may_have_data else 0
        return raw(rng, target, seconds, "--protocol", "tcp", "--flags", flags, "--options", rng.choice(options),
                   "--ports", ports or tcp_port(rng, target),
                   "--source-ports", rng.choice(("random", "increment", rng.randint(1024, 65000))),
                   "--window", rng.choice((*WINDOWS, "random")), "--ttl", raw_ttl(rng),
                   "--payload", f"0-{payload}" if rng.random() < 0.5 else payload)
    return command


def raw_udp(rng, target, seconds):
    low = payload_bytes(rng)
    return raw(rng, target, seconds, "--protocol", "udp", "--ports", rng.choice((rng.randint(1, 65535), "increment", "random")),
               "--source-ports", rng.choice(("random", "increment", rng.randint(1024, 65000))), "--ttl", raw_ttl(rng),
               "--payload", rng.choice((low, f"{low}-1400", f"0-{low}")))


def raw_dns_query(rng, target, seconds):
    return raw(rng, target, seconds, "--protocol", "udp", "--content", "dns-query", "--payload", "34-60",
               "--ports", target.dns_port, "--ttl", raw_ttl(rng))


def raw_reflection(rng, target, seconds):
    """Large answers that nobody asked for, from many servers of one service."""
    port = rng.choice(tuple(AMPLIFIERS))
    low, high = AMPLIFIERS[port]
    servers = ",".join(far_address(rng) for _ in range(rng.choice((8, 40, 200))))
    return raw(rng, target, seconds, "--protocol", "udp", "--content", "dns-answer" if port == 53 else "noise",
               "--source-ports", port, "--ports", rng.choice((rng.randint(1024, 65000), "random")), "--ttl", "random",
               "--payload", f"{low}-{high}", source=rng.choice(("fixed:" + servers, "random")))


def raw_icmp(rng, target, seconds):
    return raw(rng, target, seconds, "--protocol", "icmp", "--payload", rng.choice((0, 56, 1400, "0-1400")),
               "--ttl", raw_ttl(rng))


def raw_icmp_types(rng, target, seconds):
    return raw(rng, target, seconds, "--protocol", "icmp", "--icmp-type", rng.choice(ICMP_TYPES),
               "--icmp-code", rng.choice((0, 1, 3)), "--payload", rng.choice((28, 56)), "--ttl", raw_ttl(rng))


def raw_neighbours_syn(rng, target, seconds):
    sources = ",".join(near_address(rng, target) for _ in range(rng.randint(2, 60)))
    return raw(rng, target, seconds, "--flags", "S", "--ports", tcp_port(rng, target), "--options",
               rng.choice(("linux", "windows")), source="fixed:" + sources)


def _floods(program, packages, executable, table):
    return tuple(Flood(f"{program}-{name}", kind, program, packages, executable, False, command)
                 for name, kind, command in table)


SYN_OPTIONS = ("none", "linux", "linux", "windows")
PACKET_FLOODS = (
    *_floods("hping3", ("hping3",), "hping3", (
        ("syn", "syn", hping3_tcp("--syn")),
        ("syn-ack", "syn-ack", hping3_tcp("--syn", "--ack")),
        ("ack", "ack", hping3_tcp("--ack", may_have_data=True)),
        ("rst", "rst", hping3_tcp("--rst")),
        ("fin", "fin", hping3_tcp("--fin")),
        ("xmas", "xmas", hping3_tcp("--fin", "--push", "--urg")),
        ("null", "null", hping3_tcp()),
        ("udp", "udp", hping3_udp),
        ("icmp", "icmp", hping3_icmp),
        ("icmp-types", "icmp", hping3_icmp_types),
        ("fragments", "fragment", hping3_fragments))),
    *_floods("nping", ("nmap",), "nping", (
        ("syn", "syn", nping_tcp("syn")),
        ("ack", "ack", nping_tcp("ack")),
        ("rst", "rst", nping_tcp("rst")),
        ("udp", "udp", nping_udp),
        ("icmp", "icmp", nping_icmp))),
    *_floods("mausezahn", ("netsniff-ng",), "mausezahn", (
        ("syn", "syn", mausezahn_tcp("syn")),
        ("ack", "ack", mausezahn_tcp("ack")),
        ("udp", "udp", mausezahn_udp),
        ("icmp", "icmp", mausezahn_icmp),
        ("dns-query", "dns-query", mausezahn_dns))),
    *_floods("trafgen", ("netsniff-ng",), "trafgen", (
        ("syn", "syn", trafgen_tcp("syn")),
        ("syn-ack", "syn-ack", trafgen_tcp("syn, ack")),
        ("ack", "ack", trafgen_tcp("ack")),
        ("push", "ack", trafgen_tcp("psh, ack")),
        ("udp", "udp", trafgen_udp),
        ("reflection", "dns-reflection-like", trafgen_reflection))),
    *_floods("raw_flood", ("python3-numpy",), str(HERE / "raw_flood.py"), (
        ("syn", "syn", raw_tcp("S", SYN_OPTIONS)),
        ("syn-neighbours", "syn", raw_neighbours_syn),
        ("syn-ack", "syn-ack", raw_tcp("SA", SYN_OPTIONS)),
        ("ack", "ack", raw_tcp("A,A,PA", ("none", "timestamp"), may_have_data=True)),
        ("rst", "rst", raw_tcp("R,RA")),
        ("fin", "fin", raw_tcp("F,FA", ("none", "timestamp"))),
        ("xmas", "xmas", raw_tcp("FPU")),
        ("null", "null", raw_tcp("")),
        ("udp", "udp", raw_udp),
        ("dns-query", "dns-query", raw_dns_query),
        ("reflection", "dns-reflection-like", raw_reflection),
        ("icmp", "icmp", raw_icmp),
        ("icmp-types", "icmp", raw_icmp_types))),
)
