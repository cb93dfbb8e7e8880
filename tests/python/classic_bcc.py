#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same calls on BCC's own tables and on ours give the same answers, exceptions included.

BCC's table classes work on a map of the kernel; ours once on the drained rows of a second map that was filled
alike, once on a third one that was left in the kernel. Needs python3-bpfcc; skipped where it is not installed. The
ctypes classes are compared where BCC can also compile, which takes the kernel's headers.
"""
import contextlib
import ctypes as ct
import io
import os
import random
import struct
import unittest
import warnings

import _raw
from _raw import RECORD, S32, SESSION, U32, U64, KernelMap, Raw, can_make_maps, program_of, random_bytes
from weir._ctypes_types import ctypes_type, member_names

warnings.simplefilter("ignore")
try:
    import bcc
    import bcc.table
except ImportError:
    bcc = None

STEPS = 400


def bcc_table(kernel, key, leaf):
    """BCC's table over a map that BCC did not make."""
    kinds = {"hash": "HashTable", "array": "Array", "percpu_hash": "PerCpuHash", "percpu_array": "PerCpuArray",
             "queue": "QueueStack", "stack": "QueueStack"}
    table = object.__new__(getattr(bcc.table, kinds[kernel.kind]))
    table.map_fd, table.max_entries, table.Key, table.Leaf = kernel.fd, kernel.capacity, key, leaf
    if kernel.cpus:  # as PerCpuHash.__init__
        table.reducer, table.sLeaf, table.total_cpu = None, leaf, kernel.cpus
        table.alignment = ct.sizeof(leaf) % 8
        table.Leaf = (leaf if table.alignment == 0 else ct.c_uint64) * kernel.cpus
    return table


def shown(thing):
    """What a script can see of an answer."""
    if isinstance(thing, (list, tuple)):
        return [shown(each) for each in thing]
    if isinstance(thing, ct._SimpleCData):
        return type(thing).__name__, thing.value
    if isinstance(thing, ct.Array):
        return [shown(each) for each in thing]
    if isinstance(thing, (ct.Structure, ct.Union)):
        return type(thing).__name__, bytes(thing).hex()
    return thing


def answer(call, table, *args):
    try:
        return shown(call(table, *args))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        return type(error).__name__
    except Exception as error:
        return "Exception " + str(error).partition(":")[0]


def unordered(answers):
    return sorted(answers, key=repr) if isinstance(answers, list) else answers


CALLS = {
    "get": lambda table, key, leaf: table[key],
    "set": lambda table, key, leaf: table.__setitem__(key, leaf),
    "delete": lambda table, key, leaf: table.__delitem__(key),
    "in": lambda table, key, leaf: key in table,
    "get default": lambda table, key, leaf: table.get(key, "default"),
    "setdefault": lambda table, key, leaf: table.setdefault(key, leaf),
    "len": lambda table, key, leaf: len(table),
    "truth": lambda table, key, leaf: bool(table),
    "items": lambda table, key, leaf: unordered(shown(table.items())),
    "keys": lambda table, key, leaf: unordered(shown(list(table.keys()))),
    "iter": lambda table, key, leaf: unordered(shown(list(table))),
    "values": lambda table, key, leaf: unordered(shown(table.values())),
    "iteritems": lambda table, key, leaf: unordered(shown(list(table.iteritems()))),
    "itervalues": lambda table, key, leaf: unordered(shown(list(table.itervalues()))),
    "lookup batch": lambda table, key, leaf: unordered(shown(list(table.items_lookup_batch()))),
    "update batch": lambda table, key, leaf: table.items_update_batch((type(key) * 1)(key), (type(leaf) * 1)(leaf)),
    "delete batch": lambda table, key, leaf: table.items_delete_batch((type(key) * 2)(key, key)),
    "pop": lambda table, key, leaf: table.pop(key),
    "wrong key": lambda table, key, leaf: table[5.5],
    "wrong leaf": lambda table, key, leaf: table.__setitem__(key, "text"),
    "wrong batch": lambda table, key, leaf: table.items_delete_batch([key]),
    "long batch": lambda table, key, leaf: table.items_delete_batch((type(key) * 1000)()),
    "uneven batch": lambda table, key, leaf: table.items_update_batch((type(key) * 2)(), (type(leaf) * 1)()),
}
RARE_CALLS = {
    "clear": lambda table, key, leaf: table.clear(),
    "zero": lambda table, key, leaf: table.zero(),
    "take batch": lambda table, key, leaf: unordered(shown(list(table.items_lookup_and_delete_batch()))),
    "delete all": lambda table, key, leaf: table.items_delete_batch(),
    "popitem all": lambda table, key, leaf: [table.popitem() and None for _ in range(len(table))],
}
QUEUE_CALLS = {
    "pop": lambda table, leaf: table.pop(),
    "peek": lambda table, leaf: table.peek(),
    "push": lambda table, leaf: table.push(leaf),
    "push over": lambda table, leaf: table.push(leaf, table.BPF_EXIST),
    "wrong push": lambda table, leaf: table.push(5),
    "len": lambda table, leaf: len(table),
    "iter": lambda table, leaf: list(table),
    "truth": lambda table, leaf: bool(table),
}


