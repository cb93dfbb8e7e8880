#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`weir run --check` and `--keys`: the plan of a policy, the documented keys, and mistakes with their lines and exit
codes. Nothing is attached."""
import json
import re
from itertools import zip_longest

import _harness as harness

SOURCES = harness.REPOSITORY / "tests" / "sources"
DOCUMENT = harness.REPOSITORY / "docs" / "policies.md"
POLICY = """
interface = "{device}"
window = 2
[[probe]]
bpf = "flows"
[[probe]]
name = "second"
bpf = "count.bpf.c"
interface = ["{device}", "wlan*"]
window = 0.5
output = "windows.json"
format = "json"
[[probe]]
name = "detector"
bpf = "ddos"
priority = 10
parameters = {{ max_flows = "1k", packets_per_flow = 4 }}
"""


def run(box, *args, code=0, end=None):
    """Runs weir run to its end; returns (standard output, standard error)."""
    weir = box.weir(end or box.net().right, "run", *map(str, args))
    got = weir.wait(60)
    assert got == code, f"exit {got} instead of {code}:\n{weir.stderr}"
    assert harness.attached_program(weir.end) is None, "it attaches something"
    lines = []
    while (line := weir.line()) is not None:
        lines.append(line)
    return "".join(lines), weir.stderr


def three_probes(box, end):
    source = (SOURCES / "libbpf_array.bpf.c").read_text(encoding="utf-8")
    box.file("count.bpf.c", source)
    return box.file("chain.toml", POLICY.format(device=end.device))


def refused(box, code, text, *words, args=("--check",)):
    """Standard error of a policy that is a mistake, in which each of the words is."""
    out, said = run(box, *args, box.file("p.toml", text), code=code)
    assert out == "", "an error does not belong on standard output"
    for word in words:
        assert re.search(word, said), f"{word!r} is missing in:\n{said}"
    return said


def test_plan_has_each_chain_in_order(box):
    end = box.net().right
    policy = three_probes(box, end)
    out, _ = run(box, "--check", "--format", "json", policy, end=end)
    assert out.count("\n") == 1, "one line"
    plan = json.loads(out)
    chains = {(c["interface"], c["hook"]): [p["probe"] for p in c["probes"]] for c in plan["chains"]}
    assert chains == {(end.device, "xdp"): ["detector", "flows", "second"], ("wlan*", "xdp"): ["second"]}, chains
    detector, flows, second = plan["chains"][0]["probes"]
    assert detector["parameters"] == {"max_flows": "1k", "packets_per_flow": "4"}, detector
    assert (flows["window"], second["window"], flows["output"], second["format"]) == (2, 0.5, "-", "json"), plan
    assert second["output"] == str(box.folder / "windows.json"), second
    assert not (box.folder / "windows.json").exists(), "--check writes nothing"
    checked = {report["probe"]: report for report in plan["checked"]}
    assert checked["detector"]["parameters"]["max_flows"]["value"] == "1024", checked["detector"]
    assert checked["detector"]["maps"]["flows"]["capacity"] == 1024, checked["detector"]
    assert checked["second"]["source"] == str(box.folder / "count.bpf.c"), checked["second"]
    assert all(report["programs"] for report in checked.values()), "they were loaded"


def test_text_names_what_json_names(box):
    end = box.net().right
    out, _ = run(box, "--check", three_probes(box, end), end=end)
    for word in ("probes 3, chains 2", f"{end.device} xdp", "wlan* xdp", "0.5 s", "max_flows=1k", "windows.json (json)",
                 "probe second for xdp", "loaded and verified"):
        assert word in out, f"{word} is missing in:\n{out}"
    assert out.index("  detector") < out.index("  flows"), out


def test_keys_are_those_of_the_document(box):
    out, _ = run(box, "--keys")
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")]
            for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if re.match(r"\| (`\w+`|key) \|", line)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    wanted = [" " + "".join(f" {cell:{width}}" for cell, width in zip(row, widths)) for row in rows]
    assert len(rows) > 20, f"{DOCUMENT} has no table of keys"
    for line, document in zip_longest(out.splitlines(), wanted):
        assert line == (document or "").rstrip(), f"weir run --keys: {line}\n{DOCUMENT.name}: {document}"


def test_policies_of_the_document_are_right(box):
    blocks = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks, "the document shows none"
    for name in ("count.bpf.c", "mine.bpf.c"):
        box.file(name, (SOURCES / "libbpf_array.bpf.c").read_text(encoding="utf-8"))
    for block in blocks:
        run(box, "--check", box.file("p.toml", block))


def test_mistakes_are_told_with_line_and_suggestion(box):
    refused(box, 2, 'interface = "lo"\nwindw = 1\n[[probe]]\nbpf = "flows"\n', r"p\.toml:2: unknown key windw",
            r"hint: did you mean window\?")
    refused(box, 2, 'interface = "lo"\n[[probe]]\nbpf = "flows"\nhook = "tc"\n', r"p\.toml:4: hook cannot be \"tc\"",
            "hint: ")
    refused(box, 2, 'interface = "lo"\n[[probe]\n', r"p\.toml:2:\d+: ")
    refused(box, 2, '[[probe]]\nbpf = "flows"\n', r"p\.toml:1: probe flows has no interface")
    refused(box, 2, 'interface = "lo"\n[[probe]]\nbpf = "flows"\nwindow = 0.01\n', r"p\.toml:4: window is 0\.01")
    refused(box, 2, "", "no probe", args=())


def test_files_that_are_not_there_are_named_with_their_probe(box):
    start = 'interface = "lo"\n[[probe]]\nname = "mine"\n'
    for args in (("--check",), ()):
        refused(box, 4, start + 'bpf = "no.bpf.c"\n', r"p\.toml: probe mine: .*/no\.bpf\.c: no such file", args=args)
        refused(box, 4, start + 'bpf = "flow"\n', "flow: no such probe", "shipped probes: ddos, flows", args=args)
        refused(box, 4, start + 'bpf = "ddos"\nmodel = "m.h5"\n', "probe mine: model .*/m.h5: no such file", args=args)
        refused(box, 4, start + 'bpf = "ddos"\nextractor = "e.py"\n', "extractor .*/e.py: no such file", args=args)
        refused(box, 4, start + 'bpf = "ddos"\nmodel = "p.toml"\nprofile = "lucid99"\n', "lucid99", args=args)
    _, said = run(box, "--check", box.folder / "nowhere.toml", code=4)
    assert "nowhere.toml: no such file" in said, said


def test_probes_that_do_not_load_have_the_codes_of_check(box):
    start = f'interface = "lo"\n[[probe]]\nname = "mine"\nbpf = "{SOURCES}/'
    refused(box, 2, start + 'bad/compile_error.bpf.c"\n', "probe mine: .*compile_error")
    refused(box, 6, start + 'bad/unchecked_access.bpf.c"\n', "probe mine: .*unchecked_access|probe mine")
    refused(box, 2, start + 'libbpf_array.bpf.c"\nparameters = { none = 1 }\n', "probe mine: .*none")
    refused(box, 2, start + 'libbpf_array.bpf.c"\nmodel = "p.toml"\n', "probe mine: model .*p.toml")


def test_foreign_object_has_to_be_the_last(box):
    harness.compile_bpf(box, "theirs", (SOURCES / "libbpf_array.bpf.c").read_text(encoding="utf-8"))
    text = 'interface = "lo"\n[[probe]]\nbpf = "theirs.bpf.o"\n[[probe]]\nbpf = "flows"\n'
    refused(box, 2, text, "lo xdp: probe theirs is an object", "hint: .*priority")
    run(box, "--check", box.file("p.toml", "priority = 2\n" + text + "priority = 1\n"))


def test_usage(box):
    _, said = run(box, code=2)
    assert "no policy" in said and "hint: weir run POLICY.toml" in said, said
    _, said = run(box, "--chek", "p.toml", code=2)
    assert "--chek" in said, said


if __name__ == "__main__":
    harness.main(globals())
