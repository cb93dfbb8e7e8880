# SPDX-License-Identifier: Apache-2.0
"""Tables of a classic program with keys: hashes, arrays, their per-CPU kinds, and the rest."""
import ctypes as ct
import errno
import functools
from collections.abc import MutableMapping

from weir._ctypes_types import ctypes_type
from weir._histogram import Histograms
from weir._objects import Number, make_elements, make_objects, to_bytes
from weir._rows import Column, TableError

_ARRAYS = ("array", "percpu_array", "perf_event_array", "array_of_maps", "devmap", "cpumap", "xskmap")


def make_table(source, raw, keytype=None, leaftype=None, reducer=None):
    """The table of BCC for a map of this kind."""
    if raw.kind in ("prog_array", "cgroup_array"):
        return ProgramTable(source, raw, keytype, leaftype)
    base = ArrayTable if raw.kind in _ARRAYS else ClassicTable
    if raw.cpus:
        base = PerCpuArrayTable if base is ArrayTable else PerCpuTable
        return base(source, raw, keytype, leaftype, reducer)
    return base(source, raw, keytype, leaftype)


class ClassicTable(Histograms, MutableMapping):
    """A hash. Keys and leaves are ctypes objects; a key that is not there is a KeyError. Order is the kernel's."""

    def __init__(self, source, raw, keytype=None, leaftype=None):
        self.Key = keytype or ctypes_type(raw.key_type)
        self.Leaf = leaftype or ctypes_type(raw.value_type)
        self.max_entries = raw.capacity
        self._map, self._key_bytes, self._value_bytes = source, raw.key_bytes, raw.value_bytes

    def get_fd(self):
        """The map's descriptor in this window. Where nothing was read yet, the rows stay in the kernel."""
        return self._map.fd()

    map_fd = property(get_fd)

    # ---- one row
    def __getitem__(self, key):
        value = self._map.lookup(self._key(key))
        if value is None:
            raise KeyError(key)
        return self._leaves(bytearray(value))[0]

    def __setitem__(self, key, leaf):
        self._map.update(self._key(key), self._value(leaf))

    def __delitem__(self, key):
        if not self._map.delete(self._key(key)):
            raise KeyError(key)

    def __len__(self):
        return len(self._map)

    # ---- all rows
    def __iter__(self):
        return iter(make_objects(self.Key, self._map.keys(), self._key_bytes))

    def keys(self):
        """An iterator over the keys as they are now."""
        return iter(self)

    iter = keys

    def items(self):
        """A list of (key, leaf)."""
        keys, values = self._map.items()
        return list(zip(make_objects(self.Key, keys, self._key_bytes), self._leaves(values)))

    def values(self):
        return self._leaves(self._map.items()[1])

    def iteritems(self):
        return iter(self.items())

    def itervalues(self):
        return iter(self.values())

    def clear(self):
        """Deletes every row."""
        self._map.clear()

    def zero(self):
        """Zeros in every leaf."""
        for key in self:
            self[key] = self.Leaf()

    # ---- batches: integers are ints here, with a value (Number)
    def items_lookup_batch(self):
        """Yields (key, leaf)."""
        yield from self._elements(*self._map.lookup_batch())

    def items_lookup_and_delete_batch(self):
        """Yields (key, leaf) of every row; they are deleted at the first one."""
        yield from self._elements(*self._map.take())

    def items_delete_batch(self, ct_keys=None):
        """Deletes these keys, a ctypes array; None: every row. Errors: OSError (a key is not there; those before it
        are deleted), TypeError, ValueError (not an array, or too long)."""
        if ct_keys is None:
            self._map.take()
            return
        self._check_arrays(ct_keys)
        for key in self._split(ct_keys):
            if not self._map.delete(ClassicTable._key(self, key)):
                raise TableError("BPF_MAP_DELETE_BATCH has failed", errno.ENOENT)

    def items_update_batch(self, ct_keys, ct_values):
        """table[key] = value for two ctypes arrays of one length. Errors: TypeError, ValueError, OSError (full)."""
        self._check_arrays(ct_keys, ct_values)
        try:
            for key, value in zip(self._split(ct_keys), self._split(ct_values)):
                self._map.update(ClassicTable._key(self, key), self._value(value))
        except TableError as error:
            raise TableError("BPF_MAP_UPDATE_BATCH has failed", error.errno) from None

    def _check_arrays(self, *arrays):
        if not all(isinstance(each, ct.Array) for each in arrays):
            raise TypeError("keys and values are ctypes arrays")
        if not all(1 <= len(each) <= self.max_entries for each in arrays):
            raise ValueError("Array's length is wrong")
        if len({len(each) for each in arrays}) > 1:
            raise ValueError("keys array length != values array length")

    @staticmethod
    def _split(elements):
        return make_objects(elements._type_, bytearray(elements), ct.sizeof(elements._type_))

    # ---- bytes and objects
    def _key(self, key):
        key = self.Key(key) if isinstance(key, Number) else key
        return to_bytes(key, self._key_bytes, f"a key of {self._map.name}")

    def _value(self, leaf):
        leaf = self.Leaf(leaf) if isinstance(leaf, Number) else leaf
        return to_bytes(leaf, self._value_bytes, f"a leaf of {self._map.name}")

    def _leaves(self, memory):
        return make_objects(self.Leaf, memory, self._value_bytes)

    def _elements(self, keys, values):
        return zip(make_elements(self.Key, keys, self._key_bytes),
                   make_elements(self.Leaf, values, self._value_bytes))


