# SPDX-License-Identifier: Apache-2.0
"""What the demo reads out of weir's windows, and how it shows them: for people one line a window with a bar of
its flows, for logs one line with an ISO time stamp.

    view = View(sys.stdout, Style.of(sys.stdout, os.environ, is_plain=False))
    view.window(Window.parse(line))

Nothing here makes traffic or reads a clock by itself.
"""
import json
import math
import shutil
import time
from collections import Counter
from dataclasses import dataclass

FEW_FLOWS = 10  # fewer than these make a remark, not an attack
BAR_FULL = 10_000  # flows: the bar's length is their logarithm, or normal traffic would be invisible beside a flood
COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "headline": "1;36", "alarm": "1;31"}


# ------------------------------------------------------------------------------------------ what weir says
@dataclass
class Window:
    """A line of `weir inject --format json`."""
    number: int
    start_ns: int  # Unix time, as end_ns
    end_ns: int
    packets: int
    flows: int
    malicious: int
    victims: list  # as in docs/models.md
    alerts: Counter  # {(src, dst, dport): malicious flows}

    @classmethod
    def parse(cls, line):
        told = json.loads(line)
        if "malicious" not in told:
            raise RuntimeError("weir judges no flows: it has found no model (--model names one)")
        alerts = Counter((a["src"], a["dst"], a.get("dport")) for a in told["alerts"])
        return cls(told["window"], told["start_ns"], told["end_ns"], told["packets"]["entered"], told["flows"],
                   told["malicious"], told["victims"], alerts)

    def packets_per_s(self):
        return self.packets * 1e9 / max(1, self.end_ns - self.start_ns)

    def flows_by(self, sources):
        """Malicious flows that these addresses are said to have sent."""
        return sum(flows for (source, _, _), flows in self.alerts.items() if source in sources)

    def target(self, victim):
        """The victim's address, and its port where most of the flows went to one."""
        ports = Counter()
        for (_, destination, port), flows in self.alerts.items():
            if destination == victim["dst"]:
                ports[port] += flows
        port, flows = ports.most_common(1)[0] if ports else (None, 0)
        return f"{victim['dst']}:{port}" if port and 2 * flows > victim["flows"] else victim["dst"]


class Attack:
    """An attack of which we know who and when; what weir told of it."""

    def __init__(self, name, attacker, victim, began_ns):
        self.name, self.attacker, self.victim, self.began_ns = name, attacker, victim, began_ns

    def is_named_in(self, window):
        """The victim is named, and the attacker as the first of its sources."""
        return any(v["dst"] == self.victim and v["src"][:1] == [self.attacker] for v in window.victims)

    def first_full(self, windows):
        return next((w for w in windows if w.start_ns >= self.began_ns), None)

    def found_in(self, windows):
        return next((w for w in windows if w.end_ns > self.began_ns and self.is_named_in(w)), None)

    def is_proved(self, windows):
        full, found = self.first_full(windows), self.found_in(windows)
        return full is not None and found is not None and found.number <= full.number

    def told(self, windows):
        """One line for the summary."""
        full, found = self.first_full(windows), self.found_in(windows)
        began = f"{self.name}: began {clock(self.began_ns)}"
        if full is None:
            return f"{began}, and there was no full window of it"
        if not self.is_proved(windows):
            named = ", ".join(source for v in full.victims for source in v["src"]) or "nobody"
            late = f"found only in window {found.number}" if found else "NOT FOUND"
            return f"{began}, {late}: its first full window is {full.number}, which names {named}"
        victim = next(v for v in found.victims if v["dst"] == self.victim)
        flows = sum(w.flows_by([self.attacker]) for w in windows)
        later = f"{(found.end_ns - self.began_ns) / 1e9:.1f} s later"
        return (f"{began}, found {later} in window {found.number} (its first full one is {full.number}): "
                f"{self.attacker} attacks {found.target(victim)}, {count(flows, 'flow')}")


