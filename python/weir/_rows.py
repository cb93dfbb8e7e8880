# SPDX-License-Identifier: Apache-2.0
"""The rows of a map that was drained: read once by the host, from then on in user space.

What the host gives, `raw`: name, kind ("hash", "array", "percpu_hash", "queue", "lru_hash", "lpm_trie", ...),
map_class ("windowed", "persistent", "fixed"), capacity, key_type and value_type (descriptions, _ctypes_types.py),
key_bytes, value_bytes, cpus (0 where not per CPU), fd. After raw.read() (idempotent, from any thread, releases the
GIL, raises weir.Error) also: rows; keys (a memoryview of bytes, or None) and key_step, the bytes from one to the
next; values and value_step; indices (a memoryview of format "I", or None): row i's value stands at
values[indices[i] * value_step:], and in an array the index is the key. Without indices rows stand side by side.
Per-CPU values are `cpus` values, each padded to 8 bytes. The memory is good until the callback ends and is
read-only; what scripts get are copies, which they may write and keep.

Stores know bytes, not ctypes. Not thread-safe: the map's lock is held around each call (_map.py).
"""
import errno
import os
import struct
from array import array
from collections import deque
from math import gcd

_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_CHUNK = 1024  # rows; 1,024 of 40 bytes stay in the first-level cache while columns are copied
BPF_EXIST = 2


class TableError(OSError):
    """Where BCC raises a bare Exception: the same text, and errno."""

    def __init__(self, what, number):
        super().__init__(number, os.strerror(number))
        self._what = what

    def __str__(self):
        return f"{self._what}: {self.strerror}"


class Column:
    """Equal elements in memory of the host: `size` bytes each, `step` apart."""

    def __init__(self, memory, size, step):
        self.memory = memoryview(b"" if memory is None else memory)  # None: of no rows
        self.size, self.step = size, step

    def at(self, i):
        return bytes(self.memory[i * self.step:i * self.step + self.size])

    def copy(self, begin, end):
        """Elements begin to end, side by side: a bytearray."""
        rows, step, size = end - begin, self.step, self.size
        if step == size or rows == 0:
            return bytearray(self.memory[begin * step:end * step])
        out = bytearray(rows * size)
        for first in range(begin, end, _CHUNK):
            last = min(first + _CHUNK, end)
            out[(first - begin) * size:(last - begin) * size] = self._squeeze(first, last)
        return out

    def _squeeze(self, begin, end):
        """Copies without the gaps, in the largest unit that fits, one strided copy for each unit of an element."""
        unit = gcd(self.size, self.step, 8)
        wide, narrow = self.step // unit, self.size // unit
        source, out = array(_CODES[unit]), array(_CODES[unit], bytes((end - begin) * self.size))
        source.frombytes(self.memory[begin * self.step:end * self.step])
        for i in range(narrow):
            out[i::narrow] = source[i::wide]
        return memoryview(out).cast("B")

    def gather(self, indices):
        """The elements of these indices, side by side."""
        rows = len(indices)
        if rows and indices[-1] - indices[0] == rows - 1:  # ascending: all that lie in between
            return self.copy(indices[0], indices[-1] + 1)
        memory, size, step = self.memory, self.size, self.step
        return bytearray().join([memory[i * step:i * step + size] for i in indices])


def split(memory, size):
    """Elements of `size` bytes as bytes objects."""
    return [element for (element,) in struct.iter_unpack(f"{size}s", memory)]


def _value_column(raw):
    size = raw.cpus * _padded(raw.value_bytes) if raw.cpus else raw.value_bytes
    return Column(raw.values, size, raw.value_step)


def _padded(size):
    return (size + 7) // 8 * 8


class HashRows:
    """HASH kinds. Columns until a row is asked for by its key or changed, from then on a dictionary of bytes."""

    def __init__(self, raw):
        self._capacity = None if raw.kind.startswith("lru") else raw.capacity
        self._raw, self._rows = raw, None

    def __len__(self):
        return self._raw.rows if self._rows is None else len(self._rows)

    def keys(self):
        """Keys side by side: a bytearray."""
        if self._rows is not None:
            return bytearray().join(self._rows)
        return Column(self._raw.keys, self._raw.key_bytes, self._raw.key_step).copy(0, self._raw.rows)

    def values(self):
        if self._rows is not None:
            return bytearray().join(self._rows.values())
        column = _value_column(self._raw)
        return column.copy(0, self._raw.rows) if self._raw.indices is None else column.gather(self._raw.indices)

    def items(self):
        return self.keys(), self.values()

    lookup_batch = items

    def lookup(self, key):
        """The value's bytes; None: no such row."""
        return self._by_key().get(key)

    def update(self, key, value, _flags=0):
        rows = self._by_key()
        if self._capacity is not None and key not in rows and len(rows) >= self._capacity:
            raise TableError("Could not update table", errno.E2BIG)
        rows[key] = value

    def delete(self, key):
        """Whether there was such a row."""
        return self._by_key().pop(key, None) is not None

    def take(self):
        """Keys and values of all rows, which are gone then."""
        taken = self.items()
        self.clear()
        return taken

    def clear(self):
        self._rows = {}

    def _by_key(self):
        if self._rows is None:
            values = self.values()
            size = len(values) // self._raw.rows if self._raw.rows else 1
            self._rows = dict(zip(split(self.keys(), self._raw.key_bytes), split(values, size)))
        return self._rows


