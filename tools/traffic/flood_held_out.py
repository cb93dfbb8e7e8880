# SPDX-License-Identifier: Apache-2.0
"""Floods of programs that training never sees: t50, packit, siege, slowhttptest and httperf."""
from flood_model import (Flood, bounded, connection_rate, false_address, log_uniform, packet_rate, payload_bytes, shell,
                         tcp_port, time_to_live)

T50_ROUND_S = 0.075  # one start of t50 and the pause after it
NO_HOME = ("env", "HOME=/nonexistent")  # siege writes its settings there, and reads them back


def t50(protocol, *arguments, most=12000):
    """t50 knows no pace: short bursts make the rate.

    Of t50 5.8.7: a TCP segment has twelve octets of its checksum's pseudo header behind it and its reserved
    bits set; the checksums of TCP, UDP and ICMP are wrong: the victim drops these packets unanswered.
    """
    def command(rng, target, seconds):
        rounds = int(seconds / T50_ROUND_S) + 1
        burst = max(1, round(packet_rate(rng, most) * T50_ROUND_S))
        own = [*arguments, "--ttl", time_to_live(rng), "--threshold", burst]
        if protocol != "ICMP":
            own += ["--dport", tcp_port(rng, target) if protocol == "TCP" or rng.random() < 0.5 else target.dns_port]
        if rng.random() < 0.4:
            own += ["--saddr", false_address(rng, target)]
        script = 'rounds=$1; shift; for round in $(seq "$rounds"); do t50 "$@" > /dev/null 2>&1; sleep 0.05; done'
        return shell(seconds, script, rounds, target.address, "--protocol", protocol, *own)
    return command


def packit(protocol, *arguments):
    """A burst at the start of each second is the only pace of packit."""
    def command(rng, target, seconds):
        burst = packet_rate(rng, 5000)
        source = rng.choice((("-sR",), ("-sR",), ("-s", false_address(rng, target))))
        own = [*source, "-d", target.address, "-T", time_to_live(rng)]
        if protocol != "ICMP":
            port = tcp_port(rng, target) if protocol == "TCP" else rng.choice((target.dns_port, rng.randint(1, 65535)))
            own += ["-D", port, "-S", rng.choice(("R", rng.randint(1024, 65000)))]
        if protocol != "TCP" and rng.random() < 0.5:
            own += ["-p", "x" * max(1, payload_bytes(rng))]
        return bounded(seconds, "packit", "-m", "inject", "-t", protocol, *arguments, *own, "-i", target.device,
                       "-c", burst * (round(seconds) + 1), "-b", burst, "-w", 1)
    return command


def siege(body):
    """Each user waits half of its longest delay on the average, which makes the rate; connections are short."""
    def command(rng, target, seconds):
        users = rng.randint(10, 60)
        delay = max(0.02, 2 * users / connection_rate(rng, 1000))
        page = f"http://{target.address}:{target.http_port}/"
        if body:
            page += "login POST " + "user=flood&text=" + "x" * log_uniform(rng, 20, 2000)
        return bounded(seconds, *NO_HOME, "siege", "-q", "-c", users, "-d", f"{delay:.2f}", "-t",
                       f"{round(seconds) + 2}S", page)
    return command


def slowhttptest(mode):
    def command(rng, target, seconds):
        number = rng.randint(100, 800)
        return bounded(seconds, "slowhttptest", mode, "-c", number, "-r", max(50, number // 2), "-l", round(seconds) + 2,
                       "-i", rng.randint(1, 4), "-x", rng.randint(4, 32), "-v", 0,
                       "-u", f"http://{target.address}:{target.http_port}/")
    return command


def httperf(requests):
    def command(rng, target, seconds):
        rate = connection_rate(rng, 800 if requests == 1 else 100)
        return bounded(seconds + 1, "httperf", "--server", target.address, "--port", target.http_port, "--uri", "/",
                       "--rate", rate, "--num-conns", max(1, int(rate * seconds)), "--num-calls", requests,
                       "--timeout", 2, "--hog")
    return command


def _floods(program, table):
    return tuple(Flood(f"{program}-{name}", kind, program, (program,), program, True, command)
                 for name, kind, command in table)


HELD_OUT_FLOODS = (
    *_floods("t50", (
        ("syn", "syn", t50("TCP", "--syn")),
        ("syn-options", "syn", t50("TCP", "--syn", "--mss", 1460, "--sack-ok", "--wscale", 7)),
        ("syn-ack", "syn-ack", t50("TCP", "--syn", "--ack")),
        ("ack", "ack", t50("TCP", "--ack")),
        ("rst", "rst", t50("TCP", "--rst")),
        ("udp", "udp", t50("UDP")),
        ("icmp", "icmp", t50("ICMP")),
        ("icmp-timestamp", "icmp", t50("ICMP", "--icmp-type", 13)))),
    *_floods("packit", (
        ("syn", "syn", packit("TCP", "-F", "S")),
        ("ack", "ack", packit("TCP", "-F", "A")),
        ("rst", "rst", packit("TCP", "-F", "R")),
        ("udp", "udp", packit("UDP")),
        ("icmp", "icmp", packit("ICMP")))),
    *_floods("siege", (("get", "http-get", siege(body=False)), ("post", "http-post", siege(body=True)))),
    *_floods("slowhttptest", (
        ("headers", "slow-headers", slowhttptest("-H")),
        ("body", "slow-body", slowhttptest("-B")),
        ("read", "slow-read", slowhttptest("-X")))),
    *_floods("httperf", (("get", "http-get", httperf(1)), ("get-keep-alive", "http-get", httperf(20)))),
)
