# SPDX-License-Identifier: Apache-2.0
"""What tests of `weir run` share: a policy that is written, reloaded and stopped; and what hooks hold."""
import ctypes
import platform
import signal
import subprocess
import threading
from collections import defaultdict

import _harness as harness
import netpair

_NR_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
_libc = ctypes.CDLL(None, use_errno=True)
_PROG_QUERY = 16
_TCX = {"tc-ingress": 46, "tc-egress": 47}  # enum bpf_attach_type

COUNT = "#include <weir/probe.h>\nWEIR_PROBE(count) {{ {body} return WEIR_PASS; }}\n"
WINDOW_S = 0.1


def source(box, name, body=""):
    """A probe that counts and lets pass, on any hook."""
    return box.file(name, COUNT.format(body=body))


def probe(name, file="count.bpf.c", **keys):
    """A [[probe]]; the values of keys are TOML."""
    lines = [f'name = "{name}"', f'bpf = "{file}"'] + [f"{key} = {value}" for key, value in keys.items()]
    return "[[probe]]\n" + "\n".join(lines) + "\n"


class Run:
    """`weir run` in the namespace of one end, all windows as JSON on its standard output."""

    def __init__(self, box, end, *probes, args=(), interface=None, **options):
        self.box, self.end, self.interface = box, end, interface or end.device
        self.found = []  # windows that were read
        self.write(*probes)
        self.weir = box.weir(end, "run", *args, box.folder / "policy.toml", **options)

    def write(self, *probes):
        """The policy; tells nobody."""
        head = f'interface = "{self.interface}"\nwindow = {WINDOW_S}\nformat = "json"\n'
        self.box.file("next.toml", head + "".join(probes)).rename(self.box.folder / "policy.toml")

    def until(self, *names):
        """Reads windows until each of these probes has one more."""
        missing = set(names)
        while missing:
            window = self.weir.window(60)
            assert window is not None, f"weir ended:\n{self.weir.stderr}"
            self.found.append(window)
            missing.discard(window["probe"])

    def says(self, *texts, since=0, timeout_s=60):
        """Waits until each of these stands on standard error behind `since`."""
        for text in texts:
            def look(text=text):
                assert self.weir.popen.poll() is None, f"weir ended:\n{self.weir.stderr}"
                return text in self.weir.stderr[since:]
            try:
                harness.wait_until(look, repr(text), timeout_s)
            except AssertionError as late:
                raise AssertionError(f"{late}; said:\n{self.weir.stderr[since:]}") from None
        return self.weir.stderr[since:]

    def reload(self, *probes, says=()):
        """A new policy by SIGHUP; returns what was said, which has these texts in it."""
        if probes:
            self.write(*probes)
        since = len(self.weir.stderr)
        self.weir.signal(signal.SIGHUP)
        return self.says(*says, since=since)

    def refused(self, *probes, says):
        """A reload that must change nothing and say why: in one line, and with a compiler's own lines."""
        said = self.reload(*probes, says=("nothing was changed: ", *says))
        assert said.count("nothing was changed") == said.count("weir: ") == 1, f"more than one note:\n{said}"

    def stop(self):
        """All windows, after Ctrl-C, which exits 0."""
        self.weir.signal(signal.SIGINT)
        self.found += self.weir.windows(30)
        assert self.weir.wait(30) == 0, self.weir.stderr
        return self.found


def of(windows, name, hook=None, interface=None):
    """Those of one probe, in their order."""
    return [w for w in windows if w["probe"] == name and hook in (None, w["hook"])
            and interface in (None, w["interface"])]


def counted(windows, name, **where):
    return harness.entered(of(windows, name, **where))


def by_hook(windows):
    """{(probe, hook): packets}."""
    sums = defaultdict(int)
    for window in windows:
        sums[window["probe"], window["hook"]] += window["packets"]["entered"]
    return dict(sums)


class Load:
    """Frames from an end as fast as one thread sends them, as long as the block runs; `sent` is exact after it."""

    def __init__(self, net, end, pause_s=None):
        self.raw, self.pause_s, self.sent = net.raw_socket(end), pause_s, 0
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self._send, daemon=True)

    def _send(self):
        frame = harness.frame()
        while not self.ends.is_set():
            try:
                self.raw.send(frame)
                self.sent += 1
            except OSError:  # no buffer: that one was not sent
                pass
            if self.pause_s:
                self.ends.wait(self.pause_s)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()
        self.raw.close()


def tcx_programs(end, hook, device=None):
    """How many programs TCX holds there; 0 where the kernel has none."""
    with netpair.inside(end.namespace):
        links = netpair.ip("-n", end.namespace, "-o", "link", "show", "dev", device or end.device)
        attr = (ctypes.c_uint32 * 20)(int(links.split(":")[0]), _TCX[hook])
        if _libc.syscall(_NR_BPF, _PROG_QUERY, attr, 80) != 0:
            return 0
    return attr[6]


def clsact_filters(end, device=None):
    """Names of weir's filters on both sides."""
    lines = []
    for side in ("ingress", "egress"):
        show = netpair.NetPair.command(end, "tc", "filter", "show", "dev", device or end.device, side)
        lines += subprocess.run(show, capture_output=True, text=True, check=False).stdout.splitlines()
    return [line for line in lines if "weir:" in line]


def is_bare(end):
    """Nothing of weir on any hook that goes with its process."""
    return harness.attached_program(end) is None and not any(tcx_programs(end, hook) for hook in _TCX)
