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


class Number(int):
    """An integer of a batch call: an int, as BCC up to 0.26 gives it, with the `value` of a c_uint, as later ones do."""

    __slots__ = ()

    @property
    def value(self):
        return int(self)


def make_elements(kind, memory, size):
    """As make_objects, but what BCC's batch calls give: of integers a Number."""
    if ct.sizeof(kind) != size:
        return make_objects(kind, memory, size)
    elements = list((kind * (len(memory) // size)).from_buffer(memory))
    is_number = bool(elements) and type(elements[0]) is int
    return list(map(Number, elements)) if is_number else elements


def to_bytes(thing, size, what):
    """The first `size` bytes of a ctypes object. Errors: TypeError (is none, or is shorter)."""
    ct.byref(thing)  # raises the TypeError that BCC's users know
    if ct.sizeof(thing) < size:
        raise TypeError(f"{what} takes {size} bytes, {type(thing).__name__} has {ct.sizeof(thing)}")
    return bytes(memoryview(thing).cast("B")[:size])
