#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ctypes classes made from descriptions have the layout that the C compiler gives the same types: offsets and
sizes as it prints them, bitfields as it stores them."""
import ctypes as ct
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import _raw
from _raw import BE32, CHAR, U8, U16, U32, U64, array, integer, record
from weir._ctypes_types import ctypes_type, member_names

ENUM = {"kind": "enum", "name": "color", "size": 4, "signed": False, "enumerators": [("RED", 0), ("BLUE", 9)]}
POINTER = {"kind": "pointer", "name": "", "size": 8}
WIDE = integer(16, name="unsigned __int128")
INNER = record("inner", 8, ("a", 0, U8), ("b", 32, U32))
PACKED = record("packed", 11, ("a", 0, U8), ("b", 8, U32), ("c", 40, U16), ("d", 56, BE32))
CHOICE = record("", 8, ("word", 0, U64), ("bytes", 0, array(U8, 5)), kind="union")
NAMELESS = record("", 4, ("low", 0, U16), ("high", 16, U16))

# name: (C, description). The descriptions hold what BTF says; the compiler is asked below.
TYPES = {
    "inner": ("struct inner { u8 a; u32 b; };", INNER),
    "packed": ("struct packed { u8 a; u32 b; u16 c; u32 d; } __attribute__((packed));", PACKED),
    "holder": ("struct holder { u8 x; struct packed p; u64 y; struct inner i[3]; };",
               record("holder", 48, ("x", 0, U8), ("p", 8, PACKED), ("y", 128, U64), ("i", 192, array(INNER, 3)))),
    "anonymous": ("struct anonymous { u32 a; union { u64 word; u8 bytes[5]; }; struct { u16 low, high; }; u32 z; };",
                  record("anonymous", 24, ("a", 0, U32), ("", 64, CHOICE), ("", 128, NAMELESS), ("z", 160, U32))),
    "aligned": ("struct aligned { u8 a; u64 b __attribute__((aligned(32))); u8 c; };",
                record("aligned", 64, ("a", 0, U8), ("b", 256, U64), ("c", 320, U8))),
    "wide": ("struct wide { u8 a; unsigned __int128 big; void *p; enum color { RED, BLUE = 9 } e; };",
             record("wide", 48, ("a", 0, U8), ("big", 128, WIDE), ("p", 256, POINTER), ("e", 320, ENUM))),
    "text": ("struct text { char name[7]; u8 mac[6]; u16 grid[2][3]; };",
             record("text", 26, ("name", 0, array(CHAR, 7)), ("mac", 56, array(U8, 6)),
                    ("grid", 112, array(array(U16, 3), 2)))),
    "halfpacked": ("struct halfpacked { u8 a; u16 b __attribute__((packed)); u32 c; };",
                   record("halfpacked", 8, ("a", 0, U8), ("b", 8, U16), ("c", 32, U32))),
    "collides": ("struct collides { u8 a; u16 __pad_1 __attribute__((packed)); u64 b __attribute__((aligned(16)));"
                 " u16 __pad_2; };",
                 record("collides", 32, ("a", 0, U8), ("__pad_1", 8, U16), ("b", 128, U64), ("__pad_2", 192, U16))),
    "oddunion": ("union oddunion { u8 a[5]; u32 b; } __attribute__((packed));",
                 record("oddunion", 5, ("a", 0, array(U8, 5)), ("b", 0, U32), kind="union")),
}

# name: (C, description): C sets every member to a value of its own, which is read here.
BITFIELDS = {
    "natural": ("struct natural { u32 a : 3, b : 5, c : 24; u8 d; };",
                record("natural", 8, ("a", 0, U32, 3), ("b", 3, U32, 5), ("c", 8, U32, 24), ("d", 32, U8))),
    "straddles": ("struct straddles { u64 to : 48; u64 from : 48; u16 type; } __attribute__((packed));",
                  record("straddles", 14, ("to", 0, U64, 48), ("from", 48, U64, 48), ("type", 96, U16))),
    "mixed": ("struct mixed { u8 a; u32 b : 7, c : 13, : 3, d : 1; s32 e : 6; u16 f : 9; };",
              record("mixed", 8, ("a", 0, U8), ("b", 8, U32, 7), ("c", 15, U32, 13), ("d", 31, U32, 1),
                     ("e", 32, integer(4, True, "int"), 6), ("f", 38, U16, 9))),
}

C_HEAD = """
#include <stddef.h>
#include <stdio.h>
#include <string.h>
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned u32; typedef unsigned long long u64;
typedef int s32;
"""


def value_of(i, bits, signed):
    value = (0x9E3779B97F4A7C15 >> i) & ((1 << bits) - 1) | 1 << (bits - 1)
    return value - (1 << bits) if signed else value


def values_of(description):
    values = {}
    for i, member in enumerate(description["members"]):
        bits = member["bit_size"] or 8 * member["type"]["size"]
        values[member["name"]] = value_of(i, bits, member["type"].get("signed", False))
    return values


def run_c(body):
    compiler = shutil.which("gcc") or shutil.which("clang-19") or shutil.which("cc") or shutil.which("g++")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "layout.c").write_text(C_HEAD + body, encoding="ascii")
        subprocess.run([compiler, "-x", "c", "-w", f"{folder}/layout.c", "-o", f"{folder}/layout"], check=True)
        return subprocess.run([f"{folder}/layout"], check=True, capture_output=True, text=True).stdout.splitlines()


def tag(name):
    return f"{'union' if name == 'oddunion' else 'struct'} {name}"


def member_paths(description):
    """Members, and in their place those of the anonymous ones."""
    for member in description["members"]:
        yield from [member["name"]] if member["name"] else member_paths(member["type"])


def offset_of(kind, name):
    field = getattr(kind, name)
    return field.offset, field.size


class Layout(unittest.TestCase):
    def test_every_offset_and_size_is_the_compilers(self):
        prints, found = [], []
        for name, (_, description) in TYPES.items():
            kind = ctypes_type(description)
            prints.append(f'printf("{name} %zu\\n", sizeof({tag(name)}));')
            found.append(f"{name} {ct.sizeof(kind)}")
            for member in member_paths(description):
                prints.append(f'printf("{name}.{member} %zu %zu\\n", offsetof({tag(name)}, {member}), '
                              f'sizeof((({tag(name)} *)0)->{member}));')
                found.append("{}.{} {} {}".format(name, member, *offset_of(kind, member)))
        told = run_c("\n".join(c for c, _ in TYPES.values()) + "int main(void) {" + "\n".join(prints) + "}")
        self.assertEqual(told, found)
        self.assertGreater(len(told), 30)

    def test_bitfields_are_read_and_written_as_the_compiler_does(self):
        body = "\n".join(c for c, _ in BITFIELDS.values()) + "int main(void) {"
        for name, (_, description) in BITFIELDS.items():
            sets = " ".join(f"x.{member} = {value}ULL;" for member, value in values_of(description).items())
            body += (f"{{ struct {name} x; memset(&x, 0, sizeof(x)); {sets} "
                     'for (size_t i = 0; i < sizeof(x); ++i) printf("%02x", ((u8 *)&x)[i]); puts(""); }\n')
        for line, (name, (_, description)) in zip(run_c(body + "}"), BITFIELDS.items(), strict=True):
            with self.subTest(name):
                kind, values = ctypes_type(description), values_of(description)
                read = kind.from_buffer_copy(bytes.fromhex(line))
                self.assertEqual({member: getattr(read, member) for member in values}, values)
                self.assertEqual(bytes(kind(**values)).hex(), line)
                self.assertEqual(bytes(kind(*values.values())).hex(), line)

    def test_members_are_named_as_in_the_source(self):
        self.assertEqual(member_names(ctypes_type(TYPES["aligned"][1])), ["a", "b", "c"])
        self.assertEqual(member_names(ctypes_type(TYPES["collides"][1])), ["a", "__pad_1", "b", "__pad_2"])
        kind = ctypes_type(TYPES["anonymous"][1])
        self.assertEqual(kind._anonymous_, ["__anon0", "__anon1"])
        self.assertEqual(kind(word=7).bytes[0], 7)

    def test_bitfields_of_an_anonymous_member_are_the_parents(self):
        inner = record("", 6, ("a", 0, U64, 20), ("b", 20, U64, 28))
        value = ctypes_type(record("outer", 7, ("x", 0, U8), ("", 8, inner)))()
        value.b = 0x1234567
        self.assertEqual((value.x, value.a, value.b), (0, 0, 0x1234567))
        self.assertEqual(int.from_bytes(bytes(value)[1:], "little"), 0x1234567 << 20)

    def test_positional_arguments_skip_padding(self):
        value = ctypes_type(TYPES["aligned"][1])(1, 2, c=3)
        self.assertEqual((value.a, value.b, value.c), (1, 2, 3))
        with self.assertRaises(TypeError):
            ctypes_type(TYPES["aligned"][1])(1, 2, 3, 4)

    def test_scalars_are_bccs(self):
        cases = [(U8, ct.c_ubyte), (U16, ct.c_ushort), (U32, ct.c_uint), (U64, ct.c_ulong), (BE32, ct.c_uint),
                 (CHAR, ct.c_char), (integer(1, True, "signed char"), ct.c_byte), (integer(4, True), ct.c_int),
                 (integer(8, True), ct.c_long), (ENUM, ct.c_uint), (POINTER, ct.c_ulong), (WIDE, ct.c_ulong * 2),
                 ({"kind": "bool", "name": "bool", "size": 1}, ct.c_bool),
                 ({"kind": "float", "name": "double", "size": 8}, ct.c_double),
                 ({"kind": "opaque", "name": "bpf_spin_lock", "size": 4}, ct.c_ubyte * 4),
                 (array(CHAR, 16), ct.c_char * 16), (array(U8, 6), ct.c_ubyte * 6)]
        for description, expected in cases:
            self.assertIs(ctypes_type(description), expected, description)

    def test_equal_descriptions_give_one_class(self):
        again = record("inner", 8, ("a", 0, integer(1, name="__u8")), ("b", 32, integer(4, name="__u32")))
        self.assertIsNot(again, INNER)
        self.assertIs(ctypes_type(again), ctypes_type(INNER))


if __name__ == "__main__":
    _raw.main()
