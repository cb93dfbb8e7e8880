# SPDX-License-Identifier: Apache-2.0
"""C types as numpy dtypes, every member where BTF has it.

    dtype_of(description, 12, 16)          # description: python/host/types.h

Integers in network order (__be16, __be32, IPv4 addresses) are big-endian dtypes: they compare and print as the numbers
they mean. IPv6 and MAC addresses are (16,) and (6,) bytes, arrays of char "S", enums their integers, pointers u8,
structs nested, the members of anonymous ones the parent's own. A union's members overlap. Bitfields are left out: read
them from the integer that holds them in C, or declare them as one. 128-bit integers are (2,) u8, the low half first.
"""
import sys

import numpy as np

_NATIVE = "<" if sys.byteorder == "little" else ">"
_known = {}


def padded(size):
    """Bytes from one value to the next where the kernel lays values side by side."""
    return (size + 7) // 8 * 8


def dtype_of(description, size, stride):
    """The dtype of `size` bytes that a map's key or value has; one of a struct fills `stride`."""
    # A description is one object for as long as Python runs (python/host/types.h).
    key = id(description), size, stride
    found = _known.get(key)
    if found is None:
        found = _known[key] = _of_map(description, size, stride)
    return found


def _of_map(description, size, stride):
    if description is None or (description["size"] == 0 and size):
        return np.dtype((np.void, size))
    made = _make(description)
    if made.subdtype is None and made.names and made.itemsize < stride:
        fields = made.fields
        return np.dtype({"names": list(made.names), "formats": [fields[name][0] for name in made.names],
                         "offsets": [fields[name][1] for name in made.names], "itemsize": stride})
    return made


def _make(description):
    kind, size, form = description["kind"], description["size"], description["form"]
    if form in ("address", "ipv6", "mac"):
        return np.dtype(("u1", (size,)))
    if form == "ipv4":
        return np.dtype(">u4")
    if form == "text":
        return np.dtype(("S", size)) if size else np.dtype((np.void, 0))
    if kind in ("int", "bool", "enum", "pointer"):
        return _integer(description, ">" if form == "big_endian" else _NATIVE)
    if kind == "float" and size in (4, 8):
        return np.dtype(f"{_NATIVE}f{size}")
    if kind == "array":
        return np.dtype((_make(description["element"]), (description["count"],)))
    if kind in ("struct", "union"):
        return _record(description)
    return np.dtype((np.void, size))


def _integer(description, order):
    size = description["size"]
    if description["kind"] == "bool" and size == 1:
        return np.dtype("?")
    if size in (1, 2, 4, 8):
        return np.dtype(f"{order}{'i' if description['signed'] else 'u'}{size}")
    return np.dtype((f"{order}u8", (2,))) if size == 16 else np.dtype((np.void, size))


def _record(description):
    fields = {}
    _collect(description, 0, fields)
    if not fields:
        return np.dtype((np.void, description["size"]))
    return np.dtype({"names": list(fields), "formats": [dtype for dtype, _ in fields.values()],
                     "offsets": [offset for _, offset in fields.values()], "itemsize": description["size"]})


def _collect(description, base, fields):
    for member in description["members"]:
        kind, offset = member["type"], base + member["bit_offset"] // 8
        if member["bit_size"] or (member["name"] and kind["size"] == 0):
            continue
        if not member["name"] and kind["kind"] in ("struct", "union"):
            _collect(kind, offset, fields)
        elif member["name"]:
            fields.setdefault(member["name"], (_make(kind), offset))