def raw_of(kernel, key_type, value_type):
    """The map as the host gives it. Reading a queue empties it."""
    if kernel.kind in ("queue", "stack"):
        return Raw(kernel.kind, kernel.pop_all(), value_type=value_type, fd=kernel.fd, capacity=kernel.capacity)
    keys = kernel.keys()
    return Raw(kernel.kind, [kernel.lookup(key) for key in keys], keys, key_type=key_type, value_type=value_type,
               fd=kernel.fd, capacity=kernel.capacity, cpus=kernel.cpus)


@unittest.skipIf(bcc is None, "python3-bpfcc is not installed")
@unittest.skipUnless(can_make_maps(), "this process may make no maps in the kernel")
class SameAnswers(unittest.TestCase):
    def tables(self, kind, key_type, value_type, capacity, fill):
        """BCC's, ours drained, ours left in the kernel; of maps with the same content."""
        key_bytes = 0 if kind in ("queue", "stack") else key_type["size"]
        key = ctypes_type(key_type) if key_bytes else None
        tables = []
        for way in ("bcc", "drained", "kernel"):
            kernel = KernelMap(kind, key_bytes, value_type["size"], capacity)
            self.addCleanup(os.close, kernel.fd)
            for row in fill:
                kernel.update(*row)
            if way == "bcc":
                tables.append(bcc_table(kernel, key, ctypes_type(value_type)))
                continue
            raw = Raw(kind, [], key_type=key_type, value_type=value_type, fd=kernel.fd, capacity=capacity,
                      cpus=kernel.cpus) if way == "kernel" else raw_of(kernel, key_type, value_type)
            tables.append(program_of(raw)["MAP"])
            if way == "kernel":
                tables[-1].get_fd()
        return tables

    def compare(self, tables, name, call, *args):
        theirs, *ours = [answer(call, table, *args) for table in tables]
        for way, mine in zip(("drained", "left in the kernel"), ours):
            self.assertEqual(mine, theirs, f"{name} on the table that is {way}")
        return theirs

    def run_keyed(self, kind, key_type, value_type, keys, seed, calls):
        source = random.Random(seed)
        value_bytes = value_type["size"] if not kind.startswith("percpu") else 8 * _raw.POSSIBLE_CPUS
        fill = [(key, source.randbytes(value_bytes)) for key in keys[:len(keys) // 2]]
        if kind.startswith("percpu") and value_type["size"] == 4:  # upper halves are not the value's
            fill = [(key, b"".join(struct.pack("II", i, 0) for i in range(_raw.POSSIBLE_CPUS))) for key, _ in fill]
        tables = self.tables(kind, key_type, value_type, len(fill) + 1, fill)
        self.compare(tables, "first items()", lambda table: table.items())
        seen = set()
        for _ in range(STEPS):
            is_rare = source.random() < 0.02
            name = source.choice(sorted(RARE_CALLS if is_rare else calls))
            if is_rare and kind.endswith("array") and name != "zero":
                continue
            key = tables[0].Key.from_buffer_copy(source.choice(keys))
            leaf = tables[0].Leaf.from_buffer_copy(source.randbytes(ct.sizeof(tables[0].Leaf)))
            if kind.startswith("percpu") and value_type["size"] == 4:
                leaf = tables[0].Leaf(*[source.randrange(1 << 32) for _ in range(_raw.POSSIBLE_CPUS)])
            seen.add((name, isinstance(self.compare(tables, name, RARE_CALLS.get(name) if is_rare else calls[name],
                                                    key, leaf), str)))
        return seen

    def test_hashes(self):
        seen = set()
        for seed in range(8):
            seen |= self.run_keyed("hash", SESSION, U64, random_bytes(seed, 12, 13), seed, CALLS)
            seen |= self.run_keyed("hash", U32, RECORD, random_bytes(seed, 12, 4), seed, CALLS)
        # Both outcomes were met: an answer and an exception.
        for name in ("get", "set", "delete", "pop", "update batch"):
            self.assertLessEqual({(name, True), (name, False)}, seen)

    def test_arrays(self):
        keys = [struct.pack("i", i) for i in range(8)]
        unkeyed = {name: call for name, call in CALLS.items() if name not in ("pop", "delete batch", "long batch")}
        for seed in range(4):
            for value_type in (U64, RECORD):
                self.run_keyed("array", S32, value_type, keys, seed, unkeyed)

    def test_array_indices(self):
        tables = self.tables("array", S32, U64, 4, [(struct.pack("i", i), struct.pack("Q", i + 5)) for i in range(4)])
        for index in (0, 3, -1, -4, -5, 4, ct.c_int(2), ct.c_uint(9), "1", 1.0, None, True):
            self.compare(tables, f"[{index}]", lambda table: table[index])
            self.compare(tables, f"{index} in", lambda table: index in table)
            self.compare(tables, f"del [{index}]", lambda table: table.__delitem__(index))
        self.compare(tables, "take", lambda table: isinstance(list(table.items_lookup_and_delete_batch()), list))

    def test_per_cpu_tables(self):
        sums = {"sum": lambda table, key, leaf: table.sum(key), "max": lambda table, key, leaf: table.max(key),
                "average": lambda table, key, leaf: table.average(key),
                "getvalue": lambda table, key, leaf: table.getvalue(key)}
        calls = {name: call for name, call in {**CALLS, **sums}.items() if "batch" not in name}
        for value_type in (U64, U32):
            self.run_keyed("percpu_hash", U32, value_type, random_bytes(3, 8, 4), 1, calls)
            keys = [struct.pack("i", i) for i in range(6)]
            self.run_keyed("percpu_array", S32, value_type, keys, 2,
                           {name: call for name, call in calls.items() if name != "pop"})

    def test_queues_and_stacks(self):
        for kind in ("queue", "stack"):
            for seed in range(10):
                source = random.Random(seed)
                fill = [(None, record) for record in random_bytes(seed, seed, 24)]
                tables = self.tables(kind, None, RECORD, 10, fill)
                for _ in range(STEPS):
                    name = source.choice(sorted(QUEUE_CALLS))
                    leaf = tables[0].Leaf.from_buffer_copy(source.randbytes(24))
                    self.compare(tables, name, QUEUE_CALLS[name], leaf)
                self.compare(tables, "values", lambda table: table.values())
                self.compare(tables, "values", lambda table: table.values())

    def test_histograms(self):
        pair = _raw.record("pair", 8, ("disk", 0, U32), ("slot", 32, U32))
        plain = [(struct.pack("I", slot), struct.pack("Q", count)) for slot, count in ((1, 3), (4, 900), (9, 41))]
        wide = plain + [(struct.pack("I", 40), struct.pack("Q", 7))]
        pairs = [(struct.pack("II", disk, slot), struct.pack("Q", 5 * disk + slot)) for disk in (1, 2)
                 for slot in (2, 5)]
        calls = {"log2": lambda table: table.print_log2_hist("usecs"),
                 "log2 stripped": lambda table: table.print_log2_hist("usecs", strip_leading_zero=True),
                 "linear": lambda table: table.print_linear_hist("usecs"),
                 "sections": lambda table: table.print_log2_hist(
                     "usecs", "disk", section_print_fn=lambda disk: f"sd{disk}", bucket_sort_fn=sorted),
                 "json": lambda table: table.print_json_hist("usecs", "disk")}
        for key_type, fill in ((U32, plain), (U32, wide), (U32, []), (pair, pairs)):
            for name, call in calls.items():
                tables = self.tables("hash", key_type, U64, 64, fill)
                printed = []
                for table in tables:
                    with contextlib.redirect_stdout(io.StringIO()) as out:
                        call(table)
                    printed.append([line.partition("'val_type'")[2] or line for line in out.getvalue().splitlines()])
                self.assertEqual(printed, [printed[0]] * 3, name)


SOURCE = """
struct in { u8 a; u32 b; };
struct pk { u8 a; u32 b; u16 c; __be32 d; } __attribute__((packed));
enum color { RED, BLUE = 5 };
struct all {
    char c; u8 u; bool flag; enum color color; void *p; __be32 address; s64 wide; char name[16]; u8 mac[6];
    struct in nested; struct in row[3]; union { u32 x; u16 y[2]; }; struct { u8 g; u8 h; };
    u32 b1 : 3, b2 : 5, b3 : 24; unsigned __int128 big;
};
BPF_HASH(all_of_it, struct all, struct pk);
BPF_ARRAY(numbers, u64, 10);
"""


class SameClasses(unittest.TestCase):
    def setUp(self):
        if bcc is None:
            self.skipTest("python3-bpfcc is not installed")
        try:
            self.program = bcc.BPF(text=SOURCE)
        except Exception:
            self.skipTest("BCC can compile nothing here, for want of linux-headers")

    def layout(self, kind):
        """Members that people named, with type and place."""
        found = []
        for field in getattr(kind, "_fields_", ()):
            if not field[0].startswith("__pad"):
                place = getattr(kind, field[0])
                found.append((field[0], place.offset, place.size, field[1].__name__, self.layout(field[1])))
        return kind.__name__ if not found else found

    def typed(self, kind):
        """(name, type) but for padding and bitfields, which ours keeps in padding where BCC's are misplaced."""
        return [(field[0], field[1].__name__) for field in kind._fields_
                if not field[0].startswith("__pad") and len(field) == 2]

    def test_members_types_and_places_are_bccs(self):
        inner = _raw.record("in", 8, ("a", 0, _raw.U8), ("b", 32, U32))
        packed = _raw.record("pk", 11, ("a", 0, _raw.U8), ("b", 8, U32), ("c", 40, _raw.U16), ("d", 56, _raw.BE32))
        union = _raw.record("", 4, ("x", 0, U32), ("y", 0, _raw.array(_raw.U16, 2)), kind="union")
        nameless = _raw.record("", 2, ("g", 0, _raw.U8), ("h", 8, _raw.U8))
        everything = _raw.record(
            "all", 144, ("c", 0, _raw.CHAR), ("u", 8, _raw.U8), ("flag", 16, {"kind": "bool", "name": "bool", "size": 1}),
            ("color", 32, {"kind": "enum", "name": "color", "size": 4, "signed": False}),
            ("p", 64, {"kind": "pointer", "name": "", "size": 8}), ("address", 128, _raw.BE32),
            ("wide", 192, _raw.integer(8, True)), ("name", 256, _raw.array(_raw.CHAR, 16)),
            ("mac", 384, _raw.array(_raw.U8, 6)), ("nested", 448, inner), ("row", 512, _raw.array(inner, 3)),
            ("", 704, union), ("", 736, nameless), ("b1", 768, U32, 3), ("b2", 771, U32, 5), ("b3", 776, U32, 24),
            ("big", 896, _raw.integer(16)))
        theirs = self.program["all_of_it"]
        ours = ctypes_type(everything)
        self.assertEqual(self.layout(ctypes_type(packed)), self.layout(theirs.Leaf))
        # BCC forgets the gap before `nested`: from there on it is asked for names and types only.
        self.assertEqual(self.layout(ours)[:9], self.layout(theirs.Key)[:9])
        self.assertEqual(member_names(ours), [field[0] for field in theirs.Key._fields_])
        self.assertEqual(self.typed(ours), self.typed(theirs.Key))
        self.assertEqual(ours._anonymous_, theirs.Key._anonymous_)
        self.assertIs(ctypes_type(U64), self.program["numbers"].Leaf)
        self.assertIs(ctypes_type(S32), self.program["numbers"].Key)


if __name__ == "__main__":
    _raw.main()
