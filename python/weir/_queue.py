# SPDX-License-Identifier: Apache-2.0
"""QUEUE and STACK maps of a classic program."""
from weir._ctypes_types import ctypes_type
from weir._objects import make_objects, to_bytes


class ClassicQueue:
    """BCC's QueueStack: pop(), push(), peek(), values(). As there it has no length and is not iterated over, and
    values() pops what it gives."""

    BPF_EXIST = 2  # flag of push(): when full, drop the oldest record

    def __init__(self, source, raw, leaftype=None):
        own = ctypes_type(raw.value_type)
        self.Leaf = leaftype or own
        self.max_entries = raw.capacity
        self._map, self._bytes = source, raw.value_bytes
        self._has_own_leaf = self.Leaf is own

    def get_fd(self):
        """The map's descriptor in this window. Where nothing was popped yet, the records stay in the kernel."""
        return self._map.fd()

    map_fd = property(get_fd)

    def pop(self):
        """The next record, a Leaf. Errors: KeyError (there is none)."""
        try:
            leaf = self._map.ready.popleft()
        except IndexError:
            leaf = self._map.pop()
            if leaf is None:
                raise KeyError("Could not pop from table") from None
        return leaf if self._has_own_leaf else self._leaf(bytes(leaf))

    def peek(self):
        """As pop(); the record stays."""
        record = self._map.peek()
        if record is None:
            raise KeyError("Could not peek table")
        return self._leaf(record)

    def push(self, leaf, flags=0):
        """Adds a record. Errors: TypeError (not a ctypes object), OSError (full)."""
        self._map.push(to_bytes(leaf, self._bytes, f"a record of {self._map.name}"), flags)

    def itervalues(self):
        for _ in range(self.max_entries):
            try:
                leaf = self.pop()
            except KeyError:
                return
            yield leaf

    def values(self):
        return list(self.itervalues())

    def _leaf(self, record):
        return make_objects(self.Leaf, bytearray(record), self._bytes)[0]
