#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./dev demo: real traffic and two attacks between two network namespaces, found by weir as they begin.

A server and its clients are joined by a veth pair. `weir inject` sits on the server's end; what it says of each
window is shown as it comes, while people browse, look up names, type, ping and transfer, and while a SYN flood
and then an HTTP flood come on top. Takes about 40 seconds. Everything it makes is removed at the end, also on
Ctrl-C and when a step fails.
"""
import argparse
import ctypes
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
from demo_view import Attack, Style, View, Window, count  # noqa: E402
from netpair import NetPair, ip  # noqa: E402

TOOLS = Path(__file__).resolve().parent
WEIR = Path(os.environ.get("WEIR_BUILD_DIR", TOOLS.parent / "build")) / "weir"
WINDOW_S = 2
BENIGN_WINDOWS, ATTACK_WINDOWS, QUIET_WINDOWS = 5, 3, 3
STOP_BEFORE_END_S = 0.25  # an attack ends that long before its last window does, and is not seen in the next one
LIFETIME_S = 120  # of whatever makes traffic, should nobody end it

FETCHERS = ("10.77.0.11", "10.77.0.12")
PEOPLE = ("10.77.0.13", "10.77.0.14", "10.77.0.15")
UPLOADER = "10.77.0.16"
FLOODER = "10.77.0.99"  # a machine of its own that was taken over
NOBODY = "10.77.0.66"  # a forged address: the answers go nowhere
SYN_GAP_US = 150
SYN_PACKETS = 60_000  # should nobody end it; more than ATTACK_WINDOWS have room for
FETCH = ("for i in $(seq 600); do curl --silent --output /dev/null --max-time 2 --interface {own} "
         "http://{server}/{page}; sleep 0.15; done")

EXAMPLES = """examples:
  ./dev demo                     shows each window on the terminal
  ./dev demo --plain > demo.log  a line a window with its time, without colours
  ./dev demo --model lucid.h5 --profile lucid11,ip_flags=0x4000

Exit codes: 0 both attacks were found in their first full window at the latest, and the attackers named;
            1 they were not, or a step failed; 130 Ctrl-C."""


class Stopped(Exception):
    """By a signal: its number."""


def ignore_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def stop_once(number, _):
    ignore_signals()  # clearing up is not interrupted
    raise Stopped(number)


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Child:
    """A program inside a namespace. In a session of its own: Ctrl-C reaches the demo alone, which then ends its
    children in order."""

    def __init__(self, end, *command, stdout=subprocess.DEVNULL):
        self.name = Path(command[0]).name
        self.errors = tempfile.TemporaryFile()
        self.popen = subprocess.Popen(NetPair.command(end, *map(str, command)), stdin=subprocess.DEVNULL,
                                      stdout=stdout, stderr=self.errors, start_new_session=True,
                                      preexec_fn=die_with_parent)

    def failed(self, what):
        """An error that ends with what the program said."""
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip()
        return RuntimeError(f"{self.name}: {what}" + (f":\n{said}" if said else ""))

    def must_run(self):
        if self.popen.poll() is not None:
            raise self.failed(f"ended too early, with exit code {self.popen.returncode}")

    def wait(self):
        try:
            return self.popen.wait(5)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait()

    def stop(self, number=signal.SIGTERM):
        self.popen.send_signal(number)
        return self.wait()

    def wait_until(self, condition, what):
        deadline = time.monotonic() + 10
        while not condition():
            self.must_run()
            if time.monotonic() > deadline:
                raise self.failed(f"still not {what} after 10 s")
            time.sleep(0.02)

    def wait_listening(self, port):
        def look():
            with open(f"/proc/{self.popen.pid}/net/tcp", encoding="ascii") as table:
                rows = [line.split() for line in table][1:]
            return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)  # 0A: TCP_LISTEN
        self.wait_until(look, f"listening on port {port}")


class Demo:
    def __init__(self, net, view):
        self.net, self.view = net, view
        self.server = net.right.address
        self.children, self.windows, self.attacks = [], [], []
        self.weir, self.lines = None, queue.Queue()

    def start(self, end, *command, **options):
        self.children.append(Child(end, *command, **options))
        return self.children[-1]

    def start_peer(self, end, *arguments):
        return self.start(end, "/usr/bin/python3", "-B", TOOLS / "demo_peers.py", *arguments)

    def add_hosts(self, *addresses):
        """More addresses on the clients' end; the server knows them without asking."""
        left, right = self.net.left, self.net.right
        for address in addresses:
            ip("-n", left.namespace, "address", "add", f"{address}/24", "dev", left.device)
            ip("-n", right.namespace, "neigh", "replace", address, "lladdr", left.mac, "dev", right.device,
               "nud", "permanent")

    def start_normal_traffic(self):
        left, right = self.net.left, self.net.right
        self.add_hosts(*FETCHERS, *PEOPLE, UPLOADER, FLOODER)
        self.start_peer(right, "serve", self.server).wait_listening(80)
        self.start(right, "iperf3", "--server", "--bind", self.server).wait_listening(5201)
        self.start(left, "iperf3", "--client", self.server, "--bind", UPLOADER, "--time", LIFETIME_S,
                   "--bitrate", "5M")
        for own, page in zip(FETCHERS, ("", "picture")):
            self.start(left, "sh", "-c", FETCH.format(own=own, server=self.server, page=page))
        self.start_peer(left, "clients", self.server, *PEOPLE)
        self.start(left, "hping3", "--icmp", "--interval", "u500000", "--count", 2 * LIFETIME_S, self.server)

    def start_weir(self, options):
        right = self.net.right
        self.weir = self.start(right, WEIR, "inject", "-t", WINDOW_S, "--format", "json", "--max-rows", "0", *options,
                               right.device, stdout=subprocess.PIPE)
        threading.Thread(target=self._read_windows, daemon=True).start()
        self.weir.wait_until(lambda: "xdp" in ip("-n", right.namespace, "link", "show", "dev", right.device),
                             "attached")

    def _read_windows(self):
        for line in self.weir.popen.stdout:
            self.lines.put(line)
        self.lines.put(None)  # no more

    def _show(self, line):
        self.windows.append(Window.parse(line))
        self.view.window(self.windows[-1])

    def watch(self, windows):
        """Shows the next so many windows as they close."""
        for _ in range(windows):
            try:
                line = self.lines.get(timeout=WINDOW_S + 10)
            except queue.Empty:
                raise self.weir.failed("prints no windows") from None
            if line is None:
                self.weir.wait()
                self.weir.must_run()
            self._show(line)

    def attack(self, name, attacker, start):
        """Begins as a window begins, and ends before the last of its windows does."""
        self.attacks.append(Attack(name, attacker, self.server, time.time_ns()))
        child = start()
        self.watch(ATTACK_WINDOWS - 1)
        last_end_s = self.windows[-1].end_ns / 1e9 + WINDOW_S
        time.sleep(max(0.0, last_end_s - STOP_BEFORE_END_S - time.time()))
        child.must_run()
        child.stop()
        self.watch(1)

    def syn_flood(self):
        return self.start(self.net.left, "hping3", "--quiet", "--syn", "--spoof", NOBODY, "--destport", 80,
                          "--count", SYN_PACKETS, "--interval", f"u{SYN_GAP_US}", self.server)

    def http_flood(self):
        return self.start_peer(self.net.left, "flood", self.server, FLOODER)

    def stop_weir(self):
        """Ctrl-C: the open window is shown too."""
        code = self.weir.stop(signal.SIGINT)
        if code != 0:
            raise self.weir.failed(f"ended with exit code {code}")
        while (line := self.lines.get(timeout=10)) is not None:
            self._show(line)

    def close(self):
        running = [child for child in self.children if child.popen.poll() is None]
        for child in running:
            child.popen.terminate()
        for child in running:
            child.wait()


