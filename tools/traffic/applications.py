# SPDX-License-Identifier: Apache-2.0
"""The benign applications: where their servers stand, which ports they have, and how they are used.

An application whose programs are missing is left out, with its packages named; so is a server.
"""
import shutil
from dataclasses import dataclass
from typing import Callable

import users_services as services
import users_streams as streams
import users_web as web
from servers import IPERF_PORTS, SERVERS

TCP, UDP, ICMP = 6, 17, 1
ANYWHERE = ("home", "crowd", "nat")


@dataclass(frozen=True)
class Use:
    """So many users (least, most) live this life; `where` is the kind of host, see HOSTS."""
    life: Callable
    count: tuple[int, int] = (1, 1)
    where: tuple[str, ...] = ANYWHERE


@dataclass(frozen=True)
class Application:
    """`server` is None where any host will do. `executables` are those of its users."""
    name: str
    server: str | None
    protocol: int
    ports: tuple[int, ...]
    uses: tuple[Use, ...]
    packages: tuple[str, ...] = ()
    executables: tuple[str, ...] = ()
    is_held_out: bool = False

    def missing(self):
        """The packages to install before it runs; empty where it does."""
        wanted = []
        server = SERVERS.get(self.server)
        for owner in (self, server) if server else (self,):
            if any(shutil.which(program) is None for program in owner.executables):
                wanted += owner.packages
        return tuple(dict.fromkeys(wanted))


CROWD, NAT = ("crowd",), ("nat",)
CURL, WGET = ("curl", "wget"), ("curl", "wget")
APPLICATIONS = (
    Application("http", "nginx", TCP, (80,), (
        Use(web.browse, (1, 3)), Use(web.single, (1, 3)), Use(web.keep_alive, (0, 2)), Use(web.script, (0, 1)),
        Use(web.upload, (0, 2)), Use(web.health, (0, 3)), Use(web.slow, (0, 3)), Use(web.crowd, (1, 2), NAT),
        Use(web.crowd, (1, 2), CROWD)), CURL, WGET),
    Application("https", "nginx", TCP, (443,), (
        Use(web.browse, (1, 3)), Use(web.single, (0, 2)), Use(web.keep_alive, (0, 2)), Use(web.upload, (0, 1)),
        Use(web.crowd, (0, 1), NAT), Use(web.crowd, (0, 1), CROWD)), CURL, WGET),
    Application("video", "nginx", TCP, (8080,), (
        Use(web.video, (1, 3)), Use(web.download, (0, 2))), ("curl",), ("curl",)),
    Application("dns", "dnsmasq", UDP, (53,), (
        Use(services.dig, (1, 2)), Use(services.resolve, (1, 3)), Use(services.resolve, (0, 1), CROWD)),
        ("bind9-dnsutils",), ("dig",)),
    Application("ssh", "sshd", TCP, (22,), (
        Use(services.ssh, (1, 3)), Use(services.scp, (0, 2))), ("openssh-client",), ("ssh", "sftp")),
    Application("rsync", "rsync", TCP, (873,), (Use(services.rsync, (1, 2)),), ("rsync",), ("rsync",)),
    Application("ftp", "vsftpd", TCP, (21, *range(30000, 31000)), (
        Use(services.ftp, (1, 2)),), ("lftp", "curl"), ("lftp", "curl")),
    Application("smtp", "exim", TCP, (25,), (Use(services.mail, (1, 2)),), ("swaks",), ("swaks",)),
    Application("postgresql", "postgresql", TCP, (5432,), (
        Use(services.psql, (1, 2)), Use(services.pgbench, (0, 2))), ("postgresql",), ("psql", "pgbench")),
    Application("redis", "redis", TCP, (6379,), (
        Use(services.redis, (1, 2)), Use(services.redis_benchmark, (0, 1))), ("redis-tools",), ("redis-cli",)),
    Application("memcached", "memcached", TCP, (11211,), (Use(services.memcached, (1, 4)),)),
    Application("iperf3", "iperf3", TCP, IPERF_PORTS, (Use(streams.iperf_tcp),), ("iperf3",), ("iperf3",)),
    Application("iperf3-udp", "iperf3", UDP, IPERF_PORTS, (Use(streams.iperf_udp),), ("iperf3",), ("iperf3",)),
    Application("ping", None, ICMP, (), (
        Use(streams.ping, (1, 4)), Use(streams.fping, (0, 2))), ("iputils-ping", "fping"), ("ping", "fping")),
    Application("ntp", "small", UDP, (123,), (Use(services.ntp, (1, 3)),)),
    Application("syslog", "small", UDP, (514,), (
        Use(streams.syslog, (1, 3)), Use(streams.logger, (0, 1))), ("bsdutils",), ("logger",)),
    Application("netflow", "small", UDP, (2055,), (Use(streams.netflow, (1, 2)),)),
    Application("rtp", "small", UDP, (5004,), (Use(streams.rtp, (1, 4)),)),
    Application("rtp-call", "small", UDP, (5006,), (Use(streams.rtp, (1, 4)),)),
    Application("websocket", "small", TCP, (9001,), (Use(web.idle, (1, 1), CROWD), Use(web.idle, (0, 1), NAT))),
    Application("long-poll", "small", TCP, (9002,), (Use(web.long_poll, (1, 2)),)),
    Application("feed", "small", TCP, (9003,), (Use(web.feed, (1, 2)),)),
    Application("shop", "small", TCP, (8000,), (Use(web.crowd, (1, 2), NAT), Use(web.crowd, (0, 2), CROWD))),
    Application("multicast", None, UDP, (5353, 1900), (Use(streams.multicast, (1, 4)),)),
    Application("closed-port", None, TCP, streams.CLOSED_PORTS, (Use(streams.closed, (1, 3)),)),
    Application("no-host", None, TCP, (), (Use(streams.nobody, (1, 2)),)),
    Application("monitor", None, TCP, (), (Use(streams.knock, (1, 2)),)),
    Application("apache", "apache", TCP, (80,), (
        Use(web.mirror, (1, 3)), Use(web.browse, (1, 2)), Use(web.single, (1, 2)), Use(web.crowd, (1, 1), NAT),
        Use(web.crowd, (1, 1), CROWD)), CURL, WGET, True),
    Application("apache-tls", "apache", TCP, (443,), (Use(web.mirror, (1, 2)), Use(web.browse)), CURL, WGET, True),
    Application("lighttpd", "lighttpd", TCP, (8088,), (
        Use(web.mirror, (1, 2)), Use(web.download, (1, 2)), Use(web.keep_alive, (0, 2))), CURL, WGET, True),
    Application("mariadb", "mariadb", TCP, (3306,), (Use(services.mariadb, (2, 4)),),
                ("mariadb-client",), ("mariadb", "mariadb-slap"), True),
    Application("mqtt", "mosquitto", TCP, (1883,), (Use(services.mqtt, (3, 8)),),
                ("mosquitto-clients",), ("mosquitto_pub", "mosquitto_sub"), True),
    Application("sip", "sipp", UDP, (5060,), (Use(services.sip, (1, 2)),), ("sip-tester",), ("sipp",), True),
)


