#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Queues and stacks of a classic program on drained rows: order, several threads, and the errors."""
import ctypes as ct
import itertools
import struct
import sys
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

import _raw
from _raw import RECORD, U32, Raw, program_of, random_bytes, table_of
from weir import Error

ROWS = 20_000


def numbers(count):
    return [struct.pack("I", i) for i in range(count)]


def number_queue(count, kind="queue", **options):
    return table_of(Raw(kind, numbers(count), value_type=U32, **{"capacity": max(count, 1), **options}))


def drain(queue):
    """Pops as scripts do, until KeyError."""
    found = []
    while True:
        try:
            found.append(queue.pop())
        except KeyError:
            return found


class Queues(unittest.TestCase):
    def test_records_come_in_order_with_and_without_gaps(self):
        for count in (0, 1, 1023, 1024, 1025, 5000):
            records = random_bytes(count, count, 24)
            for step in (0, 24, 32):
                queue = table_of(Raw("queue", records, value_type=RECORD, step=step, capacity=8192))
                self.assertEqual([bytes(leaf) for leaf in drain(queue)], records)

    def test_an_empty_queue_is_a_key_error_as_in_bcc(self):
        queue = number_queue(0)
        with self.assertRaisesRegex(KeyError, "Could not pop from table"):
            queue.pop()
        with self.assertRaisesRegex(KeyError, "Could not peek table"):
            queue.peek()
        self.assertEqual(queue.values(), [])

    def test_values_pop_what_they_give(self):
        queue = number_queue(3000)
        self.assertEqual([leaf.value for leaf in queue.values()], list(range(3000)))
        self.assertEqual(queue.values(), [])

    def test_it_has_no_length_and_is_not_iterated_over_as_in_bcc(self):
        queue = number_queue(3)
        self.assertTrue(queue)
        for call in (len, iter):
            with self.assertRaises(TypeError):
                call(queue)

    def test_peeking_takes_nothing_and_gives_a_copy(self):
        queue = number_queue(2)
        leaf = queue.peek()
        leaf.value = 77
        self.assertEqual([queue.peek().value, queue.pop().value, queue.peek().value], [0, 0, 1])

    def test_pushed_records_come_last_of_a_queue_and_first_of_a_stack(self):
        for count in (3, 3000):
            queue, stack = number_queue(count, capacity=9999), number_queue(count, "stack", capacity=9999)
            for table in (queue, stack):
                self.assertEqual(table.pop().value, 0)
                table.push(table.Leaf(70_001))
                table.push(table.Leaf(70_002))
            rest = list(range(1, count))
            self.assertEqual([leaf.value for leaf in queue.values()], rest + [70_001, 70_002])
            self.assertEqual([leaf.value for leaf in stack.values()], [70_002, 70_001] + rest)

    def test_a_full_one_refuses_or_with_bpf_exist_drops_the_oldest(self):
        for kind, expected in (("queue", [1, 2, 9]), ("stack", [9, 0, 1])):
            table = number_queue(3, kind)
            with self.assertRaisesRegex(Exception, "Could not push to table: Argument list too long"):
                table.push(table.Leaf(9))
            table.push(table.Leaf(9), table.BPF_EXIST)
            self.assertEqual([leaf.value for leaf in table.values()], expected)

    def test_pushing_anything_but_a_ctypes_object(self):
        queue = number_queue(1)
        for leaf in (5, b"abcd"):
            with self.assertRaises(TypeError):
                queue.push(leaf)
        with self.assertRaises(TypeError):
            queue.push(ct.c_ushort(1))

    def test_leaves_are_writable_and_outlive_the_window(self):
        program = program_of(Raw("queue", random_bytes(1, 3, 24), value_type=RECORD))
        leaf = program["MAP"].pop()
        program.end()
        leaf.time = 5
        self.assertEqual(leaf.time, 5)
        self.assertEqual(bytes(leaf)[:16], random_bytes(1, 1, 24)[0][:16])
        with self.assertRaises(Error):
            program["MAP"].pop()

    def test_two_tables_of_one_map_share_its_records(self):
        class Half(ct.Structure):
            _fields_ = [("low", ct.c_ushort)]
        program = program_of(Raw("queue", numbers(4), value_type=U32))
        other = program.get_table("MAP", leaftype=Half)
        self.assertEqual([program["MAP"].pop().value, other.pop().low, program["MAP"].pop().value, other.pop().low],
                         [0, 1, 2, 3])


class Threads(unittest.TestCase):
    """Each record reaches exactly one thread."""

    def setUp(self):
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-6)

    def test_a_pool_that_pops(self):
        for kind in ("queue", "stack"):
            raw = Raw(kind, numbers(ROWS), value_type=U32, capacity=ROWS)
            program = program_of(raw)
            with ThreadPoolExecutor(8) as pool:
                found = list(pool.map(lambda _: drain(program["MAP"]), range(8)))
            self.assertEqual(raw.reads, 1)
            self.assertEqual(sorted(leaf.value for leaf in itertools.chain(*found)), list(range(ROWS)))

    def test_popping_beside_pushing_and_peeking(self):
        queue = number_queue(ROWS, capacity=3 * ROWS)
        stop, found = threading.Event(), []

        def pop():
            mine = []
            while True:
                is_last = stop.is_set()
                mine += drain(queue)
                if is_last:
                    found.extend(mine)
                    return

        def push():
            for i in range(ROWS, ROWS + 5000):
                queue.push(queue.Leaf(i))
                try:
                    queue.peek()
                except KeyError:
                    pass

        poppers = [threading.Thread(target=pop) for _ in range(4)]
        pusher = threading.Thread(target=push)
        for thread in (*poppers, pusher):
            thread.start()
        pusher.join()
        stop.set()
        for thread in poppers:
            thread.join()
        self.assertEqual(sorted(leaf.value for leaf in found), list(range(ROWS + 5000)))

    def test_the_end_of_a_window_under_popping_threads(self):
        for _ in range(20):
            program = program_of(Raw("queue", numbers(ROWS), value_type=U32, capacity=ROWS))
            queue, outcomes, started = program["MAP"], [], threading.Barrier(5)

            def pop():
                started.wait()
                try:
                    drain(queue)
                    outcomes.append("empty")
                except Error:
                    outcomes.append("over")

            threads = [threading.Thread(target=pop) for _ in range(4)]
            for thread in threads:
                thread.start()
            started.wait()
            program.end()
            for thread in threads:
                thread.join()
            self.assertEqual(len(outcomes), 4)
            self.assertLessEqual(set(outcomes), {"empty", "over"})


if __name__ == "__main__":
    _raw.main()
