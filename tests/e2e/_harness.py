# SPDX-License-Identifier: Apache-2.0
"""What end-to-end tests share. A test is a function test_*(box) of a script that ends with

    if __name__ == "__main__":
        harness.main(globals())

Each gets a fresh Box: a NetPair (probes sit on net.right, traffic comes from net.left), a scratch folder
and the weir processes it started. After each one, whatever it left behind (processes, BPF programs, maps,
links, pins, namespaces, interfaces, qdiscs) fails it. Exit codes: 0, 1, 77 everything was skipped.
"""
import ctypes
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("WEIR_BUILD_DIR", REPOSITORY / "build")).resolve()
WEIR = BUILD / "weir"
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
IS_LONG = os.environ.get("WEIR_LONG") == "1"

sys.path.insert(0, str(REPOSITORY / "tools"))
sys.dont_write_bytecode = True
import netpair  # noqa: E402
import _leaks  # noqa: E402


class Skip(Exception):
    """The test cannot run here; with `is_kernel` WEIR_REQUIRE_KERNEL=1 makes that a failure."""

    def __init__(self, reason, is_kernel=True):
        super().__init__(reason)
        self.is_kernel = is_kernel


def wait_until(condition, what, timeout_s=10.0):
    """Polls until `condition` returns something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.005)


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Process:
    """A child whose output is read as it comes, with deadlines instead of hope."""

    def __init__(self, command, env=None):
        self.command = " ".join(map(str, command))
        self.popen = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**os.environ, **(env or {})}, preexec_fn=_die_with_parent)
        self.stderr, self._lines = "", queue.Queue()
        self._threads = [threading.Thread(target=self._read_stdout, daemon=True),
                         threading.Thread(target=self._read_stderr, daemon=True)]
        for thread in self._threads:
            thread.start()

    def _read_stdout(self):
        for line in self.popen.stdout:
            self._lines.put(line.decode(errors="replace"))
        self._lines.put(None)

    def _read_stderr(self):
        for line in self.popen.stderr:
            self.stderr += line.decode(errors="replace")

    def line(self, timeout_s=10.0):
        """The next line of standard output; None at its end."""
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise AssertionError(f"no line within {timeout_s} s from: {self.command}\n{self.stderr}") from None
        if line is None:
            self._lines.put(None)
        return line

    def wait(self, timeout_s=15.0):
        """The exit code; all output has been read by then."""
        try:
            code = self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout_s} s: {self.command}\n{self.stderr}") from None
        for thread in self._threads:
            thread.join(5)
        return code

    def signal(self, number):
        self.popen.send_signal(number)

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        for thread in self._threads:
            thread.join(5)
        self.popen.stdout.close()
        self.popen.stderr.close()


class Weir(Process):
    """`weir` inside the namespace of one end."""

    def __init__(self, end, *args, env=None, prefix=()):
        self.end = end
        super().__init__([*netpair.NetPair.command(end, *prefix), WEIR, *args], env)

    def window(self, timeout_s=10.0):
        """The next window as the JSON it was printed as; None when there are no more."""
        line = self.line(timeout_s)
        return None if line is None else json.loads(line)

    def windows(self, timeout_s=15.0):
        """All windows up to the end of the output."""
        found = []
        while (window := self.window(timeout_s)) is not None:
            found.append(window)
        return found


class Box:
    """What one test has, and what is taken down after it."""

    def __init__(self, name):
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"weir-{name}-"))
        self.processes = []
        self._nets = []

    def net(self, **options):
        """A fresh pair of namespaces, up and quiet."""
        net = netpair.NetPair(f"{self.name}{len(self._nets) or ''}", **options)
        self._nets.append(net)
        return net.__enter__()

    def start(self, *command, env=None):
        self.processes.append(Process(command, env))
        return self.processes[-1]

    def weir(self, end, *args, env=None, prefix=()):
        """Starts weir; its cache is the test's own."""
        env = {"WEIR_CACHE": str(self.folder / "cache"), **(env or {})}
        self.processes.append(Weir(end, *args, env=env, prefix=prefix))
        return self.processes[-1]

    def inject(self, end, *args, **options):
        """`weir inject --format json ARGS DEVICE`."""
        return self.weir(end, "inject", "--format", "json", *args, end.device, **options)

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def close(self):
        for process in self.processes:
            process.kill()
        for net in self._nets:
            net.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def attached_program(end):
    """{"mode": ..., "id": ..., "name": ...} of the XDP program on an end's device, or None."""
    link = json.loads(netpair.ip("-n", end.namespace, "-j", "-d", "link", "show", "dev", end.device))[0]
    xdp = link.get("xdp")
    return None if not xdp else {"mode": xdp.get("mode"), **xdp.get("prog", {})}


