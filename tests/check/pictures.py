#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every docs/pictures/NAME.svg is what docs/pictures/NAME.py prints."""
import subprocess

import _files as files


def main():
    findings = []
    pictures = {path.with_suffix("") for path in files.project_files(".svg", ".py") if path.parts[:2] == ("docs", "pictures")}
    for picture in sorted(pictures):
        script, svg = files.ROOT / f"{picture}.py", files.ROOT / f"{picture}.svg"
        if not script.exists() or not svg.exists():
            findings.append(f"{picture}: script and picture go together")
            continue
        printed = subprocess.run(["/usr/bin/python3", "-B", script], capture_output=True, text=True, check=True).stdout
        if printed != svg.read_text(encoding="utf-8"):
            findings.append(f"{picture}.svg: not what its script prints: python3 {picture}.py > {picture}.svg")
    if not pictures:
        findings.append("docs/pictures: no picture")
    files.finish(findings, "pictures")


if __name__ == "__main__":
    main()
