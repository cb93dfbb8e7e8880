# SPDX-License-Identifier: Apache-2.0
"""A probe on an interface, driven from Python."""
import os

from weir._errors import Error
from weir._window import Window


def inject(interface, probe="ddos", window=10.0, *, hook=None, mode="skb", strict=False, windows=0, program="", cflags=(),
           settings=None, window_maps=(), persist_maps=(), model=None, profile="", threshold=None, threads=1, device="cpu"):
    """Puts a probe on an interface; returns a Probe, whose windows are iterated over. Packets are counted by then.

        with weir.inject("eth0", probe="ddos", window=1) as probe:
            for window in probe:
                print(window.packets, len(window.tables["flows"]))

    interface: name of a network interface. probe: shipped name, directory, .c or .o. window: seconds, 0.05 at least.
    hook: "xdp", "tc-ingress" or "tc-egress"; None: xdp, or tc-ingress for a program that is for tc. Of xdp, mode: "skb", "drv" or "hw"; strict: fail rather than fall back to skb. windows: end after so many (0: never).
    program: entry function, where the source has several. cflags: more flags for clang. settings: {"PARAM": value}
    or {"MAP.max_entries": value}, the probe's name before it or not. window_maps, persist_maps: names of maps.
    model: .h5, .keras or .onnx, or a shipped one's name ("ddos"), that scores every flow (window.detection); profile, threshold, threads, device: as
    `weir inject --help` says of them.

    Errors: weir.Error with .code ("NotFound", "Busy", "Permission", "Rejected", ...), .log (the compiler's or the
    verifier's, where there is one) and .hint; ValueError for a hook, a mode or a window that is none. On an error nothing
    stays on the interface. Needs the privileges of `weir inject`.
    """
    if hook not in (None, "xdp", "tc-ingress", "tc-egress"):
        raise ValueError(f"no hook: {hook!r}")
    if mode not in ("skb", "drv", "hw"):
        raise ValueError(f"no XDP mode: {mode!r}")
    if not 0.05 <= float(window) <= 1e6:
        raise ValueError(f"a window is 0.05 s to 1,000,000 s: {window!r}")
    if device not in ("cpu", "cuda"):
        raise ValueError(f"no device: {device!r}")
    name = os.path.basename(str(probe)).split(".")[0]
    return Probe({
        "interface": str(interface), "probe": str(probe), "window_ns": round(float(window) * 1e9), "hook": hook, "mode": mode,
        "strict": bool(strict), "windows": int(windows), "program": program, "cflags": list(map(str, cflags)),
        "model": None if model is None else {
            "file": os.fspath(model), "profile": profile, "threshold": None if threshold is None else float(threshold),
            "threads": int(threads), "device": device},
        "window_maps": list(window_maps), "persist_maps": list(persist_maps),
        "settings": {key if key.startswith(name + ".") else f"{name}.{key}": _text(value)
                     for key, value in (settings or {}).items()}})


class Probe:
    """A probe on an interface: an iterator over its windows, and a context manager that detaches it.

    A window's tables are good until the next one is asked for; arrays that are kept keep their content. Who takes
    longer than a window makes the next one late (window.late), and loses no packet. Iteration ends after `windows`
    windows, or with close(); weir.Error where the interface vanishes. While a window is waited for, other threads of
    Python run, and Ctrl-C is noticed within 50 ms.
    """

    def __init__(self, options):
        core = _core()
        self._window = None
        self._session = core.Session(options)

    @property
    def notices(self):
        """What weir wants known and that is no error: a fall-back, a faster mode. A list of str."""
        return self._session.notices

    @property
    def mode(self):
        """How the probe is attached: "skb", "drv" or "hw" (xdp), "tcx" or "clsact" (tc)."""
        return self._session.mode

    def __iter__(self):
        return self

    def __next__(self):
        self._release()
        found = self._session.next()
        if found is None:
            raise StopIteration
        self._window = Window(*found)
        return self._window

    def close(self):
        """Detaches the probe; the open window is not shown. Idempotent."""
        self._release()
        self._session.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _release(self):
        if self._window is not None:
            self._window._close()
            self._window = None
            self._session.release()


def _text(value):
    return {True: "1", False: "0"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _core():
    try:
        import _weir_core
    except ImportError as error:
        raise Error(f"no probes from here: {error}", "Unsupported") from None
    # weir's own files lie above this module: PREFIX/share/weir/python.
    prefix = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(_weir_core.__file__)))))
    os.environ.setdefault("WEIR_PREFIX", prefix)
    return _weir_core
