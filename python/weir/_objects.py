# SPDX-License-Identifier: Apache-2.0
"""Between bytes and the ctypes objects that scripts hold."""
import ctypes as ct

from weir._rows import split


def make_objects(kind, memory, size):
    """A list of `kind`, one for each `size` bytes of a bytearray; they share it, and may be written.

    Scalars are objects too, c_uint(5), as BCC's keys and leaves are. Cost: 50 to 100 ns each.
    """
    if ct.sizeof(kind) != size:  # a class of the script's own
        return [kind.from_buffer_copy(element.ljust(ct.sizeof(kind), b"\0")) for element in split(memory, size)]
    elements = (kind * (len(memory) // size)).from_buffer(memory)[:]
    return list(map(kind, elements)) if issubclass(kind, ct._SimpleCData) else elements


def make_elements(kind, memory, size):
    """As make_objects, but what indexing a ctypes array gives: scalars are Python's, as in BCC's batch calls."""
    if ct.sizeof(kind) != size:
        return make_objects(kind, memory, size)
    return list((kind * (len(memory) // size)).from_buffer(memory))


def to_bytes(thing, size, what):
    """The first `size` bytes of a ctypes object. Errors: TypeError (is none, or is shorter)."""
    ct.byref(thing)  # raises the TypeError that BCC's users know
    if ct.sizeof(thing) < size:
        raise TypeError(f"{what} takes {size} bytes, {type(thing).__name__} has {ct.sizeof(thing)}")
    return bytes(memoryview(thing).cast("B")[:size])
