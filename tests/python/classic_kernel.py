#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tables of a classic program whose map is a real one of the kernel: left there after get_fd(), written through
where it is persistent; and `lib`, by descriptor. Looked at from the other side by the test's own bpf(2) calls."""
import ctypes as ct
import errno
import os
import struct
import unittest
from concurrent.futures import ThreadPoolExecutor

import _raw
from _raw import S32, U32, U64, KernelMap, Raw, can_make_maps, program_of
from weir._bpf_lib import lib as weirs_lib


def key_of(i):
    return struct.pack("I", i)


def value_of(i):
    return struct.pack("Q", i)


def filled_hash(rows=5, kind="hash", capacity=64):
    kernel = KernelMap(kind, 4, 8, capacity)
    for i in range(rows):
        kernel.update(key_of(i), value_of(100 + i))
    return kernel


def filled_queue(rows=5, kind="queue"):
    kernel = KernelMap(kind, 0, 8, 64)
    for i in range(rows):
        kernel.update(None, value_of(i))
    return kernel


def raw_of(kernel, **options):
    """The map as the host gives it, content included."""
    keys = kernel.keys() if kernel.key_bytes else None
    values = [kernel.lookup(key) for key in keys] if keys is not None else []
    return Raw(kernel.kind, values, keys, fd=kernel.fd, capacity=kernel.capacity, cpus=kernel.cpus, **options)


@unittest.skipUnless(can_make_maps(), "this process may make no maps in the kernel")
class KernelTest(unittest.TestCase):
    def using(self, kernel):
        self.addCleanup(os.close, kernel.fd)
        return kernel


class LeftInTheKernel(KernelTest):
    def test_a_table_whose_descriptor_was_taken_is_not_read(self):
        kernel = self.using(filled_hash())
        raw = raw_of(kernel)
        table = program_of(raw)["MAP"]
        self.assertEqual(table.get_fd(), kernel.fd)
        kernel.update(key_of(9), value_of(1000))
        self.assertEqual({key.value: leaf.value for key, leaf in table.items()},
                         {0: 100, 1: 101, 2: 102, 3: 103, 4: 104, 9: 1000})
        self.assertEqual((len(table), table[ct.c_uint(9)].value, raw.reads), (6, 1000, 0))
        del table[ct.c_uint(9)]
        table[ct.c_uint(2)] = table.Leaf(7)
        self.assertEqual((kernel.lookup(key_of(9)), kernel.lookup(key_of(2))), (None, value_of(7)))
        with self.assertRaises(KeyError):
            del table[ct.c_uint(9)]
        table.clear()
        self.assertEqual((kernel.keys(), table.items()), ([], []))

    def test_batches_go_to_the_kernel(self):
        kernel = self.using(filled_hash(40))
        table = program_of(raw_of(kernel))["MAP"]
        table.get_fd()
        self.assertEqual(dict(table.items_lookup_batch()), {i: 100 + i for i in range(40)})
        table.items_delete_batch((ct.c_uint * 2)(3, 4))
        self.assertEqual(len(kernel.keys()), 38)
        self.assertEqual(len(list(table.items_lookup_and_delete_batch())), 38)
        self.assertEqual(kernel.keys(), [])

    def test_a_read_table_stays_read_when_its_descriptor_is_taken(self):
        kernel = self.using(filled_hash())
        table = program_of(raw_of(kernel))["MAP"]
        table.items()
        kernel.update(key_of(9), value_of(1000))
        self.assertEqual((table.get_fd(), len(table)), (kernel.fd, 5))

    def test_queues_and_stacks(self):
        for kind, expected in (("queue", [0, 1, 2, 3, 4]), ("stack", [4, 3, 2, 1, 0])):
            kernel = self.using(filled_queue(kind=kind))
            queue = program_of(raw_of(kernel))["MAP"]
            queue.get_fd()
            self.assertEqual(queue.peek().value, expected[0])
            with ThreadPoolExecutor(4) as pool:
                found = [leaf.value for leaf in pool.map(lambda _: queue.pop(), range(5))]
            self.assertEqual(sorted(found), [0, 1, 2, 3, 4])
            with self.assertRaises(KeyError):
                queue.pop()
            with self.assertRaises(KeyError):
                queue.peek()
            queue.push(queue.Leaf(8))
            self.assertEqual(kernel.pop(), value_of(8))

    def test_pushing_into_a_full_queue(self):
        kernel = self.using(KernelMap("queue", 0, 8, 1))
        queue = program_of(raw_of(kernel))["MAP"]
        queue.get_fd()
        queue.push(queue.Leaf(1))
        with self.assertRaisesRegex(Exception, "Could not push to table: Argument list too long"):
            queue.push(queue.Leaf(2))
        queue.push(queue.Leaf(3), queue.BPF_EXIST)
        self.assertEqual(kernel.pop_all(), [value_of(3)])

    def test_a_longest_prefix_map_is_asked_for_the_longest_prefix(self):
        kernel = self.using(KernelMap("lpm_trie", 8, 8, 16))
        kernel.update(struct.pack("I4B", 8, 10, 0, 0, 0), value_of(8))
        kernel.update(struct.pack("I4B", 16, 10, 1, 0, 0), value_of(16))
        raw = raw_of(kernel, key_type=U64)
        table = program_of(raw)["MAP"]
        key = table.Key.from_buffer_copy(struct.pack("I4B", 32, 10, 1, 2, 3))
        self.assertEqual((table[key].value, len(table.items()), raw.reads), (16, 2, 0))

    def test_persistent_queues_are_popped_in_the_kernel(self):
        kernel = self.using(filled_queue())
        raw = raw_of(kernel, map_class="persistent")
        self.assertEqual([leaf.value for leaf in program_of(raw)["MAP"].values()], [0, 1, 2, 3, 4])
        self.assertEqual((kernel.pop(), raw.reads), (None, 0))

    def test_the_next_window_is_read_again(self):
        first, second = self.using(filled_hash()), self.using(filled_hash(3))
        program = program_of(raw_of(first))
        table = program["MAP"]
        table.get_fd()
        program.end()
        raw = raw_of(second)
        program.begin([raw])
        self.assertEqual((len(table), raw.reads), (3, 1))


