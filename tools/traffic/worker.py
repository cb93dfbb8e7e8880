# SPDX-License-Identifier: Apache-2.0
"""All users of one host for one episode: `worker.py PLAN RESULT`, started in the host's namespace.

Writes to RESULT what came of each use: {"http/browse": {"tries": 9, "failures": 0, "why": ""}}.
"""
import asyncio
import json
import os
import resource
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
from applications import APPLICATIONS  # noqa: E402
from user import PROGRAMS_AT_ONCE, User  # noqa: E402

LIVES = {(one.name, use.life.__name__): use.life for one in APPLICATIONS for use in one.uses}
OPEN_FILES = 8192  # a socket for each idle connection


async def live(life, user, start):
    await asyncio.sleep(start)
    try:
        await life(user)
    except asyncio.CancelledError:
        pass
    except Exception as error:  # one user's fault is not the others'
        user.count(False, repr(error))


async def main(plan, result_path):
    User.programs = asyncio.Semaphore(PROGRAMS_AT_ONCE)
    begin = time.monotonic()
    users, tasks = [], []
    for entry in plan["users"]:
        user = User(entry, plan["shared"], begin + entry["start"] + entry["seconds"])
        users.append((f"{entry['application']}/{entry['life']}", user))
        life = LIVES[entry["application"], entry["life"]]
        tasks.append(asyncio.create_task(live(life, user, entry["start"])))
    await asyncio.wait(tasks, timeout=plan["seconds"])
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=1)
    results = {}
    for name, user in users:
        for child in list(user.children):
            user.end(child)
        entry = results.setdefault(name, {"tries": 0, "failures": 0, "why": ""})
        entry["tries"] += user.tries
        entry["failures"] += user.failures
        entry["why"] = entry["why"] or user.why
    Path(result_path).write_text(json.dumps(results), encoding="utf-8")
    os._exit(0)  # what is still open goes with the process


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2]))