def play(demo, options):
    view, device = demo.view, demo.net.right.device
    view.headline(f"A server, {demo.server}, and its clients: two network namespaces, joined by a veth pair")
    demo.start_normal_traffic()
    demo.start_weir(options)
    view.headline(" ".join(["Normal traffic, watched by: weir inject", "-t", str(WINDOW_S), *options, device]))
    view.columns()
    demo.watch(BENIGN_WINDOWS)
    view.headline(f"First attack: a SYN flood from {NOBODY}, a forged address")
    demo.attack("SYN flood", NOBODY, demo.syn_flood)
    view.headline("The SYN flood is over")
    demo.watch(QUIET_WINDOWS)
    view.headline(f"Second attack: an HTTP flood from {FLOODER}, whole connections")
    demo.attack("HTTP flood", FLOODER, demo.http_flood)
    view.headline("The HTTP flood is over; then Ctrl-C for weir, which closes its open window")
    demo.watch(QUIET_WINDOWS - 1)
    time.sleep(WINDOW_S / 2)
    demo.stop_weir()


def sum_up(demo):
    """True when the demo has shown what it is there to show."""
    demo.view.headline("Summary")
    results = [(attack.is_proved(demo.windows), attack.told(demo.windows)) for attack in demo.attacks]
    for is_good, text in results:
        demo.view.result(is_good, text)
    attackers = {attack.attacker for attack in demo.attacks}
    wrong = sum(window.malicious - window.flows_by(attackers) for window in demo.windows)
    demo.view.remark(f"{count(wrong, 'benign flow')} called malicious, in {count(len(demo.windows), 'window')}")
    return all(is_good for is_good, _ in results)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.partition("\n\n")[2], epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", action="store_true",
                        help="a line a window with an ISO time, no colours or bars; always so where no terminal is")
    parser.add_argument("--model", help="of weir inject; without, the one that is shipped with the probe ddos")
    parser.add_argument("--profile", help="of weir inject: that model's features")
    return parser.parse_args()


def weir_options(arguments):
    return [word for option in ("model", "profile") if (value := getattr(arguments, option))
            for word in (f"--{option}", value)]


def run(view, options):
    with NetPair("demo", devices=("clients0", "server0")) as net:
        demo = Demo(net, view)
        try:
            play(demo, options)
        finally:
            ignore_signals()
            demo.close()
    return 0 if sum_up(demo) else 1


def main():
    arguments = parse_arguments()
    if os.geteuid() != 0:
        sys.exit("demo: needs root: network namespaces are made")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGINT also where the caller ignores it
        signal.signal(number, stop_once)
    view = View(sys.stdout, Style.of(sys.stdout, os.environ, arguments.plain))
    try:
        code = run(view, weir_options(arguments))
    except Stopped as stopped:
        view.headline("Stopped; everything it made is removed")
        return 128 + stopped.args[0]
    except BrokenPipeError:  # of `| head`: there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    if code != 0:
        print("demo: an attack was not found in its first full window, or its attacker not named", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
