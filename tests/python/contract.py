#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which contract a module follows, what the classic one is called with, and what becomes of its answer."""
import ctypes as ct
import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import struct
import types
import unittest
from collections import OrderedDict, namedtuple

import _raw
from _raw import CHAR, U8, U16, U32, U64, Raw, array, random_bytes, record
from weir import Error
from weir._contract import ClassicRunner, contract_of, to_json
from weir._ctypes_types import ctypes_type


def module(**names):
    made = types.ModuleType("mine")
    made.__dict__.update(names)
    return made


def function(*_):
    return None


class Contracts(unittest.TestCase):
    def test_which_one(self):
        self.assertEqual(contract_of(module(on_window=function)), "window")
        self.assertEqual(contract_of(module(init=function, read_program_maps=function)), "classic")
        self.assertEqual(contract_of(module(on_window=function, init=function, read_program_maps=function)), "window")

    def test_neither_says_what_is_missing(self):
        for names, text in (({}, "mine is no extractor: it has neither on_window"),
                            ({"init": function}, r"mine has init\(\) but no read_program_maps\(\)"),
                            ({"read_program_maps": function}, r"mine has read_program_maps\(\) but no init\(\)"),
                            ({"init": 5, "read_program_maps": function}, r"no init\(\)"),
                            ({"on_window": "text"}, "no extractor")):
            with self.assertRaisesRegex(Error, text):
                contract_of(module(**names))


class Runner(unittest.TestCase):
    def run_init(self, model, seconds):
        got = []
        ClassicRunner(module(init=lambda *args: got.extend(args), read_program_maps=function)).start(model, seconds)
        return got

    def test_init_gets_the_model_and_a_whole_window_as_int(self):
        for seconds, expected in ((10.0, 10), (10, 10), (0.5, 0.5), (2.25, 2.25)):
            model, got = self.run_init(None, seconds)
            self.assertIsNone(model)
            self.assertEqual((got, type(got)), (expected, type(expected)))
        self.assertEqual(self.run_init("model.h5", 1.0), ["model.h5", 1])

    def test_each_window_is_read_from_its_own_maps(self):
        programs = []

        def read(program):
            programs.append(program)
            return {"rows": len(program["MAP"]), "first": program["MAP"].values()[0]}
        runner = ClassicRunner(module(init=function, read_program_maps=read))
        runner.start(None, 1)
        for rows in (3, 5):
            answer = json.loads(runner.window([Raw("hash", random_bytes(rows, rows, 8), random_bytes(1, rows, 4))]))
            self.assertEqual(answer, {"rows": rows, "first": struct.unpack("Q", random_bytes(rows, 1, 8)[0])[0]})
        self.assertIs(programs[0], programs[1])

    def test_what_a_script_raises_travels_on_and_the_next_window_works(self):
        tables = []

        def read(program):
            tables.append(program["MAP"])
            raise ZeroDivisionError("mine")
        runner = ClassicRunner(module(init=function, read_program_maps=read))
        for count in (1, 2):
            with self.assertRaisesRegex(ZeroDivisionError, "mine"):
                runner.window([Raw("hash", [], [])])
            self.assertEqual(len(tables), count)
        with self.assertRaises(Error):
            tables[0].items()


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Flow:
    source: str
    color: Color


class Numpyish:
    """As numpy's arrays and scalars, which this test must not need."""

    def tolist(self):
        return [1, [2.5, float("inf")]]


class Hostile:
    def tolist(self):
        raise RuntimeError

    def __repr__(self):
        raise RuntimeError


Pair = namedtuple("Pair", "a b")


class Json(unittest.TestCase):
    def test_values(self):
        packed = record("p", 11, ("a", 0, U8), ("", 8, record("", 4, ("x", 0, U32), ("y", 0, array(U16, 2)),
                                                             kind="union")), ("name", 40, array(CHAR, 6)))
        Packed = ctypes_type(packed)
        cases = [
            (None, None), (True, True), (5, 5), (2 ** 70, 2 ** 70), ("é\n", "é\n"), (1.5, 1.5),
            (float("nan"), None), (float("-inf"), None), ([1, (2, 3)], [1, [2, 3]]), (Pair(1, 2), [1, 2]),
            ({1: 6, None: 2, ("x", 1): 3, b"k": 4, 1.5: 5},
             {"1": 6, "null": 2, "('x', 1)": 3, "k": 4, "1.5": 5}),
            (OrderedDict(b=1, a=2), {"b": 1, "a": 2}), ({3, 1, 2}, [1, 2, 3]), (frozenset("a"), ["a"]),
            (b"eth0\0\0", "eth0"), (b"\xff\0\x01", "ff0001"), (bytearray(b"a\nb"), "610a62"), (b"", ""),
            (Color.RED, 1), (Flow("10.0.0.1", Color.RED), {"source": "10.0.0.1", "color": 1}),
            (datetime.datetime(2024, 1, 2, 3), "2024-01-02T03:00:00"), (pathlib.Path("/a/b"), "/a/b"),
            (ct.c_uint(7), 7), (ct.c_bool(True), True), ((ct.c_ushort * 3)(1, 2, 3), [1, 2, 3]),
            (ct.create_string_buffer(b"abc", 8), "abc"), ((ctypes_type(U64) * 2)(1, 2), [1, 2]),
            (Packed(1, name=b"lo", x=0x20001), {"a": 1, "x": 0x20001, "y": [1, 2], "name": "lo"}),
            (Numpyish(), [1, [2.5, None]]), ({"deep": [Numpyish()]}, {"deep": [[1, [2.5, None]]]}),
            (decimal.Decimal("1.5"), "Decimal('1.5')"), (function, repr(function)), (int, "<class 'int'>"),
        ]
        for value, expected in cases:
            self.assertEqual(json.loads(to_json(value)), expected, value)

    def test_nothing_makes_it_raise(self):
        cycle = []
        cycle.append(cycle)
        for value in (cycle, Hostile(), {"a": Hostile()}, {Hostile(): 1}, "\ud800", {"a": "\udcff"}, 10 ** 5000):
            json.loads(to_json(value))
        self.assertEqual(json.loads(to_json({"a": "\udcff"})), {"a": "\\udcff"})  # no JSON parser takes half a pair

    def test_numpy(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        value = {"a": numpy.arange(3), "b": numpy.float32(1.5), "c": numpy.uint64(2 ** 63), numpy.int64(4): numpy.bool_(1),
                 "nan": numpy.float64("nan"), "rows": numpy.zeros(1, dtype=[("x", "<u4"), ("y", "<f8")])}
        self.assertEqual(json.loads(to_json(value)), {"a": [0, 1, 2], "b": 1.5, "c": 2 ** 63, "4": True, "nan": None,
                                                      "rows": [[0, 0.0]]})


if __name__ == "__main__":
    _raw.main()
