# SPDX-License-Identifier: Apache-2.0
"""What people and programs do with web servers. Each function is one user's life, see user.User."""
import asyncio
import ssl

from servers import FILES_KB, PAGES, SEGMENTS

AGENTS = ("Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0",
          "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36",
          "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15", "okhttp/4.9.3", "curl/7.88.1")
COOKIE = "Cookie: id="


def curl(me, *options):
    return ("curl", "--silent", "--insecure", "--interface", me.source, "--max-time", "8", "--output", "/dev/null",
            "--user-agent", me.rng.choice(AGENTS), *options)


def base(me):
    return f"{'https' if me.port == 443 else 'http'}://{me.server}:{me.port}"


def page(me):
    return f"{base(me)}/p{me.rng.randrange(PAGES)}.html"


def outputs(count):
    return ("--output", "/dev/null") * (count - 1)  # curl() has one; each URL wants its own


async def browse(me):
    """A page load: one page, then its parts over several connections at once."""
    version = me.rng.choice((("--http1.1",), ("--http2",) if me.port == 443 else ("--http1.1",)))
    cookie = ("--header", COOKIE + "a" * me.rng.randint(0, 900))
    while me.is_on():
        await me.run(*curl(me, *version, *cookie, page(me)))
        parts = [page(me) for _ in range(me.rng.randint(6, 30))]
        await me.run(*curl(me, *version, *cookie, "--parallel", "--parallel-immediate", "--parallel-max",
                           str(me.rng.randint(6, 10)), *outputs(len(parts)), *parts))
        await me.think(5)


async def single(me):
    """One request a connection, by curl or wget."""
    pause = me.log_uniform(0.7, 6)
    while me.is_on():
        if me.rng.random() < 0.5:
            await me.run(*curl(me, page(me)))
        else:
            await me.run("wget", "-q", "-O", "/dev/null", "--no-check-certificate", "--tries=1", "--timeout=8",
                         f"--bind-address={me.source}", page(me))
        await me.think(pause)


async def keep_alive(me):
    """Many requests over one connection, some a second or one in some seconds."""
    while me.is_on():
        pages = [page(me) for _ in range(me.rng.randint(4, 40))]
        rate = me.rng.choice(("1/s", "2/s", "5/s", "10/s", "20/s", "30/m"))
        await me.run(*curl(me, "--rate", rate, *outputs(len(pages)), *pages), seconds=20)
        await me.think(2)


async def script(me):
    """A program that asks at a steady rate with a new connection each time."""
    while me.is_on():
        pages = [page(me) for _ in range(me.rng.randint(20, 150))]
        await me.run(*curl(me, "--rate", f"{me.rng.randint(2, 25)}/s", "--header", "Connection: close",
                           *outputs(len(pages)), *pages), seconds=20)
        await me.think(3)


async def upload(me):
    while me.is_on():
        size = me.rng.choice([kilobytes for kilobytes in FILES_KB if kilobytes <= 1000])
        if me.rng.random() < 0.5:
            what = ("--data-binary", f"@{me.shared}/site/f{size}.bin")
        else:
            what = ("--data", "field=" + "v" * me.rng.randint(1, 4000))
        # Over HTTP/2 nginx answers before it has read all, which curl takes for an error.
        await me.run(*curl(me, "--http1.1", *what, f"{base(me)}/upload"))
        await me.think(3)


async def download(me):
    """A big file, mostly at some limited rate."""
    while me.is_on():
        limit = ("--limit-rate", f"{int(me.log_uniform(200, 4000))}k") if me.rng.random() < 0.8 else ()
        await me.run(*curl(me, *limit, f"{base(me)}/f{me.rng.choice(FILES_KB)}.bin"))
        await me.think(8)


async def slow(me):
    """A bad line: a few kilobytes a second."""
    while me.is_on():
        await me.run(*curl(me, "--limit-rate", f"{me.rng.randint(1, 20)}k", f"{base(me)}/f{FILES_KB[0]}.bin"))
        await me.think(2)


async def video(me):
    """Segments, one every few seconds, over a connection that is kept; curl takes them at a limited rate."""
    while me.is_on():
        first = me.rng.randrange(SEGMENTS)
        segments = [f"{base(me)}/s{(first + step) % SEGMENTS}.ts" for step in range(12)]
        await me.run(*curl(me, "--max-time", "40", "--limit-rate", f"{int(me.log_uniform(300, 3000))}k", "--rate",
                           f"{me.rng.randint(15, 40)}/m", *outputs(len(segments)), *segments), seconds=40)
        await me.think(1)


