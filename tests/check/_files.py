# SPDX-License-Identifier: Apache-2.0
"""What the checks share: the project's own files, tables of a document, and how findings are told."""
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
SKIPPED_FOLDERS = re.compile(r"^(build[^/]*|\.git|\.cache|shared)$")


def project_files(*suffixes):
    """Every file of the project with one of these endings, build folders left out; relative paths."""
    found, folders = [], [ROOT]
    while folders:
        for path in folders.pop().iterdir():
            if path.is_symlink():
                continue
            if path.is_dir():
                if not SKIPPED_FOLDERS.match(path.name):
                    folders.append(path)
            elif path.name.endswith(suffixes):
                found.append(path.relative_to(ROOT))
    return sorted(found)


def lines_of(path):
    return (ROOT / path).read_text(encoding="utf-8").splitlines()


def table_of(document, first_heading):
    """Rows of the Markdown table whose first column is headed so, as lists of cells without backquotes."""
    rows, inside = [], False
    for line in lines_of(document):
        cells = [cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == first_heading:
            inside = True
        elif inside and not set(cells[0]) <= set("-: "):
            rows.append(cells)
    if not rows:
        sys.exit(f"{document} has no table headed '{first_heading}'")
    return rows


def words(cell):
    return [word for word in re.split(r"[,\s]+", cell) if word and word != "-"]


def finish(findings, what):
    """Tells the findings and ends the script."""
    for finding in findings:
        print(finding)
    print(f"{what}: {len(findings) or 'no'} finding{'' if len(findings) == 1 else 's'}")
    sys.exit(1 if findings else 0)
