#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Opens connections at a given rate and sends requests: labelled test traffic for the laboratory's namespaces.

    flood_requests.py get 10.71.0.2 80 --rate 400 --requests 3 --seconds 5
    flood_requests.py connect 10.71.0.2 80 --rate 1000 --end reset

connect sends nothing; get and post send so many requests on each connection and read the answers.
"""
import argparse
import asyncio
import random
import socket
import struct
import sys

sys.dont_write_bytecode = True
from flood_client import (add_common_arguments, check_common_arguments, connected, paced,  # noqa: E402
                          refuse_real_network)

MOST_OPEN = 900  # below the usual limit of 1024 descriptors
MOST_CONNECTIONS = 100_000
ANSWER_S = 3
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
AGENTS = ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0", "curl/7.88.1", "python-requests/2.28",
          "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36")


def request(args, is_last):
    path = args.path
    if args.random_query:
        path += "?q=" + "".join(random.choices(LETTERS, k=random.randint(4, 24)))
    lines = [f"{args.mode.upper()} {path} HTTP/1.1", f"Host: {args.address}", f"User-Agent: {random.choice(AGENTS)}",
             "Accept: */*", f"Connection: {'close' if is_last else 'keep-alive'}"]
    body = ""
    if args.mode == "post":
        body = "".join(random.choices(LETTERS, k=args.body))
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


async def exchange(client, args):
    loop = asyncio.get_running_loop()
    for left in range(args.requests - 1, -1, -1):
        await loop.sock_sendall(client, request(args, left == 0))
        got = await loop.sock_recv(client, 65536)
        while got and left == 0:  # the last answer is read to its end, the server's FIN
            got = await loop.sock_recv(client, 65536)
        await asyncio.sleep(args.gap)


async def one_connection(args, counts):
    try:
        with await connected(args) as client:
            counts["connections"] += 1
            if args.end == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if args.mode == "connect":
                await asyncio.sleep(args.hold)
            else:
                await asyncio.wait_for(exchange(client, args), ANSWER_S + args.requests * args.gap)
    except (OSError, asyncio.TimeoutError):
        counts["failures"] += 1


async def attack(args):
    counts, tasks = {"connections": 0, "failures": 0}, set()
    async for _ in paced(args.rate, args.seconds, MOST_CONNECTIONS):
        if len(tasks) < MOST_OPEN:
            task = asyncio.create_task(one_connection(args, counts))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return counts


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("connect", "get", "post"))
    add_common_arguments(parser)
    parser.add_argument("--rate", type=float, default=200, help="connections a second (default 200)")
    parser.add_argument("--requests", type=int, default=1, help="on each connection (default 1)")
    parser.add_argument("--gap", type=float, default=0, help="seconds between two requests (default 0)")
    parser.add_argument("--hold", type=float, default=0, help="connect: seconds a connection stays (default 0)")
    parser.add_argument("--end", choices=("close", "reset"), default="close")
    parser.add_argument("--path", default="/")
    parser.add_argument("--random-query", action="store_true", help="no two requests ask for the same")
    parser.add_argument("--body", type=int, default=200, help="post: octets (default 200)")
    args = parser.parse_args()
    check_common_arguments(parser, args)
    return args


def main():
    args = arguments()
    refuse_real_network("flood_requests")
    counts = asyncio.run(attack(args))
    print(f"{counts['connections']} connections, {counts['failures']} failures")


if __name__ == "__main__":
    main()
