#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws docs/pictures/way.svg: the way of a packet through a chain, and of a window through user space.

    python3 docs/pictures/way.py > docs/pictures/way.svg

tests/check/pictures.py holds the picture against this script.
"""

WIDTH, HEIGHT = 920, 430
PACKET, WINDOW, QUIET = "#1f6feb", "#bc4c00", "#8c959f"

parts: list[str] = []


def text(x, y, words, size=13, color="#24292f", anchor="middle", weight="normal"):
    parts.append(
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{color}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{words}</text>'
    )


def box(x, y, width, height, words, color, note="", filled=True):
    fill = "#ffffff" if filled else "#f6f8fa"
    parts.append(
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{fill}" stroke="{color}" '
        f'stroke-width="1.5"/>'
    )
    middle = x + width / 2
    text(middle, y + height / 2 + (5 if not note else -2), words, color=color if filled else QUIET, weight="bold")
    if note:
        text(middle, y + height / 2 + 14, note, size=11, color="#57606a")


def arrow(x1, y1, x2, y2, color, dashed=False):
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    parts.append(
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{color}" stroke-width="1.8"{dash} '
        f'marker-end="url(#{"packet" if color == PACKET else "window"})"/>'
    )


def kernel():
    text(20, 30, "a packet", anchor="start", size=15, weight="bold", color=PACKET)
    text(100, 30, "in the kernel, once per packet", anchor="start", color="#57606a")
    box(20, 90, 70, 50, "NIC", PACKET)
    box(140, 90, 110, 50, "pivot", PACKET, "reads the word")
    arrow(90, 115, 138, 115, PACKET)
    for slot in range(3):
        x = 310 + 170 * slot
        text(x + 60, 68, f"slot {slot}", color="#57606a")
        box(x, 80, 120, 34, "clone 0", PACKET)
        box(x, 124, 120, 34, "clone 1", PACKET, filled=False)
        arrow(x - (58 if slot == 0 else 48), 108 if slot == 0 else 97, x - 2, 97, PACKET)
    box(820, 80, 80, 34, "verdict", PACKET)
    arrow(770, 97, 818, 97, PACKET)
    text(310, 182, "a verdict other than pass ends the way: drop, redirect, transmit", size=12, color="#57606a",
         anchor="start")
    box(140, 205, 620, 34, "generation word: which clone of each slot, how many slots, which bank", "#57606a")
    arrow(195, 203, 195, 144, PACKET, dashed=True)
    text(775, 227, "one store flips all", anchor="start", size=12, color=WINDOW)


def user_space():
    text(190, 290, "a window", anchor="start", size=15, weight="bold", color=WINDOW)
    text(278, 290, "in user space, once per window", anchor="start", color="#57606a")
    stages = [
        ("flip", "one store"),
        ("grace", "no CPU inside"),
        ("read", "typed tables"),
        ("predict", "scores"),
        ("extract", "your code"),
        ("report", "text, JSON"),
        ("clear", "twin is clean"),
    ]
    for i, (stage, note) in enumerate(stages):
        x = 20 + 128 * i
        box(x, 310, 104, 50, stage, WINDOW, note)
        if i:
            arrow(x - 24, 335, x - 2, 335, WINDOW)
    arrow(72, 308, 160, 241, WINDOW, dashed=True)
    text(148, 385, "engine's thread", size=12, color="#57606a")
    text(532, 385, "the probe's own thread, without capabilities", size=12, color="#57606a")
    text(840, 385, "engine's thread", size=12, color="#57606a")
    text(20, 415, "Meanwhile packets run through the other clones: the window that is read no longer changes.",
         size=12, anchor="start")


def marker(name, color):
    return (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path d="M0 0 L10 5 L0 10 z" fill="{color}"/></marker>'
    )


def main():
    kernel()
    user_space()
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">\n'
        f"<title>The way of a packet and of a window</title>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n'
        f"<defs>{marker('packet', PACKET)}{marker('window', WINDOW)}</defs>"
    )
    print("\n".join(parts))
    print("</svg>")


if __name__ == "__main__":
    main()
