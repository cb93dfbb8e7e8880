# SPDX-License-Identifier: Apache-2.0
"""What an extractor's callbacks get."""
from weir._errors import Error


class Context:
    """What setup(context) is told.

    probe, interface (of a replay: the capture's name): text; window: nominal length in seconds; model: the path given
    by -m, or None; is_replay.
    """

    def __init__(self, facts):
        self.probe, self.interface, self.window = facts["probe"], facts["interface"], facts["window"]
        self.model, self.is_replay = facts["model"], facts["is_replay"]


class Packet:
    """What on_packet(packet) gets: the start of a packet that the probe picked (bpf/weir/punt.h).

    time_ns (Unix time in nanoseconds), time (in seconds); length: of the frame; data: bytes, from its first one on.
    """

    def __init__(self, time_ns, length, data):
        self.time_ns, self.length, self.data = time_ns, length, data

    @property
    def time(self):
        return self.time_ns / 1e9


class PacketCounts:
    """What became of the packets that entered the probe in the window.

    entered = recorded + beyond + untracked + ignored where the probe keeps a flow tensor; else the last four are None.
    """

    def __init__(self, facts):
        self.entered = facts["entered"]
        for name in ("recorded", "beyond", "untracked", "ignored"):
            setattr(self, name, facts[name] if facts["has_outcomes"] else None)

    def __repr__(self):
        return f"PacketCounts({', '.join(f'{name}={value}' for name, value in vars(self).items())})"


class Detection:
    """What the model says of a window's flows.

    malicious: flows whose score is above the threshold; scores: float32 [flows], beside the rows of the flow tensor (a
    copy; numpy is imported when it is asked for); alerts: a dict for each malicious flow, the highest score first (src,
    dst, sport, dport, protocol, packets, score); victims: a dict for each address they hit (dst, flows, packets, sources,
    score, src), the one with the most flows first.
    """

    def __init__(self, facts):
        self.threshold, self.malicious = facts["threshold"], facts["malicious"]
        self.alerts, self.victims = facts["alerts"], facts["victims"]
        self._scores = facts["scores"]

    @property
    def scores(self):
        import numpy
        return numpy.frombuffer(self._scores, numpy.float32)


class Window:
    """A closed window: what on_window(window) gets. It is over when the callback returns; arrays may be kept.

    number: 1 is the first; probe, interface; start_ns, end_ns (Unix time in nanoseconds), start, end (the same in
    seconds), duration (seconds); late: grid points that passed before it could close; skipped: in a replay, a run of
    so many empty windows; packets: PacketCounts; tables: Tables; tensor: Tensor, or None where the probe has no flow
    tensor; detection: Detection, or None where weir runs no model.
    """

    def __init__(self, facts, raws):
        self.number, self.probe, self.interface = facts["number"], facts["probe"], facts["interface"]
        self.start_ns, self.end_ns = facts["start_ns"], facts["end_ns"]
        self.late, self.skipped = facts["late"], facts["skipped"]
        self.packets = PacketCounts(facts)
        self.tables = Tables(raws)
        self.detection = Detection(facts["detection"]) if facts["detection"] else None
        self._alerts = []

    @property
    def start(self):
        """Unix time in seconds at which it was opened."""
        return self.start_ns / 1e9

    @property
    def end(self):
        """Unix time in seconds at which it was closed."""
        return self.end_ns / 1e9

    @property
    def duration(self):
        """Its true length in seconds."""
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def tensor(self):
        """The probe's flow tensor, weir._tensor.Tensor; None where it has none."""
        return self.tables._tensor()

    def alert(self, src="", dst="", sport=0, dport=0, protocol="", packets=0, score=None, reason=""):
        """Somebody should look at this: shown with the window, under "alerts" in JSON.

        src, dst: addresses, text or as they stand in a table (integers in a __be32's, 4 or 16 bytes); what is left out
        is not shown. Errors: TypeError, ValueError (a port that is none).
        """
        ports = int(sport), int(dport)
        if not all(0 <= port <= 65535 for port in ports):
            raise ValueError(f"no port: {max(ports, key=abs)}")
        if int(packets) < 0:
            raise ValueError(f"no number of packets: {packets}")
        self._alerts.append({
            "src": _address(src), "dst": _address(dst), "sport": ports[0], "dport": ports[1],
            "protocol": str(protocol), "packets": int(packets),
            "score": None if score is None else float(score), "reason": str(reason)})

    def _close(self):
        self.tables._close()


class Tables:
    """The probe's maps by name, each a numpy array that is made when it is first asked for.

    window.tables["flows"]: KeyError names the tables there are; weir.Error for one that is kept in the kernel, and
    after the callback. What the arrays look like: weir._arrays.
    """

    def __init__(self, raws):
        self._raws = {raw.name: raw for raw in raws}
        self._arrays = {}

    def __getitem__(self, name):
        found = self._arrays.get(name)
        return found if found is not None else self._arrays.setdefault(name, self._make(name))

    def get(self, name, default=None):
        return self[name] if name in self else default

    def __contains__(self, name):
        return name in self._raws

    def __iter__(self):
        return iter(list(self._raws))

    def __len__(self):
        return len(self._raws)

    def keys(self):
        return list(self._raws)

    def _make(self, name):
        if self._arrays is _OVER:
            raise Error("the window is over: its tables are gone, keep the arrays instead")
        if name not in self._raws:
            raise KeyError(f"no table {name!r}; the probe has {', '.join(self._raws) or 'none'}")
        from weir._arrays import array_of
        return array_of(self._raws[name])

    def _tensor(self):
        for name, raw in self._raws.items():
            if raw.flows is not None:
                from weir._tensor import Tensor
                return Tensor(raw, self[name])
        return None

    def _close(self):
        self._arrays = _OVER


class _Over(dict):
    """The arrays of a window that is over: none, and none are added."""


_OVER = _Over()


def _address(value):
    if isinstance(value, str):
        return value
    import ipaddress
    raw = value.tobytes() if hasattr(value, "tobytes") and not _is_number(value) else value
    if isinstance(raw, bytes) and len(raw) == 16:
        found = ipaddress.IPv6Address(raw)
        return str(found.ipv4_mapped or found)
    return str(ipaddress.ip_address(raw if isinstance(raw, bytes) else int(raw)))


def _is_number(value):
    try:
        int(value)
    except TypeError:
        return False
    return True