class Persistent(KernelTest):
    def test_writes_reach_the_kernel_and_the_rows(self):
        kernel = self.using(filled_hash())
        table = program_of(raw_of(kernel, map_class="persistent"))["MAP"]
        self.assertEqual(len(table), 5)
        table[ct.c_uint(9)] = table.Leaf(1)
        table[ct.c_uint(1)] = table.Leaf(2)
        del table[ct.c_uint(0)]
        expected = {1: 2, 2: 102, 3: 103, 4: 104, 9: 1}
        self.assertEqual({key.value: leaf.value for key, leaf in table.items()}, expected)
        self.assertEqual({struct.unpack("I", key)[0]: struct.unpack("Q", kernel.lookup(key))[0]
                          for key in kernel.keys()}, expected)
        self.assertEqual(len(list(table.items_lookup_and_delete_batch())), 5)
        self.assertEqual((kernel.keys(), table.items()), ([], []))

    def test_a_write_that_the_kernel_refuses_changes_nothing(self):
        kernel = self.using(filled_hash(4, capacity=4))
        table = program_of(raw_of(kernel, map_class="persistent"))["MAP"]
        with self.assertRaisesRegex(Exception, "Could not update table: Argument list too long"):
            table[ct.c_uint(9)] = table.Leaf(1)
        self.assertEqual((len(table), len(kernel.keys())), (4, 4))

    def test_windowed_maps_are_not_written(self):
        kernel = self.using(filled_hash())
        table = program_of(raw_of(kernel))["MAP"]
        table[ct.c_uint(9)] = table.Leaf(1)
        table.clear()
        self.assertEqual((len(table), len(kernel.keys())), (0, 5))

    def test_arrays(self):
        kernel = self.using(KernelMap("array", 4, 8, 4))
        kernel.update(key_of(1), value_of(5))
        table = program_of(raw_of(kernel, map_class="persistent", key_type=S32))["MAP"]
        table[2] = table.Leaf(6)
        del table[1]
        self.assertEqual([kernel.lookup(key_of(i)) for i in range(4)], [value_of(i) for i in (0, 0, 6, 0)])
        self.assertEqual([leaf.value for leaf in table.values()], [0, 0, 6, 0])

    def test_per_cpu_values(self):
        kernel = self.using(KernelMap("percpu_hash", 4, 4, 8))
        table = program_of(raw_of(kernel, map_class="persistent", value_type=U32))["MAP"]
        values = range(10, 10 + kernel.cpus)
        table[ct.c_uint(3)] = table.Leaf(*values)
        self.assertEqual(kernel.lookup(key_of(3)), b"".join(value_of(value) for value in values))
        self.assertEqual(list(table[ct.c_uint(3)]), list(values))