class ArrayTable(ClassicTable):
    """An array: indices are ints (negative ones from the end) or ctypes integers, deleting writes zeros."""

    def __len__(self):
        return self.max_entries

    def __iter__(self):
        return map(self.Key, range(self.max_entries))

    def items(self):
        return list(zip(self, self.values()))

    def __delitem__(self, key):
        self.clearitem(key)

    def clearitem(self, key):
        try:
            self[key] = self.Leaf()
        except TableError as error:
            raise TableError("Could not clear item", error.errno) from None

    clear = ClassicTable.zero

    def _key(self, key):
        if isinstance(key, int):
            key = self.Key(key + self.max_entries if key < 0 else key)
        if not isinstance(key, ct._SimpleCData):
            raise IndexError("Array index must be an integer type")
        if key.value >= self.max_entries:
            raise IndexError("Array index out of range")
        return super()._key(key)


class ProgramTable(ArrayTable):
    """A table of programs: leaves may be descriptors."""

    def _value(self, leaf):
        return super()._value(self.Leaf(leaf) if isinstance(leaf, int) else leaf)


class _PerCpu:
    """Leaves are arrays, one value for each possible CPU; with a reducer, what it makes of them."""

    def __init__(self, source, raw, keytype, leaftype, reducer):
        super().__init__(source, raw, keytype, leaftype)
        self.sLeaf, self.total_cpu, self.reducer = self.Leaf, raw.cpus, reducer
        self._padded = (raw.value_bytes + 7) // 8 * 8
        # The class that a script makes leaves of: BCC writes 32-bit values as 64-bit ones.
        wide = {ct.c_uint: ct.c_uint64, ct.c_int: ct.c_int64}
        self.Leaf = wide.get(self.sLeaf, self.sLeaf) * raw.cpus

    def getvalue(self, key):
        """The array of all CPUs' values."""
        value = self._map.lookup(self._key(key))
        if value is None:
            raise KeyError(key)
        return self._arrays(bytearray(value))[0]

    def sum(self, key):
        return self.sLeaf(sum(self.getvalue(key)))

    def max(self, key):
        return self.sLeaf(max(self.getvalue(key)))

    def average(self, key):
        return self.sum(key).value / self.total_cpu

    def _arrays(self, memory):
        if self._padded != self._value_bytes:
            column = Column(memory, self._value_bytes, self._padded)
            memory = column.copy(0, len(memory) // self._padded)
        return make_objects(self.sLeaf * self.total_cpu, memory, self._value_bytes * self.total_cpu)

    def _leaves(self, memory):
        arrays = self._arrays(memory)
        return [functools.reduce(self.reducer, each) for each in arrays] if self.reducer else arrays

    def _value(self, leaf):
        ct.byref(leaf)
        if ct.sizeof(leaf) == self._value_bytes * self.total_cpu != self._padded * self.total_cpu:
            values = [bytes(memoryview(leaf).cast("B")[i:i + self._value_bytes])
                      for i in range(0, ct.sizeof(leaf), self._value_bytes)]
            return b"".join(value.ljust(self._padded, b"\0") for value in values)
        return to_bytes(leaf, self._padded * self.total_cpu, f"a leaf of {self._map.name}")

    def _elements(self, keys, values):
        return zip(make_elements(self.Key, keys, self._key_bytes), self._arrays(values))


class PerCpuTable(_PerCpu, ClassicTable):
    """A per-CPU hash."""


class PerCpuArrayTable(_PerCpu, ArrayTable):
    """A per-CPU array."""
