#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The first line of every source (the second, after a #!) names its licence: what runs in the kernel is
GPL-2.0-only OR BSD-2-Clause, everything else Apache-2.0."""
import _files as files

KERNEL_FOLDERS = ("bpf", "probes")
APACHE, DUAL = "Apache-2.0", "GPL-2.0-only OR BSD-2-Clause"


def expected(path):
    """The licences that a file may have."""
    if path.suffix in (".c", ".h") and path.parts[0] in KERNEL_FOLDERS:
        return (DUAL,)
    if path.suffix in (".c", ".h") and path.parts[0] in ("tests", "examples", "bench"):
        return (APACHE, DUAL)  # test programs for either side
    return (APACHE,)


def main():
    findings = []
    for path in files.project_files(".c", ".h", ".cpp", ".py", ".cmake", ".sh", "CMakeLists.txt", "/dev", "run"):
        lines = files.lines_of(path)
        first = lines[1] if lines and lines[0].startswith("#!") and len(lines) > 1 else (lines or [""])[0]
        if not any(f"SPDX-License-Identifier: {licence}" in first for licence in expected(path)):
            findings.append(f"{path}: line 1 does not say SPDX-License-Identifier: {expected(path)[-1]}")
    files.finish(findings, "spdx")


if __name__ == "__main__":
    main()