def wait_attached(process, timeout_s=10.0):
    """Waits until weir's program is on the device; a weir that ended first is the error."""
    def look():
        assert process.popen.poll() is None, f"weir ended: {process.wait()}\n{process.stderr}"
        return attached_program(process.end)
    return wait_until(look, f"a program on {process.end.device}", timeout_s)


def compile_bpf(box, name, source, *flags):
    """Compiles a BPF source to an object by clang alone; with BTF, unless the flags say -g0."""
    path = box.file(f"{name}.bpf.c", source)
    target = box.folder / f"{name}.bpf.o"
    clang = shutil.which("clang-19") or shutil.which("clang")
    subprocess.run([clang, "-target", "bpf", "-O2", "-g", "-mcpu=v3",
                    f"-I/usr/include/{os.uname().machine}-linux-gnu", *flags, "-c", path, "-o", target], check=True)
    return target


def frame(destination="02:00:00:00:00:02", source="02:00:00:00:00:01", ether_type=0x88B5, payload=b""):
    """An Ethernet frame of at least 60 bytes; the default type is the one reserved for experiments."""
    head = bytes.fromhex((destination + source).replace(":", "")) + ether_type.to_bytes(2, "big")
    return (head + payload).ljust(60, b"\0")


def entered(windows):
    return sum(window["packets"]["entered"] for window in windows)


# ------------------------------------------------------------------------------------------ running
def _check_here():
    if os.geteuid() != 0:
        raise Skip("needs root")
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        raise Skip("the kernel has no BTF")
    if not WEIR.exists():
        raise Skip(f"{WEIR} is not built")


def _run_one(name, function):
    """None when it passed, else ("FAIL" | "SKIP", reason)."""
    before = _leaks.inventory()
    outcome = None
    box = Box(name)
    try:
        _check_here()
        function(box)
    except Skip as skip:
        required = skip.is_kernel and os.environ.get("WEIR_REQUIRE_KERNEL") == "1"
        outcome = ("FAIL" if required else "SKIP", str(skip))
    except Exception:
        outcome = ("FAIL", traceback.format_exc())
    finally:
        box.close()
    left = _leaks.since(before)
    if left:
        outcome = ("FAIL", (outcome[1] if outcome else "") + "left behind: " + "; ".join(left))
    return outcome


def _stop(number, _):
    raise SystemExit(128 + number)  # unwinds through every clean-up


def main(names):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    chosen = sys.argv[1:]
    script = Path(sys.argv[0]).stem
    outcomes = []
    for name, function in list(names.items()):
        if not name.startswith("test_") or (chosen and name not in chosen):
            continue
        started = time.monotonic()
        outcome = _run_one(script, function)
        outcomes.append(outcome and outcome[0])
        word = outcome[0] if outcome else "ok"
        print(f"{word:4} {name} ({time.monotonic() - started:.1f} s)", flush=True)
        if outcome:
            print("     " + outcome[1].strip().replace("\n", "\n     "), flush=True)
    assert outcomes, f"no such test: {chosen}"
    if "FAIL" in outcomes:
        sys.exit(1)
    sys.exit(77 if all(outcome == "SKIP" for outcome in outcomes) else 0)
