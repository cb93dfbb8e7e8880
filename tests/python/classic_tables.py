#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tables of a classic program on drained rows: every call of a keyed table, from every shape in which the host
gives rows. That the calls behave as BCC's is classic_bcc.py's matter."""
import ctypes as ct
import random
import struct
import unittest

import _raw
from _raw import RECORD, S32, SESSION, U8, U16, U32, U64, Raw, array, program_of, random_bytes, record, table_of
from weir import Error


def session_table(rows=3, **options):
    keys, values = random_bytes(1, rows, 13), random_bytes(2, rows, 8)
    return table_of(Raw("hash", values, keys, key_type=SESSION, **options)), keys, values


def contents(table):
    return [(bytes(key), bytes(leaf)) for key, leaf in table.items()]


class HashTables(unittest.TestCase):
    def test_rows_come_in_the_kernels_order_with_and_without_gaps(self):
        for step in (0, 8, 24):
            for rows in (0, 1, 2500):
                table, keys, values = session_table(rows, step=step)
                self.assertEqual(contents(table), list(zip(keys, values)))
                self.assertEqual([bytes(key) for key in table], keys)
                self.assertEqual([bytes(key) for key in table.keys()], keys)
                self.assertEqual([bytes(leaf) for leaf in table.values()], values)
                self.assertEqual(len(table), rows)

    def test_no_rows_at_all(self):
        for kind, leaves in (("hash", []), ("array", [0] * 4)):
            raw = Raw(kind, [], capacity=4)
            read = raw.read

            def read_nothing():
                read()
                raw.keys = raw.values = None
            raw.read = read_nothing
            table = table_of(raw)
            self.assertEqual([leaf.value for leaf in table.values()], leaves)
            self.assertEqual(len(table), len(leaves))
            self.assertEqual(table.get(ct.c_uint(0), "none") == "none", kind == "hash")

    def test_every_size_of_value_survives_every_gap(self):
        for size in range(1, 34):
            for step in sorted({size, (size + 7) // 8 * 8, size + 3}):
                values = random_bytes(size, 300 if size > 1 else 200, size)
                keys = [struct.pack("I", i) for i in range(len(values))]
                raw = Raw("hash", values, keys, value_type=array(U8, size), step=step)
                self.assertEqual([bytes(leaf) for leaf in table_of(raw).values()], values, (size, step))

    def test_rows_of_a_sparse_value_memory(self):
        values = random_bytes(1, 50, 8)
        indices = sorted(random.Random(1).sample(range(50), 20))
        keys = [struct.pack("I", i) for i in indices]
        table = table_of(Raw("hash", values, keys, indices=indices))
        self.assertEqual(contents(table), [(key, values[i]) for key, i in zip(keys, indices)])
        self.assertEqual(table[ct.c_uint(indices[7])].value, struct.unpack("Q", values[indices[7]])[0])

    def test_scalars_are_ctypes_objects_as_bccs(self):
        table = table_of(Raw("hash", [struct.pack("Q", 7)], [struct.pack("I", 3)]))
        [(key, leaf)] = table.items()
        self.assertEqual((type(key), key.value, type(leaf), leaf.value), (ct.c_uint, 3, ct.c_ulong, 7))
        self.assertEqual(list(table.items_lookup_batch()), [(3, 7)])

    def test_a_key_that_is_not_there(self):
        table, keys, _ = session_table()
        key = table.Key(source=1)
        with self.assertRaises(KeyError):
            table[key]
        with self.assertRaises(KeyError):
            del table[key]
        self.assertNotIn(key, table)
        self.assertIsNone(table.get(key))
        self.assertIn(table.Key.from_buffer_copy(keys[1]), table)

    def test_keys_and_leaves_must_be_ctypes_objects_of_enough_bytes(self):
        table, _, _ = session_table()
        for key in (5, b"x" * 13, "text", None):
            with self.assertRaises(TypeError):
                table[key]
        with self.assertRaisesRegex(TypeError, "a key of MAP takes 13 bytes, c_uint has 4"):
            table[ct.c_uint(1)]
        with self.assertRaisesRegex(TypeError, "a leaf of MAP takes 8 bytes, c_uint has 4"):
            table[table.Key()] = ct.c_uint(1)

    def test_writes_and_deletions_change_the_rows_of_the_window(self):
        table, keys, values = session_table(5)
        table[table.Key.from_buffer_copy(keys[2])] = table.Leaf(99)
        del table[table.Key.from_buffer_copy(keys[0])]
        table[table.Key(source_port=5)] = table.Leaf(1)
        expected = dict(zip(keys, values))
        expected[keys[2]] = struct.pack("Q", 99)
        del expected[keys[0]]
        expected[bytes(table.Key(source_port=5))] = struct.pack("Q", 1)
        self.assertEqual(dict(contents(table)), expected)
        self.assertEqual(len(table), 5)
        table.zero()
        self.assertEqual({leaf.value for leaf in table.values()}, {0})
        table.clear()
        self.assertEqual((len(table), table.items()), (0, []))

    def test_deleting_while_iterating(self):
        table, keys, _ = session_table(100)
        for key, leaf in table.items():
            if leaf.value % 2:
                del table[key]
        self.assertTrue(all(leaf.value % 2 == 0 for leaf in table.values()))
        for key in table.keys():
            del table[key]
        self.assertEqual(len(table), 0)
        self.assertEqual(len(keys), 100)

    def test_leaves_are_the_scripts_own(self):
        table, keys, values = session_table()
        leaf = table.values()[0]
        leaf.value = 12345
        self.assertEqual(bytes(table.values()[0]), values[0])
        one = table[table.Key.from_buffer_copy(keys[0])]
        one.value += 1
        self.assertEqual(bytes(table[table.Key.from_buffer_copy(keys[0])]), values[0])

    def test_a_full_hash_refuses_a_new_key_and_takes_an_old_one(self):
        table, keys, _ = session_table(3, capacity=3)
        table[table.Key.from_buffer_copy(keys[1])] = table.Leaf(5)
        with self.assertRaisesRegex(Exception, "Could not update table: Argument list too long"):
            table[table.Key()] = table.Leaf(5)

    def test_batches(self):
        table, keys, values = session_table(40)
        self.assertEqual([(bytes(k), v) for k, v in table.items_lookup_batch()],
                         [(k, struct.unpack("Q", v)[0]) for k, v in zip(keys, values)])
        some = (table.Key * 2)(*(table.Key.from_buffer_copy(key) for key in keys[3:5]))
        table.items_update_batch(some, (table.Leaf * 2)(8, 9))
        self.assertEqual([table[key].value for key in some], [8, 9])
        table.items_delete_batch(some)
        self.assertEqual(len(table), 38)
        with self.assertRaisesRegex(Exception, "BPF_MAP_DELETE_BATCH has failed: No such file"):
            table.items_delete_batch(some)
        with self.assertRaises(TypeError):
            table.items_delete_batch([1])
        with self.assertRaises(ValueError):
            table.items_update_batch(some, (table.Leaf * 3)())
        unused = table.items_lookup_and_delete_batch()
        self.assertEqual(len(table), 38)
        self.assertEqual(len(list(unused)), 38)
        self.assertEqual(len(table), 0)

    def test_numbers_of_a_batch_are_ints_that_have_a_value_and_are_keys(self):
        table = table_of(Raw("hash", [struct.pack("Q", 7), struct.pack("Q", 8)], [bytes(4), struct.pack("I", 3)]))
        batch = list(table.items_lookup_batch())
        self.assertEqual(sum(leaf for _, leaf in batch), 15)
        self.assertEqual([(key.value, leaf.value, repr(leaf)) for key, leaf in batch], [(0, 7, "7"), (3, 8, "8")])
        table[batch[0][0]] = batch[1][1]
        del table[batch[1][0]]
        self.assertEqual([(key.value, leaf.value) for key, leaf in table.items()], [(0, 8)])

    def test_items_delete_batch_without_keys_deletes_every_row(self):
        table, _, _ = session_table(40)
        table.items_delete_batch()
        self.assertEqual(table.items(), [])

    def test_key_and_leaf_classes_of_the_scripts_own(self):
        class Address(ct.Structure):
            _fields_ = [("bytes", ct.c_ubyte * 13)]

        class Wide(ct.Structure):
            _fields_ = [("low", ct.c_uint), ("high", ct.c_uint), ("more", ct.c_uint)]

        keys, values = random_bytes(1, 4, 13), random_bytes(2, 4, 8)
        program = program_of(Raw("hash", values, keys, key_type=SESSION))
        table = program.get_table("MAP", Address, Wide)
        [(key, leaf), *_] = table.items()
        self.assertEqual((bytes(key), bytes(leaf)), (keys[0], values[0] + bytes(4)))
        table[key] = Wide(1, 2)
        self.assertEqual(program["MAP"][key].value, 1 | 2 << 32)


class ArrayTables(unittest.TestCase):
    def filled(self, **options):
        values = [struct.pack("Q", 100 + i) for i in range(5)]
        return values, {"key_type": S32, "capacity": 5, **options}

    def shapes(self):
        """The same array, 0 but for [1] = 101 and [4] = 104, in every form in which the host gives one."""
        values, options = self.filled()
        zeroed = [value if i in (1, 4) else bytes(8) for i, value in enumerate(values)]
        yield Raw("array", zeroed, indices=[1, 4], **options)
        yield Raw("array", zeroed, indices=[1, 4], step=16, **options)
        yield Raw("array", [values[1], values[4]], [struct.pack("i", 1), struct.pack("i", 4)], **options)
        yield Raw("array", zeroed, **options)

    def test_every_form_gives_the_same_array(self):
        for raw in self.shapes():
            table = table_of(raw)
            self.assertEqual([leaf.value for leaf in table.values()], [0, 101, 0, 0, 104])
            self.assertEqual([(key.value, leaf.value) for key, leaf in table.items()],
                             [(0, 0), (1, 101), (2, 0), (3, 0), (4, 104)])
            self.assertEqual([table[i].value for i in range(5)], [0, 101, 0, 0, 104])
            self.assertEqual((len(table), table[-1].value, table[ct.c_int(1)].value), (5, 104, 101))
            self.assertEqual([type(key) for key in table][:1], [ct.c_int])

    def test_indices_out_of_range(self):
        table = table_of(next(self.shapes()))
        for index in (5, ct.c_int(7), "1", 1.0, None):
            with self.assertRaises(IndexError):
                table[index]
        with self.assertRaises(KeyError):
            table[-6]

    def test_writing_and_deleting(self):
        for raw in self.shapes():
            table = table_of(raw)
            table[2] = table.Leaf(7)
            del table[1]
            self.assertEqual([leaf.value for leaf in table.values()], [0, 0, 7, 0, 104])
            self.assertEqual(table[2].value, 7)
            with self.assertRaises(TypeError):
                table[2] = 7
            table.clear()
            self.assertEqual([leaf.value for leaf in table.values()], [0] * 5)

    def test_batches(self):
        table = table_of(next(self.shapes()))
        self.assertEqual(list(table.items_lookup_batch()), [(0, 0), (1, 101), (2, 0), (3, 0), (4, 104)])
        with self.assertRaisesRegex(Exception, "BPF_MAP_LOOKUP_AND_DELETE_BATCH has failed"):
            list(table.items_lookup_and_delete_batch())


class PerCpuTables(unittest.TestCase):
    CPUS = 3

    def values(self, form, size, rows):
        """Per row and CPU r * 10 + c, each padded to 8 bytes by what must not be read."""
        return [b"".join(struct.pack(form, r * 10 + c).ljust(size, b"\xee") for c in range(self.CPUS))
                for r in range(rows)]

    def test_leaves_are_arrays_of_each_cpus_value(self):
        for described, form, kind in ((U64, "Q", ct.c_ulong), (U32, "I", ct.c_uint), (U16, "H", ct.c_ushort)):
            keys = [struct.pack("I", i) for i in range(4)]
            table = table_of(Raw("percpu_hash", self.values(form, 8, 4), keys, value_type=described, cpus=self.CPUS))
            leaf = table[ct.c_uint(2)]
            self.assertEqual((leaf._type_, list(leaf)), (kind, [20, 21, 22]))
            self.assertEqual([list(each) for each in table.values()], [[r * 10 + c for c in range(3)] for r in range(4)])
            self.assertEqual((table.sum(ct.c_uint(2)).value, table.max(ct.c_uint(2)).value), (63, 22))
            self.assertEqual(table.average(ct.c_uint(2)), 21)

    def test_writing_what_bcc_takes(self):
        table = table_of(Raw("percpu_array", self.values("I", 8, 2), key_type=S32, value_type=U32, capacity=2,
                             cpus=self.CPUS))
        self.assertIs(table.Leaf, ct.c_ulong * 3)  # BCC's, for 32-bit values
        table[1] = table.Leaf(7, 8, 9)
        table[0] = (ct.c_uint * 3)(4, 5, 6)
        self.assertEqual([list(each) for each in table.values()], [[4, 5, 6], [7, 8, 9]])
        del table[1]
        self.assertEqual(list(table[1]), [0, 0, 0])

    def test_structs_and_reducers(self):
        pair = record("pair", 8, ("a", 0, U32), ("b", 32, U32))
        program = program_of(Raw("percpu_hash", self.values("Q", 8, 1), [bytes(4)], value_type=pair, cpus=self.CPUS))
        self.assertEqual([each.a for each in program["MAP"].values()[0]], [0, 1, 2])
        reduced = program.get_table("MAP", reducer=lambda x, y: type(x)(x.a + y.a, 0))
        self.assertEqual(reduced[ct.c_uint(0)].a, 3)


class Programs(unittest.TestCase):
    def test_an_unknown_map_names_those_that_there_are(self):
        program = program_of(Raw("hash", [], [], name="B"), Raw("hash", [], [], name="A"),
                             Raw("array", [], name=".bss"))
        for name in ("C", b"C", ".bss"):
            with self.assertRaisesRegex(KeyError, "this probe has A, B"):
                program[name]
        self.assertIs(program["A"], program[b"A"])
        self.assertEqual(sorted(program), ["A", "B"])

    def test_a_table_is_read_at_its_first_content_call_and_once(self):
        raw = Raw("hash", random_bytes(1, 3, 8), random_bytes(2, 3, 4))
        program = program_of(raw)
        table, other = program["MAP"], program.get_table("MAP")
        self.assertEqual((raw.reads, table.max_entries), (0, 1024))
        table.items(), len(table), other.items()
        self.assertEqual(raw.reads, 1)

    def test_a_table_serves_all_windows_and_nothing_in_between(self):
        program = program_of(Raw("hash", random_bytes(1, 3, 8), random_bytes(2, 3, 4)))
        table = program["MAP"]
        kept = table.items()
        program.end()
        with self.assertRaisesRegex(Error, "only while read_program_maps"):
            table.items()
        with self.assertRaises(Error):
            table.get_fd()
        program.begin([Raw("hash", random_bytes(3, 5, 8), random_bytes(4, 5, 4))])
        self.assertIs(program["MAP"], table)
        self.assertEqual(len(table), 5)
        self.assertEqual(len(kept), 3)
        self.assertEqual(bytes(kept[0][1]), random_bytes(1, 3, 8)[0])

    def test_what_the_host_says_went_wrong_reaches_the_script(self):
        raw = Raw("hash", [], [])
        raw.error = Error("MAP: lookup: EPERM", "Permission")
        with self.assertRaisesRegex(Error, "EPERM"):
            table_of(raw).items()

    def test_the_rest_of_bccs_object_is_refused_by_name(self):
        with self.assertRaisesRegex(AttributeError, "weir loads and attaches the probe.*attach_xdp"):
            program_of().attach_xdp


if __name__ == "__main__":
    _raw.main()
