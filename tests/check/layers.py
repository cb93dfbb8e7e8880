#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The numbers and bits of src/model/layers.cpp are what hashlib and LUCID's list of protocols give, and its
applications are those of bpf/weir/application.h, in their order."""
import hashlib
import re

import _files as files

SOURCE = "src/model/layers.cpp"
HEADER = "bpf/weir/application.h"
LAYER = re.compile(r'\{\.name = "(\w+)", \.number = (\d+), \.bit = ([^}]+)\}')
PROTOCOLS = "arp data dns ftp http icmp ip ssdp ssl tcp telnet udp".split()


def number_of(name):
    return int(hashlib.sha256(name.upper().encode()).hexdigest(), 16) % 10**8


def bit_of(name):
    return f"1 << {PROTOCOLS.index(name)}" if name in PROTOCOLS else "0"


def main():
    findings = []
    layers = LAYER.findall("\n".join(files.lines_of(SOURCE)))
    for name, number, bit in layers:
        if int(number) != number_of(name):
            findings.append(f"{SOURCE}: {name} is {number_of(name)}, not {number}")
        if bit != bit_of(name):
            findings.append(f"{SOURCE}: the bit of {name} is {bit_of(name)}, not {bit}")
    known = re.findall(r"^\s*WEIR_APPLICATION_(\w+),", "\n".join(files.lines_of(HEADER)), re.MULTILINE)
    applications = [name.lower() for name in known[1:]]  # the first is no application
    if [name for name, _, _ in layers][:len(applications)] != applications:
        findings.append(f"{SOURCE}: the applications are not those of {HEADER}, {', '.join(applications)}")
    if len(layers) != len(applications) + 6:
        findings.append(f"{SOURCE}: {len(layers)} layers, {len(applications)} applications and 6 others were expected")
    files.finish(findings, "layers")


if __name__ == "__main__":
    main()
