# SPDX-License-Identifier: Apache-2.0
"""The rows of a map that was left in the kernel, because its descriptor was asked for before it was read, or
because nobody but the kernel may read it: every call is a system call. The same calls as the stores of _rows.py."""
import ctypes as ct
import errno

from weir._bpf_lib import lib
from weir._rows import TableError, split


class KernelRows:
    """A map by its descriptor. Stateless but for that; calls may run side by side."""

    def __init__(self, raw):
        self._fd, self._capacity, self.key_bytes = raw.fd, raw.capacity, raw.key_bytes
        self._value_bytes = raw.cpus * ((raw.value_bytes + 7) // 8 * 8) if raw.cpus else raw.value_bytes

    def __len__(self):
        return sum(1 for _ in self._each_key())

    def keys(self):
        return bytearray().join(self._each_key())

    def items(self):
        """Keys and values side by side; a row that vanishes in between is left out."""
        rows = [(key, value) for key in self._each_key() if (value := self.lookup(key)) is not None]
        return bytearray().join([key for key, _ in rows]), bytearray().join([value for _, value in rows])

    def lookup(self, key):
        value = ct.create_string_buffer(self._value_bytes)
        return value.raw if lib.bpf_lookup_elem(self._fd, key, value) == 0 else None

    def update(self, key, value, flags=0):
        self._check(lib.bpf_update_elem(self._fd, key, value, flags), "Could not update table")

    def delete(self, key):
        return lib.bpf_delete_elem(self._fd, key) == 0

    def lookup_batch(self):
        return self._batch(lib.bpf_lookup_batch, "BPF_MAP_LOOKUP_BATCH has failed")

    def take(self):
        return self._batch(lib.bpf_lookup_and_delete_batch, "BPF_MAP_LOOKUP_AND_DELETE_BATCH has failed")

    def clear(self):
        for key in list(self._each_key()):
            self.delete(key)

    def pop(self):
        """The record's bytes; None: there is none."""
        value = ct.create_string_buffer(self._value_bytes)
        return value.raw if lib.bpf_lookup_and_delete(self._fd, None, value) == 0 else None

    def peek(self):
        return self.lookup(None)

    def push(self, value, flags=0):
        self._check(lib.bpf_update_elem(self._fd, None, value, flags), "Could not push to table")

    def _each_key(self):
        # The program may add keys meanwhile: bounded, so that this ends.
        key = None
        for _ in range(2 * self._capacity):
            following = ct.create_string_buffer(self.key_bytes)
            if lib.bpf_get_next_key(self._fd, key, following) != 0:
                return
            yield following.raw
            key = following

    def _batch(self, call, what):
        keys = bytearray(self.key_bytes * self._capacity)
        values = bytearray(self._value_bytes * self._capacity)
        keys_at, values_at = (ct.addressof(ct.c_char.from_buffer(memory)) for memory in (keys, values))
        cursor = ct.create_string_buffer(max(self.key_bytes, 4))
        rows, result = 0, 0
        while result == 0 and rows < self._capacity:
            count = ct.c_uint32(self._capacity - rows)
            result = call(self._fd, cursor if rows else None, cursor, keys_at + rows * self.key_bytes,
                          values_at + rows * self._value_bytes, ct.byref(count))
            rows += count.value if result in (0, -errno.ENOENT) else 0
            if count.value == 0:
                break
        if result not in (0, -errno.ENOENT):
            raise TableError(what, -result)
        return keys[:rows * self.key_bytes], values[:rows * self._value_bytes]

    @staticmethod
    def _check(result, what):
        if result != 0:
            raise TableError(what, -result)


class WriteThrough:
    """The drained rows of a persistent map: what the script writes goes into the kernel's map first."""

    def __init__(self, rows, kernel):
        self._rows, self._kernel = rows, kernel
        self.keys, self.items, self.lookup, self.lookup_batch = rows.keys, rows.items, rows.lookup, rows.lookup_batch

    def __len__(self):
        return len(self._rows)

    def update(self, key, value, flags=0):
        self._kernel.update(key, value, flags)
        self._rows.update(key, value, flags)

    def delete(self, key):
        was_there = self._kernel.delete(key)
        return self._rows.delete(key) or was_there

    def take(self):
        taken = self._rows.items()
        self.clear()
        return taken

    def clear(self):
        for key in split(self._rows.keys(), self._kernel.key_bytes):
            self._kernel.delete(key)
        self._rows.clear()
