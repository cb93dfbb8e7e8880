# SPDX-License-Identifier: Apache-2.0
"""What is done with names, logins, files, mail and databases. Each function is one user's life, see user.User."""
import asyncio
import os
import socket
import struct

from servers import FILES_KB, NAMES

SSH = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
       "-o", "BatchMode=yes", "-o", "ConnectTimeout=8")
COMMANDS = ("ls -l /usr/bin", "uptime", "cat /etc/services", "df", "date", "ps ax", "ls /etc", "head -c 3000 /dev/zero")


# ---------------------------------------------------------------- names
def name(me):
    dice = me.rng.random()
    if dice < 0.8:
        return f"h{me.rng.randrange(NAMES)}.lab.example"
    if dice < 0.95:
        return f"nx{me.rng.randrange(10**6)}.lab.example"
    return "big.lab.example"


async def dig(me):
    """A person's or a script's questions, one program each or some in one."""
    while me.is_on():
        questions = []
        for _ in range(me.rng.choice((1, 1, 2, 5, 20))):
            questions += [name(me), me.rng.choice(("A", "A", "AAAA", "TXT", "MX"))]
        tcp = ["+tcp"] if me.rng.random() < 0.2 else []
        await me.run("dig", f"@{me.server}", "-b", me.source, "+tries=2", "+timeout=2", *tcp, *questions)
        await me.think(2.5)


def question(me, number):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name(me).split("."))
    kind = me.rng.choice((1, 1, 1, 28, 28, 16, 65))
    has_edns = me.rng.random() < 0.6
    tail = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00" if has_edns else b""
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, int(has_edns)) + labels + b"\x00" + struct.pack(">HH", kind, 1) + tail


async def resolve(me):
    """A resolver at 1 to 100 questions a second, as they come, from a new port each or from few."""
    rate, has_new_ports = me.log_uniform(1, 100), me.rng.random() < 0.7
    open_ports = []
    while me.is_on():
        if has_new_ports or len(open_ports) < 4:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.setblocking(False)
            one.bind((me.rng.choice(me.sources), 0))
            one.connect((me.server, me.port))
            open_ports.append(one)
        else:
            one = me.rng.choice(open_ports)
        try:
            one.send(question(me, me.rng.randrange(65536)))
            me.count(True)
        except OSError as error:
            me.count(False, repr(error))
        if len(open_ports) > 200:  # answered long since
            open_ports.pop(0).close()
        await me.think(1 / rate)
    for one in open_ports:
        one.close()


async def ntp(me):
    """Requests of many clocks, each with a pause of seconds."""
    pause = me.log_uniform(0.05, 2)
    while me.is_on():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind((me.rng.choice(me.sources), 123 if me.rng.random() < 0.1 else 0))
            for _ in range(me.rng.choice((1, 1, 4))):
                one.sendto(b"\x23" + bytes(39) + os.urandom(8), (me.server, me.port))
                await asyncio.sleep(0.1)
            me.count(True)
        await me.think(pause)


# ---------------------------------------------------------------- logins and files
def key(me):
    return ("-i", f"{me.shared}/user_key", *SSH)


async def ssh(me):
    """Somebody types: a command every few seconds in one session."""
    while me.is_on():
        lines = []
        for _ in range(me.rng.randint(2, 10)):
            lines += [me.rng.choice(COMMANDS), f"sleep {me.rng.uniform(0.2, 4):.1f}"]
        await me.run("ssh", "-b", me.source, *key(me), f"root@{me.server}", "; ".join(lines), seconds=25)
        await me.think(2)


async def scp(me):
    """Files over SSH, by scp or sftp, to and fro."""
    while me.is_on():
        file = f"{me.shared}/site/f{me.rng.choice(FILES_KB[:5])}.bin"
        bind, limit = ("-o", f"BindAddress={me.source}"), ("-l", str(int(me.log_uniform(2000, 30000))))
        if me.rng.random() < 0.5:
            await me.run("scp", *bind, *key(me), *limit, f"root@{me.server}:{file}", "/dev/null", seconds=15)
        else:
            await me.run("sftp", *bind, *key(me), *limit, "-b", "-", f"root@{me.server}", seconds=15,
                         text=f"ls {me.shared}/site\nput {file} /dev/null\n".encode())
        await me.think(6)


async def rsync(me):
    while me.is_on():
        target = f"rsync-{me.rng.randrange(2**32)}"  # in the worker's folder
        limit = f"--bwlimit={int(me.log_uniform(300, 4000))}"
        file = f"f{me.rng.choice(FILES_KB[:5])}.bin"
        if me.rng.random() < 0.5:
            await me.run("rsync", "-q", limit, f"--address={me.source}", f"rsync://{me.server}/site/{file}", target)
        else:
            await me.run("rsync", "-q", limit, f"--address={me.source}", f"{me.shared}/site/{file}",
                         f"rsync://{me.server}/incoming/")
        if os.path.exists(target):
            os.remove(target)
        await me.think(5)


async def ftp(me):
    """By lftp, some commands in a session, or by curl."""
    while me.is_on():
        file = f"site/f{me.rng.choice(FILES_KB[:5])}.bin"
        if me.rng.random() < 0.5:
            await me.run("curl", "--silent", "--interface", me.source, "--max-time", "10", "--limit-rate", "2M",
                         "--output", "/dev/null", f"ftp://{me.server}/{file}")
        else:
            commands = [f"set net:socket-bind-ipv4 {me.source}", "set net:max-retries 1", "set net:timeout 8",
                        "set net:limit-rate 1500000", f"open {me.server}", "ls", f"cat {file}", "ls site"]
            if me.rng.random() < 0.5:
                commands.append(f"put {me.shared}/site/p{me.rng.randrange(20)}.html -o incoming/u{me.rng.randrange(10**9)}")
            await me.run("lftp", "-c", "; ".join(commands) + "; bye", seconds=15)
        await me.think(4)