class ArrayRows:
    """ARRAY kinds: `capacity` values of which the host gives those that are not all zero."""

    def __init__(self, raw):
        self._raw, self._column = raw, _value_column(raw)
        self._written = {}  # by the script, index: bytes
        self._places = self._find_places()

    def __len__(self):
        return self._raw.capacity

    def keys(self):
        return bytearray(memoryview(array("I", range(self._raw.capacity))).cast("B"))

    def values(self):
        size, raw = self._column.size, self._raw
        if self._places is None:
            out = self._column.copy(0, raw.capacity)
        else:
            out = bytearray(raw.capacity * size)
            for index, place in self._places.items():
                out[index * size:(index + 1) * size] = self._column.at(place)
        for index, value in self._written.items():
            out[index * size:(index + 1) * size] = value
        return out

    def items(self):
        return self.keys(), self.values()

    lookup_batch = items

    def lookup(self, key):
        index = int.from_bytes(key, _order)
        if index >= self._raw.capacity:
            return None
        written = self._written.get(index)
        if written is not None:
            return written
        place = index if self._places is None else self._places.get(index)
        return bytes(self._column.size) if place is None else self._column.at(place)

    def update(self, key, value, _flags=0):
        index = int.from_bytes(key, _order)
        if index >= self._raw.capacity:
            raise TableError("Could not update table", errno.E2BIG)
        self._written[index] = value

    def delete(self, _key):
        raise TableError("Could not delete", errno.EINVAL)  # KERNEL: kernel/bpf/arraymap.c:array_map_delete_elem

    def take(self):
        raise TableError("BPF_MAP_LOOKUP_AND_DELETE_BATCH has failed", errno.EOPNOTSUPP)

    def _find_places(self):
        """{index: place in the column}; None: every index stands at its own place."""
        raw = self._raw
        if raw.indices is not None:
            whole = len(raw.values) >= (raw.capacity - 1) * raw.value_step + self._column.size
            return None if whole else {index: index for index in raw.indices}
        if raw.keys is not None:
            keys = Column(raw.keys, raw.key_bytes, raw.key_step).copy(0, raw.rows)
            return {index: place for place, index in enumerate(memoryview(keys).cast("I"))}
        return {place: place for place in range(raw.rows)} if raw.rows < raw.capacity else None


_order = "little" if array("H", [1]).tobytes()[0] == 1 else "big"


class QueueRows:
    """QUEUE and STACK: records in the order of popping. `ready` holds those that the next pops take without a lock."""

    def __init__(self, raw, make):
        """`make`: from the bytes of records to what pop() gives."""
        self._raw, self._make, self._is_stack = raw, make, raw.kind == "stack"
        self._column, self._next = _value_column(raw), 0
        self._pushed = deque()  # QUEUE: behind the rows of the window
        self.ready = deque()

    def __len__(self):
        return len(self.ready) + self._raw.rows - self._next + len(self._pushed)

    def refill(self):
        """Whether there is a record in `ready` now."""
        if not self.ready and self._next < self._raw.rows:
            # In pieces: objects that live on cost the garbage collector five times what these take.
            begin, self._next = self._next, min(self._next + _CHUNK, self._raw.rows)
            self.ready.extend(self._make(self._column.copy(begin, self._next)))
        if not self.ready and self._pushed:
            self.ready.append(self._pushed.popleft())
        return bool(self.ready)

    def push(self, value, flags=0):
        if len(self) >= self._raw.capacity:
            if not flags & BPF_EXIST:
                raise TableError("Could not push to table", errno.E2BIG)
            self._drop_oldest()
        record, = self._make(bytearray(value))
        if self._is_stack:
            self.ready.appendleft(record)
        elif self._next < self._raw.rows or self._pushed:
            self._pushed.append(record)
        else:
            self.ready.append(record)

    def _drop_oldest(self):
        # KERNEL: kernel/bpf/queue_stack_maps.c:__queue_map_push_elem drops the tail, of a stack the bottom.
        if not self._is_stack:
            if self.refill():
                self.ready.popleft()
            return
        self.ready.extend(self._make(self._column.copy(self._next, self._raw.rows)))
        self._next = self._raw.rows
        if self.ready:
            self.ready.pop()
