#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Includes follow the arrows of docs/design.md: a module includes itself, what its arrows reach, and
include/weir; a library's headers are seen by the folders that the table of libraries names."""
import re

import _files as files

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
DESIGN = "docs/design.md"


def reachable(arrows):
    """{module: every module it may include}, from {module: the modules its arrows name}."""
    closed = {}

    def close(module):
        if module not in closed:
            closed[module] = {module}
            for next_module in arrows[module]:
                closed[module] |= close(next_module)
        return closed[module]

    for module in arrows:
        close(module)
    return closed


def includes_of(path):
    for number, line in enumerate(files.lines_of(path), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) == "<", match.group(2)


def folder_of(path):
    return path.parts[1] if path.parts[0] == "src" else path.parts[0]


def main():
    arrows = {row[0]: files.words(row[1]) for row in files.table_of(DESIGN, "module")}
    libraries = [(files.words(row[1]), files.words(row[2])) for row in files.table_of(DESIGN, "library")]
    allowed = reachable(arrows)
    findings = []
    for path in files.project_files(".h", ".cpp"):
        if path.parts[0] not in ("src", "cli", "include", "python"):
            continue
        folder = folder_of(path)
        if folder not in allowed:
            findings.append(f"{path}: the table of modules in {DESIGN} does not know '{folder}'")
            continue
        for number, is_system, target in includes_of(path):
            top = target.split("/")[0]
            if not is_system and top in allowed and "/" in target and top not in allowed[folder]:
                findings.append(f"{path}:{number}: {folder} may not include {target}")
            for headers, seen_by in libraries:
                if is_system and target.startswith(tuple(headers)) and folder not in seen_by:
                    findings.append(f"{path}:{number}: <{target}> is for {', '.join(seen_by)} only")
    files.finish(findings, "arrows")


if __name__ == "__main__":
    main()