class Lib(KernelTest):
    lib = weirs_lib

    def test_single_rows_and_their_errno(self):
        kernel = self.using(filled_hash())
        key, leaf = ct.c_uint(3), ct.c_ulong()
        self.assertEqual(self.lib.bpf_lookup_elem(kernel.fd, ct.byref(key), ct.byref(leaf)), 0)
        self.assertEqual(leaf.value, 103)
        self.assertEqual(self.lib.bpf_update_elem(kernel.fd, ct.byref(ct.c_uint(9)), ct.byref(leaf), 0), 0)
        self.assertEqual(kernel.lookup(key_of(9)), value_of(103))
        self.assertEqual(self.lib.bpf_delete_elem(kernel.fd, ct.byref(key)), 0)
        for call in (lambda: self.lib.bpf_lookup_elem(kernel.fd, ct.byref(key), ct.byref(leaf)),
                     lambda: self.lib.bpf_delete_elem(kernel.fd, ct.byref(key))):
            ct.set_errno(0)
            self.assertEqual((call(), ct.get_errno()), (-errno.ENOENT, errno.ENOENT))
        self.assertLess(self.lib.bpf_lookup_elem(10_000, ct.byref(key), ct.byref(leaf)), 0)
        self.assertEqual(ct.get_errno(), errno.EBADF)
        self.assertEqual(self.lib.bpf_update_elem(kernel.fd, ct.byref(ct.c_uint(9)), ct.byref(leaf), 1), -errno.EEXIST)

    def test_walking_the_keys(self):
        kernel = self.using(filled_hash())
        key, following, found = ct.c_uint(), ct.c_uint(), []
        self.assertEqual(self.lib.bpf_get_first_key(kernel.fd, ct.byref(key), ct.sizeof(key)), 0)
        found.append(key.value)
        while self.lib.bpf_get_next_key(kernel.fd, ct.byref(key), ct.byref(following)) == 0:
            found.append(following.value)
            key.value = following.value
        self.assertEqual([key_of(i) for i in found], kernel.keys())

    def test_queues(self):
        kernel = self.using(filled_queue(2))
        leaf = ct.c_ulong()
        self.assertEqual(self.lib.bpf_lookup_and_delete(kernel.fd, None, ct.byref(leaf)), 0)
        self.assertEqual(self.lib.bpf_lookup_elem(kernel.fd, None, ct.byref(leaf)), 0)
        self.assertEqual(leaf.value, 1)
        self.assertEqual(self.lib.bpf_lookup_and_delete(kernel.fd, None, ct.byref(leaf)), 0)
        self.assertEqual(self.lib.bpf_lookup_and_delete(kernel.fd, None, ct.byref(leaf)), -errno.ENOENT)

    def test_batches_in_steps_as_scripts_do_them(self):
        kernel = self.using(filled_hash(40))
        for call in (self.lib.bpf_lookup_batch, self.lib.bpf_lookup_and_delete_batch):
            keys, values = (ct.c_uint * 64)(), (ct.c_ulong * 64)()
            cursor, total, result = ct.c_uint32(), 0, 0
            while result == 0:
                count = ct.c_uint32(16)
                result = call(kernel.fd, ct.byref(cursor) if total else None, ct.byref(cursor),
                              ct.byref(keys, 4 * total), ct.byref(values, 8 * total), ct.byref(count))
                total += count.value
            self.assertEqual((result, ct.get_errno()), (-errno.ENOENT, errno.ENOENT))
            self.assertEqual(dict(zip(keys[:total], values[:total])), {i: 100 + i for i in range(40)})
        self.assertEqual(kernel.keys(), [])
        count = ct.c_uint32(40)
        self.assertEqual(self.lib.bpf_update_batch(kernel.fd, ct.byref(keys), ct.byref(values), ct.byref(count)), 0)
        self.assertEqual((count.value, len(kernel.keys())), (40, 40))
        count = ct.c_uint32(39)
        self.assertEqual(self.lib.bpf_delete_batch(kernel.fd, keys, ct.byref(count)), 0)
        self.assertEqual(len(kernel.keys()), 1)

    def test_libbpfs_names_and_signatures(self):
        kernel = self.using(filled_hash(40))
        options = ct.create_string_buffer(struct.pack("=QQQ", 24, 0, 0))
        for call, opts in ((self.lib.bpf_map_lookup_batch, None), (self.lib.bpf_map_lookup_and_delete_batch, ct.byref(options))):
            keys, values, cursor, count = (ct.c_uint * 64)(), (ct.c_ulong * 64)(), ct.c_ulonglong(0), ct.c_int(64)
            result = call(kernel.fd, ct.byref(cursor), ct.byref(cursor), keys, values, ct.byref(count), opts)
            self.assertEqual((result, ct.get_errno(), count.value), (-errno.ENOENT, errno.ENOENT, 40))
            self.assertEqual(dict(zip(keys[:40], values[:40])), {i: 100 + i for i in range(40)})
        count, unknown = ct.c_uint(1), ct.create_string_buffer(struct.pack("=QQQ", 24, 1 << 40, 0))
        self.assertEqual(self.lib.bpf_map_update_batch(kernel.fd, keys, values, ct.byref(count), unknown), -errno.EINVAL)
        self.assertEqual(self.lib.bpf_map_update_batch(kernel.fd, keys, values, ct.byref(count), None), 0)
        self.assertEqual(kernel.lookup(key_of(keys[0])), value_of(values[0]))
        self.assertEqual(self.lib.bpf_map_delete_batch(kernel.fd, keys, ct.byref(count), None), 0)
        self.assertEqual(self.lib.bpf_map_update_elem(kernel.fd, ct.byref(ct.c_uint(1)), ct.byref(ct.c_ulong(2)), 0), 0)
        following, leaf = ct.c_uint(), ct.c_ulong()
        self.assertEqual(self.lib.bpf_map_get_next_key(kernel.fd, None, ct.byref(following)), 0)
        self.assertEqual(self.lib.bpf_map_lookup_elem(kernel.fd, ct.byref(following), ct.byref(leaf)), 0)
        self.assertEqual((following.value, leaf.value), (1, 2))
        self.assertEqual(self.lib.bpf_map_lookup_and_delete_elem(kernel.fd, ct.byref(following), ct.byref(leaf)), 0)
        self.assertEqual(self.lib.bpf_map_delete_elem(kernel.fd, ct.byref(following)), -errno.ENOENT)

    def test_a_symbol_that_is_not_there(self):
        with self.assertRaisesRegex(AttributeError, "undefined symbol: bpf_any_thing"):
            self.lib.bpf_any_thing
        self.lib.bpf_lookup_elem.argtypes = [ct.c_int, ct.c_void_p, ct.c_void_p]  # as scripts do it to a CDLL's


class BccsLib(Lib):
    """What is expected above is what BCC's own `lib` does."""

    @classmethod
    def setUpClass(cls):
        try:
            from bcc import lib
        except ImportError:
            raise unittest.SkipTest("python3-bpfcc is not installed") from None
        cls.lib = lib


if __name__ == "__main__":
    _raw.main()
