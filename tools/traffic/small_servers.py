# SPDX-License-Identifier: Apache-2.0
"""Services for which no program of Debian's is at hand, in one process: see SERVICES at the end."""
import asyncio
import random
import socket
import struct
import time

IDLE_PORT, LONG_POLL_PORT, FEED_PORT, SHOP_PORT = 9001, 9002, 9003, 8000
NTP_PORT, SYSLOG_PORT, NETFLOW_PORT, RTP_PORT, RTP_ECHO_PORT = 123, 514, 2055, 5004, 5006
NTP_EPOCH = 2208988800  # seconds from 1900 to 1970


async def idle(reader, writer):
    """As a websocket: an upgrade, then tiny messages, each answered by one."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    while message := await reader.read(4096):
        writer.write(b"\x81" + bytes([min(len(message), 125)]) + message[:125])
        await writer.drain()


async def long_poll(reader, writer):
    """Answers a request when something happens, which takes seconds."""
    while await reader.readuntil(b"\r\n\r\n"):
        await asyncio.sleep(random.uniform(0.5, 12))
        body = b"x" * random.randint(2, 900)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()


async def feed(reader, writer):
    """Sends a line now and then, as prices or a chat, to who sent a line first."""
    await reader.readline()
    pause = random.uniform(0.05, 3)
    while not reader.at_eof():
        writer.write(b"t" * random.randint(10, 400) + b"\n")
        await writer.drain()
        await asyncio.sleep(random.expovariate(1 / pause))


async def shop(reader, writer):
    """As a web application: computes before it answers, and closes at the end, now and then even before the client asks it to."""
    think, patience = random.uniform(0, 0.15), random.choice((1, 3, 1000))
    for _ in range(patience):
        request = await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(random.expovariate(1) * think)
        body = b"x" * round(100 * 300 ** random.random())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        if b"Connection: close" in request:
            return


def serving(handle):
    async def connection(reader, writer):
        try:
            await handle(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # the client has gone
        finally:
            writer.close()
    return connection


class Sink(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport


class Echo(Sink):
    """The other party of a call: as many packets come back as are sent."""

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


class Ntp(Sink):
    def datagram_received(self, data, address):
        if len(data) < 48:
            return
        now = time.time() + NTP_EPOCH
        stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
        self.transport.sendto(bytes([0x24, 2, 6, 0xEC]) + bytes(12) + stamp + data[40:48] + stamp + stamp, address)


STREAMS = {IDLE_PORT: idle, LONG_POLL_PORT: long_poll, FEED_PORT: feed, SHOP_PORT: shop}
DATAGRAMS = {NTP_PORT: Ntp, SYSLOG_PORT: Sink, NETFLOW_PORT: Sink, RTP_PORT: Sink, RTP_ECHO_PORT: Echo}


async def main():
    for port, protocol in DATAGRAMS.items():
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("0.0.0.0", port))
        await asyncio.get_running_loop().create_datagram_endpoint(protocol, sock=receiver)
    for port, handle in STREAMS.items():
        await asyncio.start_server(serving(handle), "0.0.0.0", port, backlog=1024)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