# ------------------------------------------------------------------------------------------ how it is shown
def count(number, noun):
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def clock(unix_ns):
    """Local time, for people."""
    return time.strftime("%H:%M:%S", time.localtime(unix_ns // 10**9))


def iso(unix_ns):
    """UTC with milliseconds, for logs."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(unix_ns // 10**9)) + f".{unix_ns // 10**6 % 1000:03}Z"


@dataclass
class Style:
    is_plain: bool
    has_colour: bool = False
    width: int = 80
    block: str = "#"

    @classmethod
    def of(cls, stream, environment, is_plain):
        """As much as the stream can show: a file or a pipe gets plain lines."""
        if is_plain or not stream.isatty():
            return cls(is_plain=True)
        has_colour = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        has_blocks = (stream.encoding or "").lower().replace("-", "") == "utf8"
        return cls(False, has_colour, shutil.get_terminal_size().columns, "█" if has_blocks else "#")


def verdict(window):
    """(colour, ways to say it, from the longest to the shortest)."""
    if window.malicious == 0:
        return "green", ["quiet"]
    victim = window.victims[0]
    source, flows, score = victim["src"][0], count(victim["flows"], "flow"), f"score {victim['score']:.3f}"
    others = f" and {victim['sources'] - 1:,} more" if victim["sources"] > 1 else ""
    ends = f"{window.target(victim)} by {source}{others}"
    if window.malicious < FEW_FLOWS:
        flagged = f"{count(window.malicious, 'flow')} flagged"
        return "yellow", [f"{flagged}: {ends}, {score}", f"{flagged}: {ends}", flagged]
    attack = f"ATTACK on {ends}"
    return "alarm", [f"{attack}: {flows}, {score}", f"{attack}: {flows}", attack, f"ATTACK by {source}"]


def bar_cells(window, length):
    """(benign, malicious) cells; whatever is there at all has one."""
    if window.flows == 0:
        return 0, 0
    cells = min(length, max(2, round(length * math.log(1 + window.flows) / math.log(1 + BAR_FULL))))
    malicious = round(cells * window.malicious / window.flows)
    if window.malicious:
        malicious = max(1, malicious)
    if window.malicious < window.flows:
        malicious = min(cells - 1, malicious)
    return cells - malicious, malicious


class View:
    def __init__(self, stream, style, now_ns=time.time_ns):
        self.stream, self.style, self.now_ns = stream, style, now_ns
        self.bar_length = min(28, max(8, style.width - 98))  # 98: the rest of a line that names an attack

    def _put(self, line):
        print(line, file=self.stream, flush=True)

    def _paint(self, colour, text):
        return f"\033[{COLOURS[colour]}m{text}\033[0m" if self.style.has_colour and text else text

    def headline(self, text):
        if self.style.is_plain:
            self._put(f"{iso(self.now_ns())} scene: {text}")
        else:
            self._put("\n" + self._paint("headline", f"== {text}"))

    def columns(self):
        if not self.style.is_plain:
            columns = f"{'time':8} {'#':>3} {'flows':>7} {'(log)':{self.bar_length}} {'packets/s':>9}"
            self._put(self._paint("bold", columns + "  what weir says"))

    def window(self, window):
        colour, texts = verdict(window)
        if self.style.is_plain:
            self._put(f"{iso(window.end_ns)} window {window.number}: {count(window.flows, 'flow')}, "
                      f"{window.packets_per_s():,.0f} packets/s, {texts[0]}")
            return
        benign, malicious = bar_cells(window, self.bar_length)
        bar = (self._paint("green", self.style.block * benign) + self._paint("red", self.style.block * malicious)
               + " " * (self.bar_length - benign - malicious))
        head = f"{clock(window.end_ns)} {window.number:>3} {window.flows:>7,} "
        rate = f" {window.packets_per_s():>9,.0f}  "
        room = self.style.width - len(head) - self.bar_length - len(rate)
        text = next((text for text in texts if len(text) <= room), texts[-1])
        self._put(head + bar + rate + self._paint(colour, text))

    def result(self, is_good, text):
        """A line of the summary: what was to be shown, and whether it was."""
        word = "PASS" if is_good else "MISS"
        if self.style.is_plain:
            self._put(f"{iso(self.now_ns())} {word}: {text}")
        else:
            self._put(f"{self._paint('green' if is_good else 'alarm', word)}  {text}")

    def remark(self, text):
        self._put(f"{iso(self.now_ns())} {text}" if self.style.is_plain else f"      {text}")
