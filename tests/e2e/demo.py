#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./dev demo proves what it shows, ends cleanly whenever it is stopped, and shows it to people and to logs."""
import io
import json
import os
import re
import signal
import time

import _harness as harness
from demo_view import Attack, Style, View, Window

MODEL = harness.BUILD / "share" / "weir" / "models" / "ddos" / "model.onnx"
MOST_FALSE_ALARMS = 50  # of the thousand benign flows of a run; 0 to 4 were seen
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


# ------------------------------------------------------------------------------------------ the demo itself
def start_demo(box):
    if not MODEL.exists():
        raise harness.Skip(f"there is no {MODEL}: no model is shipped", is_kernel=False)
    return box.start("/usr/bin/python3", harness.REPOSITORY / "tools" / "demo.py", "--plain",
                     env={"WEIR_BUILD_DIR": str(harness.BUILD)})


def lines_until(process, text, timeout_s=60):
    """The lines up to the first that has the text; None: to the end."""
    lines = []
    while (line := process.line(timeout_s)) is not None:
        lines.append(line.rstrip("\n"))
        if text and text in line:
            return lines
    assert text is None, f"no '{text}' in {lines}\n{process.stderr}"
    return lines


def scenes_of(lines):
    """[[headline, its windows' lines...], ...]."""
    scenes = []
    for line in lines:
        assert re.match(STAMP + " ", line), f"no time stamp: {line}"
        if " scene: " in line:
            scenes.append([])
        scenes[-1].append(line.partition(" ")[2])
    return scenes


def namespaces_of(process):
    return [name for name in os.listdir("/run/netns") if name.startswith(f"weir-demo-{process.popen.pid}-")]


def test_both_attacks_are_found_in_their_first_full_window(box):
    process = start_demo(box)
    lines = lines_until(process, None)
    assert process.wait() == 0, "\n".join(lines) + process.stderr
    _, benign, syn, quiet, http, _, summary = scenes_of(lines)
    assert len(benign) == 6 and all(line.endswith(", quiet") for line in benign[1:]), benign
    assert all(re.search(r": [1-9]\d flows, ", line) for line in benign[1:]), benign
    # The first window has the attack's beginning; from the second on it is full, and the last ends with it.
    assert "SYN flood from 10.77.0.66" in syn[0], syn
    # The attacker comes first, as most flows are its own; a benign flow beside it may be flagged as well.
    assert re.search(r"ATTACK on 10\.77\.0\.2:80 by 10\.77\.0\.66(?: and \d more)?: [\d,]{5,} flows, score", syn[2]), syn
    assert "10.77.0.99" not in "".join(syn + quiet), syn + quiet
    assert "HTTP flood from 10.77.0.99" in http[0], http
    assert re.search(r"ATTACK on 10\.77\.0\.2:80 by 10\.77\.0\.99(?: and \d more)?: [\d,]{3,} flows, score", http[2]), http
    assert summary[1].startswith("PASS: SYN flood: ") and "10.77.0.66 attacks 10.77.0.2:80" in summary[1], summary
    assert summary[2].startswith("PASS: HTTP flood: ") and "10.77.0.99 attacks 10.77.0.2:80" in summary[2], summary
    called = re.fullmatch(r"(\d+) benign flows? called malicious, in 17 windows", summary[3])
    assert called and int(called[1]) <= MOST_FALSE_ALARMS, summary
    assert "\033" not in "".join(lines) and "█" not in "".join(lines)
    assert not namespaces_of(process)


def test_ctrl_c_during_an_attack_leaves_nothing(box):
    process = start_demo(box)
    lines_until(process, "First attack")
    lines_until(process, "window 6")
    names = namespaces_of(process)
    assert len(names) == 2, names
    inside = [int(pid) for name in names for pid in harness.netpair.ip("netns", "pids", name).split()]
    assert len(inside) >= 8, f"server, clients, flood and weir run: {inside}"
    process.signal(signal.SIGINT)
    process.signal(signal.SIGINT)  # the second changes nothing
    assert process.wait() == 130, process.stderr
    assert "Stopped; everything it made is removed" in lines_until(process, None)[-1]
    assert process.stderr == ""
    assert not namespaces_of(process)
    harness.wait_until(lambda: not [pid for pid in inside if os.path.exists(f"/proc/{pid}")], "the end of them all")


# ------------------------------------------------------------------------------------------ how it is shown
ZERO_S = 1_800_000_000  # 2027-01-15 08:00:00 UTC


def recorded(number, flows, attackers=(), packets=1000):
    """A window of two seconds; attackers: (address, how many flows)."""
    alerts = [{"src": address, "dst": "10.77.0.2", "sport": 1024 + i, "dport": 80, "protocol": "TCP", "packets": 1,
               "score": 0.75} for address, many in attackers for i in range(many)]
    victims = [{"dst": "10.77.0.2", "flows": len(alerts), "packets": len(alerts), "sources": len(attackers),
                "score": 0.75, "src": [address for address, _ in attackers][:3]}] if alerts else []
    start_ns = (ZERO_S + 2 * number - 2) * 10**9
    return Window.parse(json.dumps({
        "v": 1, "window": number, "start_ns": start_ns, "end_ns": start_ns + 2 * 10**9, "flows": flows,
        "packets": {"entered": packets}, "malicious": len(alerts), "alerts": alerts, "victims": victims}))


