# SPDX-License-Identifier: Apache-2.0
"""One user of an application: who it is, what it may run, and a count of what came of it."""
import asyncio
import os
import random
import signal
import time

# Of one host at one time: starting a program costs as much as thousands of packets.
PROGRAMS_AT_ONCE = 8


class User:
    """`source` is its address, `sources` are all of its host's; `server` and `port` are where it goes.

    One thread; `plan` is an entry of Episode's plan, `shared` the folder of Place.
    """
    programs = None  # a semaphore, made in the worker's loop

    def __init__(self, plan, shared, until):
        self.rng = random.Random(plan["seed"])
        self.source, self.sources = plan["source"], plan["sources"]
        self.server, self.port = plan["server"], plan["port"]
        self.shared, self.until = shared, until
        self.children = set()
        self.tries, self.failures, self.why = 0, 0, ""

    def is_on(self):
        return time.monotonic() < self.until

    def left(self):
        return max(0.0, self.until - time.monotonic())

    async def think(self, mean):
        """A pause; exponential, as of people who do not know of each other."""
        await asyncio.sleep(min(self.rng.expovariate(1 / mean), self.left()))

    def count(self, is_good, why=""):
        self.tries += 1
        if not is_good:
            self.failures += 1
            self.why = self.why or why

    def log_uniform(self, low, high):
        return low * (high / low) ** self.rng.random()

    async def run(self, *command, seconds=10.0, good=(0,), text=None):
        """Runs a program to its end, at most for `seconds`, which is no failure."""
        async with User.programs:
            child = await asyncio.create_subprocess_exec(
                *map(str, command), stdin=asyncio.subprocess.PIPE if text else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True)
        self.children.add(child)
        try:
            _, said = await asyncio.wait_for(child.communicate(text), min(seconds, self.left() + 1))
            self.count(child.returncode in good, f"{command[0]} {child.returncode}: {said.decode(errors='replace')[-300:]}")
        except asyncio.TimeoutError:
            self.count(True)
        finally:
            self.end(child)
        return child.returncode

    def end(self, child):
        """With all that it started: each program has a session of its own."""
        if child.returncode is None:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.children.discard(child)

    async def connect(self, source=None, seconds=5.0):
        """Reader and writer, or None; counts."""
        try:
            pair = await asyncio.wait_for(asyncio.open_connection(
                self.server, self.port, local_addr=(source or self.source, 0)), seconds)
        except (OSError, asyncio.TimeoutError) as error:
            self.count(False, repr(error))
            return None
        self.count(True)
        return pair
