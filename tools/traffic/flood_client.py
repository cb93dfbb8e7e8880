# SPDX-License-Identifier: Apache-2.0
"""What the senders of floods share: the guard of the real network, and connections from chosen addresses."""
import asyncio
import os
import random
import socket
import sys

LONGEST_S = 120  # whatever was asked for, no sender runs longer
CONNECT_S = 3


def refuse_real_network(program):
    """Only namespaces made with `ip netns` may be flooded, and never the one of the machine's first process."""
    own = os.stat("/proc/self/ns/net").st_ino
    try:
        is_first = os.stat("/proc/1/ns/net").st_ino == own
    except PermissionError:  # a container may hide process 1; the named namespaces are then the only proof
        is_first = False
    names = os.scandir("/run/netns") if os.path.isdir("/run/netns") else ()
    is_named = any(entry.stat().st_ino == own for entry in names)
    if is_first or not is_named:
        sys.exit(f"{program}: refused: not in a network namespace made with `ip netns` (use `ip netns exec`)")


async def connected(args, receive_buffer=None):
    """Returns a socket connected to the victim from one of our own addresses; the caller closes it."""
    client = socket.socket()
    try:
        client.setblocking(False)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if args.sources:
            client.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
            client.bind((random.choice(args.sources), 0))
        loop = asyncio.get_running_loop()
        await asyncio.wait_for(loop.sock_connect(client, (args.address, args.port)), CONNECT_S)
        return client
    except BaseException:
        client.close()
        raise


async def paced(rate, seconds, limit):
    """Yields up to `limit` times, at `rate` a second; a slow start is caught up with."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(limit):
        delay = start + number / rate - loop.time()
        await asyncio.sleep(max(0, delay))
        if loop.time() - start >= seconds:
            return
        yield number


def add_common_arguments(parser):
    parser.add_argument("address", help="the victim's IPv4 address")
    parser.add_argument("port", type=int)
    parser.add_argument("--sources", type=lambda text: text.split(","), default=[], metavar="ADDRESS,...",
                        help="connect from these own addresses (default: the system's choice)")
    parser.add_argument("--seconds", type=float, default=3, help=f"at most {LONGEST_S} (default 3)")
    parser.add_argument("--seed", type=int, default=None)


def check_common_arguments(parser, args):
    if not 0 < args.seconds <= LONGEST_S or args.rate <= 0:
        parser.error("--seconds or --rate is out of bounds")
    random.seed(args.seed)