@dataclass(frozen=True)
class HostKind:
    """`addresses`: the least and the most that it has in an episode."""
    kind: str
    is_inside: bool
    addresses: tuple[int, int] = (1, 1)
    servers: tuple[str, ...] = ()
    is_held_out: bool = False


WEB = ("nginx", "dnsmasq")
HOSTS = {
    "front": HostKind("server", True, servers=(*WEB, "sshd", "iperf3", "small")),
    "data": HostKind("server", True, servers=(*WEB, "postgresql", "redis", "memcached", "exim")),
    "files": HostKind("server", True, servers=(*WEB, "sshd", "rsync", "vsftpd", "small")),
    "held": HostKind("server", True, servers=("apache", "dnsmasq", "lighttpd", "mariadb", "mosquitto", "sipp"),
                     is_held_out=True),
    "office": HostKind("office", True),
    "peer": HostKind("peer", False, servers=(*WEB, "small", "iperf3", "sshd")),
    "nat": HostKind("nat", False),
    "crowd0": HostKind("crowd", False, (20, 60)),
    "crowd1": HostKind("crowd", False, (20, 60)),
    "home0": HostKind("home", False),
    "home1": HostKind("home", False, (1, 3)),
    "home2": HostKind("home", False),
    "bot0": HostKind("bot", False, (1, 30)),
    "bot1": HostKind("bot", False, (1, 8)),
    "bot2": HostKind("bot", False),
}


def hosts_of(set_name):
    return {name: kind for name, kind in HOSTS.items() if set_name == "test" or not kind.is_held_out}


def applications_of(set_name):
    """Those of a set: the held-out ones are only in the test set, where the others are the background."""
    return [one for one in APPLICATIONS if set_name == "test" or not one.is_held_out]