async def mail(me):
    while me.is_on():
        body = "x" * int(me.log_uniform(100, 60000))
        command = ("swaks", "--silent", "3", "--server", me.server, "--local-interface", me.source, "--helo", "lab.example",
                   "--from", "a@lab.example", "--to", f"u{me.rng.randrange(99)}@lab.example", "--body", body)
        await me.run(*command)
        await me.think(3)


# ---------------------------------------------------------------- databases
async def psql(me):
    """A program's short sessions, and now and then a big answer."""
    while me.is_on():
        queries = [me.rng.choice(("select 1", "select count(*) from pgbench_accounts",
                                  f"select * from pgbench_accounts limit {me.rng.randint(1, 2000)}"))
                   for _ in range(me.rng.randint(1, 6))]
        await me.run("psql", "-h", me.server, "-U", "postgres", "-c", "; ".join(queries), "postgres")
        await me.think(2)


async def pgbench(me):
    """Transactions at a rate; each on a connection of its own, or all on a few."""
    while me.is_on():
        connect = ["-C"] if me.rng.random() < 0.4 else []
        rate = int(me.log_uniform(2, 15 if connect else 60))
        await me.run("pgbench", "-n", "-h", me.server, "-U", "postgres", "-c", me.rng.choice((1, 2, 4)), "-R", rate,
                     "-T", me.rng.randint(4, 12), *connect, "postgres", seconds=16)
        await me.think(3)


async def redis(me):
    """Short sessions of redis-cli, and some commands a second over one connection."""
    while me.is_on():
        if me.rng.random() < 0.6:
            await me.run("redis-cli", "-h", me.server, "set", f"k{me.rng.randrange(99)}", "v" * me.rng.randint(1, 3000))
        else:
            await me.run("redis-cli", "-h", me.server, "-r", me.rng.randint(20, 200), "-i", "0.02", "get",
                         f"k{me.rng.randrange(99)}")
        await me.think(1.5)


async def redis_benchmark(me):
    while me.is_on():
        await me.run("redis-benchmark", "-q", "-h", me.server, "-c", me.rng.choice((1, 4, 10)), "-n",
                     me.rng.randint(200, 1500), "-t", "set,get", "-d", me.rng.choice((3, 100, 1000)))
        await me.think(6)


async def memcached(me):
    """Web programs: some keep a connection, some make one for each page."""
    is_kept = me.rng.random() < 0.5
    while me.is_on():
        pair = await me.connect()
        if not pair:
            await me.think(1)
            continue
        reader, writer = pair
        try:
            for _ in range(me.rng.randint(20, 200) if is_kept else me.rng.randint(1, 5)):
                value = b"v" * me.rng.randint(1, 2000)
                writer.write(b"set k 0 60 %d\r\n%s\r\nget k\r\n" % (len(value), value))
                await asyncio.wait_for(reader.readuntil(b"END\r\n"), 5)
                await me.think(0.1)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
            me.count(False, repr(error))
        finally:
            writer.close()
        await me.think(1)


async def mariadb(me):
    """Short sessions, and mariadb-slap with some connections."""
    while me.is_on():
        if me.rng.random() < 0.6:
    
            query = me.rng.choice(("select 1", "show variables", "select * from information_schema.tables"))
            await me.run("mariadb", "--no-defaults", "-h", me.server, "-u", "root", "-e", query)
        else:
            await me.run("mariadb-slap", "--no-defaults", "-h", me.server, "-u", "root",
                         f"--concurrency={me.rng.randint(1, 8)}", "--iterations=2", "--query=select 1", "--create-schema=mysql",
                         f"--number-of-queries={me.rng.randint(20, 300)}")
        await me.think(1.5)


async def mqtt(me):
    """Sensors: some publish in a session, some connect for each message; a few listen."""
    pause = me.log_uniform(0.3, 4)
    topic = f"t/{me.rng.randrange(5)}"
    here = ("-h", me.server, "-A", me.source, "-t", topic, "-q", str(me.rng.choice((0, 1, 2))))
    is_listener = me.rng.random() < 0.3
    while me.is_on():
        if is_listener:
            await me.run("mosquitto_sub", *here, "-W", me.rng.randint(5, 30), seconds=40, good=(0, 27))
        elif me.rng.random() < 0.6:
            await me.run("mosquitto_pub", *here, "-m", "m" * me.rng.randint(2, 400))
        else:
            await me.run("mosquitto_pub", *here, "-m", "s" * me.rng.randint(2, 100), "--repeat", me.rng.randint(5, 60),
                         "--repeat-delay", "0.2", seconds=15)
        await me.think(pause)


async def sip(me):
    """Calls, some a second, over one UDP port."""
    while me.is_on():
        await me.run("sipp", "-sn", "uac", f"{me.server}:{me.port}", "-i", me.source, "-p", me.rng.randint(10000, 60000),
                     "-r", me.rng.randint(1, 8), "-d", me.rng.randint(500, 4000), "-m",
                     me.rng.randint(5, 40), "-nostdin", seconds=15, good=(0, 1))
        await me.think(1)
