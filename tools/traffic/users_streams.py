# SPDX-License-Identifier: Apache-2.0
"""Streams, probes and what goes wrong by itself. Each function is one user's life, see user.User."""
import asyncio
import os
import socket

from servers import IPERF_PORTS

CLOSED_PORTS = (23, 81, 445, 3389, 8443, 9999)
KNOCKED_PORTS = (22, 80, 443, 53, 25, 5432, 6379)


def datagram(me, port=0):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setblocking(False)
    one.bind((me.source, port))
    return one


def send(me, one, data, port=None):
    try:
        one.sendto(data, (me.server, port or me.port))
        me.count(True)
    except OSError as error:
        me.count(False, repr(error))


async def iperf_tcp(me):
    while me.is_on():
        reverse = ["--reverse"] if me.rng.random() < 0.5 else []
        await me.run("iperf3", "-c", me.server, "-B", me.source, "-p", me.rng.choice(IPERF_PORTS), "-t",
                     me.rng.randint(2, 8), "-P", me.rng.choice((1, 1, 2, 4)), "-b", f"{me.log_uniform(0.5, 10):.1f}M",
                     *reverse, seconds=12, good=(0, 1))  # 1: it serves another one now
        await me.think(8)


async def iperf_udp(me):
    while me.is_on():
        reverse = ["--reverse"] if me.rng.random() < 0.4 else []
        await me.run("iperf3", "-u", "-c", me.server, "-B", me.source, "-p", me.rng.choice(IPERF_PORTS), "-t",
                     me.rng.randint(2, 8), "-b", f"{me.log_uniform(1, 50):.1f}M", "-l", me.rng.choice((1448, 1448, 1200, 512)),
                     *reverse, seconds=12, good=(0, 1))
        await me.think(10)


async def ping(me):
    while me.is_on():
        size, pause = me.rng.choice((56, 56, 56, 8, 500, 1400)), me.rng.choice((1, 1, 0.5, 0.2, 0.05))
        await me.run("ping", "-n", "-q", "-I", me.source, "-s", size, "-i", pause, "-W", 2, "-w", me.rng.randint(3, 12),
                     me.server, seconds=15, good=(0, 1))
        await me.think(3)


async def fping(me):
    """A monitor that asks some hosts, one of which is not there."""
    there = me.server.rsplit(".", 1)[0]
    while me.is_on():
        await me.run("fping", "-q", "-S", me.source, "-c", me.rng.randint(2, 10), "-p", me.rng.choice((200, 500, 1000)),
                     me.server, f"{there}.{me.rng.randint(200, 250)}", seconds=12, good=(0, 1))
        await me.think(4)


async def rtp(me):
    """A call: 50 packets a second of one size, with an answer each or without; a speaker pauses."""
    one = datagram(me, me.rng.randrange(16384, 32768, 2))
    size, gap = me.rng.choice((60, 172, 172, 300, 700, 1200)), me.rng.choice((0.02, 0.02, 0.01, 0.04))
    has_pauses = me.rng.random() < 0.4
    while me.is_on():
        for _ in range(me.rng.randint(50, 400)):
            if not me.is_on():
                break
            send(me, one, b"\x80\x00" + os.urandom(10) + bytes(size))
            await asyncio.sleep(gap)
        if has_pauses:
            await me.think(1)
    one.close()


async def syslog(me):
    """Lines of several machines, in bursts."""
    one, pause = datagram(me), me.log_uniform(0.02, 1)
    while me.is_on():
        for _ in range(me.rng.choice((1, 1, 3, 12))):
            send(me, one, b"<34>Oct 11 22:14:15 host app: " + b"l" * me.rng.randint(20, 500))
        await me.think(pause)
    one.close()


async def logger(me):
    """logger(1), one program for each line."""
    while me.is_on():
        await me.run("logger", "-n", me.server, "-P", me.port, "-d", "x" * me.rng.randint(20, 300))
        await me.think(2)


async def netflow(me):
    """Exports of a router: a few big datagrams every second."""
    one = datagram(me)
    while me.is_on():
        for _ in range(me.rng.randint(1, 10)):
            send(me, one, os.urandom(24) + bytes(48 * me.rng.randint(1, 28)))
        await asyncio.sleep(min(1, me.left()))
    one.close()


async def multicast(me):
    """mDNS and SSDP: a question to everybody, three times."""
    while me.is_on():
        with datagram(me) as one:
            one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, me.rng.choice((2, 4, 255)))
            for _ in range(3):
                if me.rng.random() < 0.5:
                    one.sendto(bytes(12) + b"\x05_http\x04_tcp\x05local\x00\x00\x0c\x00\x01", ("224.0.0.251", 5353))
                else:
                    one.sendto(b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\n"
                               b"MX: 2\r\nST: ssdp:all\r\n\r\n", ("239.255.255.250", 1900))
                me.count(True)
                await asyncio.sleep(me.rng.uniform(0.1, 1))
        await me.think(4)


async def try_port(me, port):
    """Connects, says nothing, leaves; that nobody listens is no failure."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(me.server, port, local_addr=(me.source, 0)), 3)
        writer.close()
    except (OSError, asyncio.TimeoutError):
        pass
    me.count(True)


async def closed(me):
    """Tries ports where nobody listens, and tries again."""
    pause = me.log_uniform(0.2, 4)
    while me.is_on():
        port = me.rng.choice(CLOSED_PORTS)
        await try_port(me, port)
        await me.think(pause)


async def nobody(me):
    """Tries hosts that are not there: SYNs without an answer, sent again after 1, 2 and 4 seconds."""
    there = me.server.rsplit(".", 1)[0]
    tasks = set()
    pause = me.log_uniform(0.5, 5)
    while me.is_on():
        target = (f"{there}.{me.rng.randint(200, 250)}", me.rng.choice((80, 443, 22, 5432)))
        tasks.add(asyncio.create_task(nobody_one(me, target)))
        tasks = {task for task in tasks if not task.done()}
        await me.think(pause)
    for task in tasks:
        task.cancel()


async def nobody_one(me, target):
    try:
        await asyncio.wait_for(asyncio.open_connection(*target, local_addr=(me.source, 0)), me.rng.uniform(1, 9))
    except (OSError, asyncio.TimeoutError):
        pass
    me.count(True)


async def knock(me):
    """A monitor that looks at several services one after the other: connect, say nothing, leave."""
    while me.is_on():
        for port in KNOCKED_PORTS:
            await try_port(me, port)
            await me.think(0.3)
        await me.think(4)
