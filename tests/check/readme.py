#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the documents tell a reader to type exists: verbs of ./dev, verbs and options of weir (asked from the
built binary, where there is one), and the files that they link to; their BPF sources compile. README stays
within one sitting."""
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import _files as files

README_LIMIT = 150  # lines
WEIR = Path(os.environ.get("WEIR_BUILD_DIR", files.ROOT / "build")) / "weir"
CLANG = shutil.which("clang-19") or "clang"


def output_of(*command):
    done = subprocess.run(list(map(str, command)), cwd=files.ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def commands_of(document):
    """(line number, words) of each line in a ```sh block; prompts, sudo and comments are left out."""
    inside = False
    for number, line in enumerate(files.lines_of(document), 1):
        if line.startswith("```"):
            inside = line.strip() == "```sh"
        elif inside:
            words = line.partition(" #")[0].removeprefix("$ ").split()
            yield number, [word for word in words if word != "sudo"]


def check_dev(words, verbs):
    verb = words[1] if len(words) > 1 else "help"
    return [] if verb in verbs else [f"./dev has no verb '{verb}'"]


def check_weir(words, helps):
    """The verb and every option stand in --help."""
    verb = words[1] if len(words) > 1 and not words[1].startswith("-") else ""
    if verb and not re.search(rf"\b{verb}\b", helps.setdefault("", output_of(WEIR, "--help"))):
        return [f"weir has no verb '{verb}'"]
    if verb == "model" and len(words) > 2 and not words[2].startswith("-"):
        verb = f"model {words[2]}"
    if verb not in helps:
        helps[verb] = output_of(WEIR, *verb.split(), "--help")
    options = [word.partition("=")[0] for word in words if re.match(r"^--?[a-z]", word)]
    return [f"weir {verb} has no option '{option}'" for option in options
            if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", helps[verb])]


def check_commands(document):
    verbs, helps = set(re.findall(r"^  (\w+)", output_of("./dev", "help"), re.MULTILINE)), {}
    for number, words in commands_of(document):
        name = words[0] if words else ""
        found = []
        if name == "./dev":
            found = check_dev(words, verbs)
        elif name in ("weir", "build/weir", "./build/weir") and WEIR.exists():
            found = check_weir(words, helps)
        elif "/" in name and name.startswith((".", "tests", "tools")) and "build" not in name:
            found = [] if (files.ROOT / name).exists() else [f"no such file: {name}"]
        yield from (f"{document}:{number}: {text}" for text in found)


def check_links(document):
    for number, line in enumerate(files.lines_of(document), 1):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", line):
            if not (files.ROOT / document).parent.joinpath(target).exists():
                yield f"{document}:{number}: no such file: {target}"


def check_sources(document):
    """Every ```c block that includes something is a whole BPF source."""
    for block in re.findall(r"```c\n(.*?)```", "\n".join(files.lines_of(document)), re.DOTALL):
        if "#include" not in block:
            continue
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "block.bpf.c")
            source.write_text(block, encoding="utf-8")
            said = output_of(CLANG, "-target", "bpf", "-O2", "-g", "-Wall", "-Werror", f"-I{files.ROOT / 'bpf'}",
                             f"-I/usr/include/{os.uname().machine}-linux-gnu", "-c", source, "-o", f"{folder}/o")
        if said:
            yield f"{document}: a C block does not compile:\n{said}"


def main():
    findings = []
    for document in files.project_files(".md"):
        findings += [*check_commands(document), *check_links(document), *check_sources(document)]
    length = len(files.lines_of("README.md"))
    if length > README_LIMIT:
        findings.append(f"README.md: {length} lines, the limit is {README_LIMIT}")
    files.finish(findings, "readme")


if __name__ == "__main__":
    main()