async def health(me):
    """A monitor: each second or so, a new connection."""
    pause = me.rng.choice((0.5, 1, 1, 2, 5))
    while me.is_on():
        await request(me, me.source, ["/health"])
        await asyncio.sleep(min(pause, me.left()))


async def crowd(me):
    """Many users behind one address, or one each of many: 5 to 20 short connections a second, as they come."""
    rate = me.log_uniform(5, 20)
    tasks = set()
    while me.is_on():
        paths = [f"/p{me.rng.randrange(PAGES)}.html" for _ in range(me.rng.choice((1, 1, 1, 2, 4)))]
        tasks.add(asyncio.create_task(request(me, me.rng.choice(me.sources), paths)))
        tasks = {task for task in tasks if not task.done()}
        await me.think(1 / rate)
    for task in tasks:
        task.cancel()


async def request(me, source, paths):
    """Some requests over one connection, which is then closed by either side."""
    context = None
    if me.port == 443:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(
            me.server, me.port, local_addr=(source, 0), ssl=context), 5)
    except (OSError, asyncio.TimeoutError) as error:
        me.count(False, repr(error))
        return
    try:
        for path in paths:
            is_last = path is paths[-1]
            writer.write(f"GET {path} HTTP/1.1\r\nHost: lab.example\r\nUser-Agent: {me.rng.choice(AGENTS)}\r\n"
                         f"Accept: */*\r\n{COOKIE}{'b' * me.rng.randint(0, 300)}\r\n"
                         f"Connection: {'close' if is_last else 'keep-alive'}\r\n\r\n".encode())
            await asyncio.wait_for(answer(reader), 8)
            if not is_last:
                await me.think(0.5)
        me.count(True)
    except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
        me.count(False, repr(error))
    finally:
        writer.close()


async def answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)


async def idle(me):
    """50 to 300 connections on which somebody says a word every few seconds."""
    count, pause = int(me.log_uniform(50, 300)), me.log_uniform(2, 15)
    spread = me.rng.uniform(1, me.left() / 2 + 1)
    await asyncio.gather(*(idle_one(me, pause, me.rng.uniform(0, spread)) for _ in range(count)))


async def idle_one(me, pause, start):
    await asyncio.sleep(start)
    pair = await me.connect(me.rng.choice(me.sources))
    if not pair:
        return
    reader, writer = pair
    try:
        writer.write(b"GET /chat HTTP/1.1\r\nHost: lab.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        while me.is_on():
            await me.think(pause)
            writer.write(b"m" * me.rng.randint(2, 60))
            await writer.drain()
            await reader.read(4096)
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def long_poll(me):
    """Some that wait for an answer for seconds, and then ask again."""
    await asyncio.gather(*(long_poll_one(me) for _ in range(me.rng.randint(5, 30))))


async def long_poll_one(me):
    await me.think(2)
    pair = await me.connect(me.rng.choice(me.sources))
    if not pair:
        return
    reader, writer = pair
    try:
        while me.is_on():
            writer.write(b"GET /events HTTP/1.1\r\nHost: lab.example\r\n\r\n")
            await asyncio.wait_for(answer(reader), max(0.1, me.left()))
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
        pass
    finally:
        writer.close()


async def feed(me):
    """Listeners to whom the server talks."""
    await asyncio.gather(*(feed_one(me) for _ in range(me.rng.randint(3, 30))))


async def feed_one(me):
    await me.think(3)
    pair = await me.connect(me.rng.choice(me.sources))
    if not pair:
        return
    reader, writer = pair
    try:
        writer.write(b"subscribe\n")
        while me.is_on():
            await asyncio.wait_for(reader.readline(), max(0.1, me.left()))
    except (OSError, asyncio.TimeoutError):
        pass
    finally:
        writer.close()


async def mirror(me):
    """wget follows the links of a site, with a pause after each."""
    while me.is_on():
        await me.run("wget", "-q", "--recursive", "--level=1", "--delete-after", "--no-directories", "--no-check-certificate",
                     f"--wait={me.rng.choice((0, 0.1, 0.3, 1))}", "--random-wait", f"--bind-address={me.source}",
                     f"{base(me)}/index.html", seconds=20)
        await me.think(4)
