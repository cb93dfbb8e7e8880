#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./dev demo: real traffic and a SYN flood between two network namespaces, watched by weir.

A web server and its clients are joined by a veth pair. `weir inject` sits on the server's end and prints a
window every two seconds while clients browse, iperf3 transfers, and hping3 floods. Takes about 20 seconds;
everything it makes is removed at the end, also on Ctrl-C and when a step fails.
"""
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
from netpair import NetPair, ip  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent
WEIR = Path(os.environ.get("WEIR_BUILD_DIR", REPOSITORY / "build")) / "weir"
WINDOW_S = 2
ROWS = 5  # of each table: the largest flows, at a glance
ATTACKER = "10.77.0.66"  # nobody: the flood's source is forged, its answers go nowhere
FLOOD_PACKETS, FLOOD_GAP_US = 20000, 150
CLIENTS = 3
CLIENT_LOOP = "while :; do curl -s -o /dev/null --max-time 2 http://{}/page.html && echo; sleep 0.02; done"


def announce(text):
    bold, plain = ("\033[1;36m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}### {text}{plain}", flush=True)


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Demo:
    def __init__(self, net, folder):
        self.net, self.folder, self.children = net, folder, []
        self.client_logs = []

    def start(self, end, *command, stdout=subprocess.DEVNULL, cwd=None):
        """In a session of its own: Ctrl-C reaches the demo alone, which then ends its children in order."""
        child = subprocess.Popen(NetPair.command(end, *map(str, command)), stdin=subprocess.DEVNULL,
                                 stdout=stdout, stderr=None if stdout is None else subprocess.DEVNULL,
                                 cwd=cwd, start_new_session=True, preexec_fn=die_with_parent)
        self.children.append(child)
        return child

    def start_server(self):
        site = self.folder / "site"
        site.mkdir()
        (site / "page.html").write_text("<h1>weir</h1>\n" * 200, encoding="utf-8")
        server = self.net.right
        self.start(server, "/usr/bin/python3", "-m", "http.server", "--bind", server.address, "80", cwd=site)
        self.start(server, "iperf3", "--server", "--bind", server.address)
        deadline = time.monotonic() + 10
        while True:
            done = subprocess.run(NetPair.command(self.net.left, "curl", "-s", f"http://{server.address}/page.html"),
                                  capture_output=True, check=False)
            if done.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise RuntimeError("the web server does not answer")
            time.sleep(0.05)

    def start_weir(self):
        weir = self.start(self.net.right, WEIR, "inject", "-b", "flows", "-t", WINDOW_S, "--max-rows", ROWS,
                          self.net.right.device, stdout=None)
        deadline = time.monotonic() + 10
        while "xdp" not in ip("-n", self.net.right.namespace, "link", "show", "dev", self.net.right.device):
            if weir.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("weir did not start")
            time.sleep(0.02)
        return weir

    def start_clients(self):
        for number in range(CLIENTS):
            log = open(self.folder / f"client{number}", "wb")
            self.client_logs.append(log)
            self.start(self.net.left, "sh", "-c", CLIENT_LOOP.format(self.net.right.address), stdout=log)

    def pages_fetched(self):
        return sum(Path(log.name).stat().st_size for log in self.client_logs)

    def flood(self):
        """A bounded flood: so many packets at that pace, then it is over."""
        command = ("hping3", "--quiet", "--syn", "--spoof", ATTACKER, "--destport", "80", "--count",
                   str(FLOOD_PACKETS), "--interval", f"u{FLOOD_GAP_US}", self.net.right.address)
        done = subprocess.run(NetPair.command(self.net.left, *command), capture_output=True, text=True,
                              timeout=60, check=False)
        said = done.stdout + done.stderr
        if f"{FLOOD_PACKETS} packets transmitted" not in said:  # its exit code is 1: nobody answered
            raise RuntimeError(f"hping3: {said.strip()}")

    def stop(self, child, number=signal.SIGINT):
        child.send_signal(number)
        try:
            return child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()

    def close(self):
        for child in self.children:
            if child.poll() is None:
                self.stop(child, signal.SIGTERM)
        for log in self.client_logs:
            log.close()


def play(demo):
    server = demo.net.right
    announce("A web server and its clients: two network namespaces, joined by a veth pair")
    demo.start_server()
    announce(f"weir inject -b flows -t {WINDOW_S} --max-rows {ROWS} {server.device}    (on the server's interface; Ctrl-C ends the demo)")
    weir = demo.start_weir()
    announce(f"Normal traffic: {CLIENTS} clients fetch pages, iperf3 transfers at 20 Mbit/s")
    demo.start_clients()
    demo.net.run(demo.net.left, "iperf3", "--client", server.address, "--time", "5", "--bitrate", "20M")
    announce(f"Attack: {FLOOD_PACKETS} SYN packets from {ATTACKER}, which is forged")
    before = demo.pages_fetched()
    demo.flood()
    fetched = demo.pages_fetched() - before
    announce(f"The flood is over; meanwhile the clients fetched {fetched} pages: weir only watches")
    time.sleep(2 * WINDOW_S)
    announce("Ctrl-C for weir: it closes the open window and leaves the interface as it was")
    code = demo.stop(weir)
    if code != 0:
        raise RuntimeError(f"weir ended with exit code {code}")


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the caller ignores it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    if os.geteuid() != 0:
        sys.exit("demo: needs root: network namespaces are made")
    folder = Path(tempfile.mkdtemp(prefix="weir-demo-"))
    try:
        with NetPair("demo", devices=("clients0", "server0")) as net:
            demo = Demo(net, folder)
            try:
                play(demo)
            finally:
                demo.close()
    except KeyboardInterrupt:
        announce("Stopped")
        return 130
    except (RuntimeError, subprocess.SubprocessError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    announce("Done; namespaces, interfaces and processes are removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