WINDOWS = [
    recorded(1, 74),
    recorded(2, 75, [("10.77.0.11", 1)]),
    recorded(3, 9000, [("10.77.0.66", 8926)], packets=11001),
    recorded(4, 1074, [("10.77.0.99", 1000), ("10.77.0.66", 20), ("10.77.0.11", 1)]),
    recorded(5, 0, packets=0),
]

PLAIN = """\
2027-01-15T08:00:00.000Z scene: Normal traffic
2027-01-15T08:00:02.000Z window 1: 74 flows, 500 packets/s, quiet
2027-01-15T08:00:04.000Z window 2: 75 flows, 500 packets/s, 1 flow flagged: 10.77.0.2:80 by 10.77.0.11, score 0.750
2027-01-15T08:00:06.000Z window 3: 9,000 flows, 5,500 packets/s, ATTACK on 10.77.0.2:80 by 10.77.0.66: 8,926 flows, score 0.750
2027-01-15T08:00:08.000Z window 4: 1,074 flows, 500 packets/s, ATTACK on 10.77.0.2:80 by 10.77.0.99 and 2 more: 1,021 flows, score 0.750
2027-01-15T08:00:10.000Z window 5: 0 flows, 0 packets/s, quiet
2027-01-15T08:00:00.000Z PASS: found
2027-01-15T08:00:00.000Z MISS: not found
2027-01-15T08:00:00.000Z that is all
"""

WIDE = """\

== Normal traffic
time       #   flows (log)                  packets/s  what weir says
08:00:02   1      74 ##########                   500  quiet
08:00:04   2      75 ##########                   500  1 flow flagged: 10.77.0.2:80 by 10.77.0.11, score 0.750
08:00:06   3   9,000 ######################     5,500  ATTACK on 10.77.0.2:80 by 10.77.0.66: 8,926 flows, score 0.750
08:00:08   4   1,074 #################            500  ATTACK on 10.77.0.2:80 by 10.77.0.99 and 2 more: 1,021 flows
08:00:10   5       0                                0  quiet
PASS  found
MISS  not found
      that is all
"""


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def shown(style):
    """What a view of that style prints."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    stream = Terminal()
    view = View(stream, style, now_ns=lambda: ZERO_S * 10**9)
    view.headline("Normal traffic")
    view.columns()
    for window in WINDOWS:
        view.window(window)
    view.result(True, "found")
    view.result(False, "not found")
    view.remark("that is all")
    return stream.getvalue()


def test_plain_lines_are_for_logs(_):
    assert shown(Style(is_plain=True)) == PLAIN


def test_lines_fit_the_terminal(_):
    assert shown(Style(is_plain=False, width=120)) == WIDE
    narrow = shown(Style(is_plain=False, width=80)).splitlines()
    assert max(map(len, narrow)) <= 80, narrow
    assert [line for line in narrow if line.endswith("ATTACK on 10.77.0.2:80 by 10.77.0.66")], narrow
    narrowest = shown(Style(is_plain=False, width=62)).splitlines()
    assert max(map(len, narrowest)) <= 62, narrowest
    assert [line for line in narrowest if line.endswith("ATTACK by 10.77.0.66")], narrowest


def test_colours_are_for_terminals_and_change_no_text(_):
    coloured = shown(Style(is_plain=False, has_colour=True, width=120))
    assert re.sub(r"\033\[[\d;]*m", "", coloured) == WIDE
    attack = next(line for line in coloured.splitlines() if "08:00:06" in line)
    assert re.search(r"\033\[32m#\033\[0m\033\[31m#{21}\033\[0m", attack), "one green cell, the rest is red"
    terminal = Style.of(Terminal(), {}, is_plain=False)
    assert (terminal.is_plain, terminal.has_colour, terminal.block) == (False, True, "█")
    assert not Style.of(Terminal(), {"NO_COLOR": "1"}, is_plain=False).has_colour
    assert not Style.of(Terminal(), {"TERM": "dumb"}, is_plain=False).has_colour
    for style in (Style.of(Terminal(), {}, is_plain=True), Style.of(io.StringIO(), {}, is_plain=False)):
        assert style.is_plain and not style.has_colour


def test_an_attack_is_proved_by_its_first_full_window_or_not_at_all(_):
    def attack(second, attacker="10.77.0.66"):
        return Attack("flood", attacker, "10.77.0.2", int((ZERO_S + second) * 10**9))
    in_time = attack(2.1)  # within window 2, so that 3 is the first full one
    assert in_time.is_proved(WINDOWS)
    assert in_time.told(WINDOWS) == ("flood: began 08:00:02, found 3.9 s later in window 3 (its first full one is 3): "
                                     "10.77.0.66 attacks 10.77.0.2:80, 8,946 flows"), in_time.told(WINDOWS)
    late = attack(0.1)
    assert not late.is_proved(WINDOWS)
    assert "found only in window 3: its first full window is 2, which names 10.77.0.11" in late.told(WINDOWS)
    second_of_the_sources = attack(6.1)
    assert not second_of_the_sources.is_proved(WINDOWS)
    assert "NOT FOUND: its first full window is 5, which names nobody" in second_of_the_sources.told(WINDOWS)
    assert "no full window" in attack(9).told(WINDOWS)
    assert not attack(9).is_proved(WINDOWS)


def test_without_a_model_nothing_is_claimed(_):
    try:
        Window.parse(json.dumps({"v": 1, "window": 1, "start_ns": 0, "end_ns": 1, "flows": 3,
                                 "packets": {"entered": 3}}))
    except RuntimeError as error:
        assert "no model" in str(error)
        return
    raise AssertionError("a window without verdicts is taken for a quiet one")


if __name__ == "__main__":
    harness.main(globals())
