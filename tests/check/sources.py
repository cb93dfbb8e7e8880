#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Lengths of files and functions. Two marks: the aim, above which a file is only listed, and the limit, a
quarter (functions: a half) above it, which fails: by then the file or function has two subjects. Tables of
test cases are one subject at any length, so tests are only listed."""
import re

import _files as files

AIMS = {".h": (250, 312), ".cpp": (400, 500), ".c": (400, 500), ".py": (400, 500)}
FUNCTION_AIM, FUNCTION_LIMIT = 50, 75
NO_FUNCTION = re.compile(r"^(}|#|//|/\*| |\t|namespace|struct|class|enum|union|extern|template|using|typedef)")


def functions_of(path):
    """(first line, length) of each function at the outer level; clang-format puts its end in column 0."""
    start = None
    for number, line in enumerate(files.lines_of(path), 1):
        if line.startswith("}") and start:
            yield start, number - start + 1
            start = None
        elif line and not NO_FUNCTION.match(line) and "(" in line and not line.endswith((";", "{{", "= {")):
            start = number


def judge(path, what, length, aim, limit, findings):
    if length <= aim:
        return
    line = f"{path}{what}: {length} lines, the aim is {aim}"
    if length > limit and path.parts[0] != "tests":
        findings.append(f"{line}, the limit {limit}")
    else:
        print(f"note: {line}")


def main():
    findings = []
    for path in files.project_files(*AIMS):
        aim, limit = AIMS[path.suffix]
        judge(path, "", len(files.lines_of(path)), aim, limit, findings)
        if path.suffix != ".py":
            for start, length in functions_of(path):
                judge(path, f":{start}", length, FUNCTION_AIM, FUNCTION_LIMIT, findings)
    files.finish(findings, "sources")


if __name__ == "__main__":
    main()
