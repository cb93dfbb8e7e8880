# SPDX-License-Identifier: Apache-2.0
"""Tables as numpy arrays, read-only. In place, on the memory that the kernel wrote, where it can be:

    kind                      shape              element                                  copied
    array                     (max_entries,)     the value; index is the key              no
    globals (".bss", ...)     (1,)               a field for each variable                no
    flow tensor               (flows,)           the row                                  where rows have gaps
    hash, lru_hash            (rows,)            fields "key" and "value"                 where batches read it
    lpm_trie                  (rows,)            fields "key" and "value"                 yes, once
    queue, stack              (rows,)            the value, in the order of popping       no
    percpu_array              (max_entries, cpus)  the value of a CPU                     yes, once
    percpu_hash               (rows,)            fields "key" and "value", (cpus,) each   yes, once

An array that is kept over the end of the callback keeps its content: weir copies the memory then, if anybody still
looks at it.
"""
import numpy as np

from weir._dtype import dtype_of, padded


def array_of(raw):
    """The array of a table (python/host/raw_table.h). Errors: weir.Error."""
    raw.read()
    if raw.flows is not None:
        rows = _values(raw, _places(raw))
        return rows if raw.indices is None else _frozen(rows[np.frombuffer(raw.indices, np.uint32)])
    if raw.kind in ("array", "percpu_array"):
        return _array(raw)
    if raw.key_bytes == 0:
        return _values(raw, raw.rows)
    return _pairs(raw)


def _places(raw):
    return raw.rows if raw.indices is None else raw.indices[-1] + 1


def _values(raw, count):
    """`count` values as they stand in memory; per-CPU ones as (count, cpus)."""
    shape, strides = (count,), (raw.value_step,)
    if raw.cpus:
        shape, strides = (count, raw.cpus), (raw.value_step, padded(raw.value_bytes))
    dtype = dtype_of(raw.value_type, raw.value_bytes, padded(raw.value_bytes))
    if dtype.itemsize > raw.value_bytes and raw.value_step != dtype.itemsize and not raw.cpus:
        dtype = dtype_of(raw.value_type, raw.value_bytes, raw.value_bytes)
    return _frozen(np.ndarray(shape, dtype, _memory(raw, dtype, count), 0, strides))


def _memory(raw, dtype, count):
    return raw.value_memory


def _array(raw):
    if raw.is_mapped:
        return _values(raw, raw.entries)
    given = _values(raw, raw.rows)  # the rows that are not all zero, and which they are
    indices = np.frombuffer(raw.keys, np.uint32) if raw.keys is not None else np.arange(raw.rows)
    if raw.is_globals and raw.rows == raw.entries:
        return given
    whole = np.zeros((raw.entries, *given.shape[1:]), given.dtype)
    whole[indices] = given
    return _frozen(whole)


def _pairs(raw):
    memory, step, at = raw.interleaved(), raw.interleaved_step, padded(raw.key_bytes)
    value = dtype_of(raw.value_type, raw.value_bytes, padded(raw.value_bytes) if raw.cpus else raw.value_bytes)
    dtype = np.dtype({
        "names": ["key", "value"],
        "formats": [dtype_of(raw.key_type, raw.key_bytes, raw.key_bytes), (value, (raw.cpus,)) if raw.cpus else value],
        "offsets": [0, at], "itemsize": step})
    return _frozen(np.ndarray((raw.rows,), dtype, memory))


def _frozen(array):
    array.flags.writeable = False
    return array
