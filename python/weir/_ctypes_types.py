# SPDX-License-Identifier: Apache-2.0
"""C types as ctypes classes, as BCC makes them, from weir's descriptions of BTF types.

    Leaf = ctypes_type({"kind": "struct", "name": "session", "size": 12, "members": [...]})
    Leaf.from_buffer(row).packets

A description is a dict: kind, name, size in bytes, signed, members ({name, bit_offset, bit_size, type}; a bit_size
of 0: no bitfield), element and count. Every offset is BTF's: a struct that ctypes would lay out otherwise becomes
a packed one with padding named as BCC names it, its bitfields properties.

As in BCC all numbers are in the machine's byte order (a __be32 is a c_uint), enums c_uint, pointers c_uint64,
128-bit integers two 64-bit ones, arrays of char c_char arrays, anonymous members "__anon0", "__anon1", ...
Instances are equal and hashed by identity, as every ctypes object. Thread-safe.
"""
import ctypes as ct

_INTEGERS = {
    (1, False): ct.c_ubyte, (1, True): ct.c_byte, (2, False): ct.c_ushort, (2, True): ct.c_short,
    (4, False): ct.c_uint, (4, True): ct.c_int, (8, False): ct.c_uint64, (8, True): ct.c_int64,
    (16, False): ct.c_uint64 * 2, (16, True): ct.c_int64 * 2,
}
_FLOATS = {4: ct.c_float, 8: ct.c_double, 16: ct.c_longdouble}
_classes = {}


def ctypes_type(description):
    """The class for a description; the same one for an equal description."""
    # Descriptions come anew with each window: their text tells equal ones, in 10 to 50 microseconds.
    key = repr(description)
    found = _classes.get(key)
    if found is None:
        found = _classes.setdefault(key, _make(description))
    return found


def member_names(kind):
    """Names of a structure's or union's members as the source has them, padding left out."""
    return getattr(kind, "_members_", None) or [field[0] for field in getattr(kind, "_fields_", ())]


def _make(description):
    kind, size = description["kind"], description["size"]
    if kind == "int":
        return _integer(description)
    if kind == "bool" and size == 1:
        return ct.c_bool
    if kind in ("bool", "enum"):
        return ct.c_uint if size == 4 else _integer(description)
    if kind == "float" and size in _FLOATS:
        return _FLOATS[size]
    if kind == "pointer":
        return ct.c_uint64
    if kind == "array":
        return _array(description)
    if kind in ("struct", "union"):
        return _record(description)
    return ct.c_ubyte * size


def _integer(description):
    size = description["size"]
    if size == 1 and description.get("name") == "char":
        return ct.c_char
    return _INTEGERS.get((size, bool(description.get("signed"))), ct.c_ubyte * size)


def _array(description):
    element = description["element"]
    if description.get("form") == "text" and element["kind"] == "int" and element["size"] == 1:
        return ct.c_char * description["count"]
    return ctypes_type(element) * description["count"]


# ------------------------------------------------------------------------------------------ structs and unions
def _record(description):
    members = _named(description["members"])
    natural = _natural(description, members)
    return natural if _agrees(natural, description, members) else _packed(description, members)


def _named(members):
    """Members as (name, member), anonymous ones named as BCC does."""
    named, anonymous = [], 0
    for member in members:
        name = member["name"]
        if not name:
            name = f"__anon{anonymous}"
            anonymous += 1
        named.append((name, member))
    return named


def _base(description):
    return ct.Union if description["kind"] == "union" else ct.Structure


def _anonymous(members):
    return [name for name, member in members if not member["name"]]


def _natural(description, members):
    fields = []
    for name, member in members:
        bits = member.get("bit_size", 0)
        fields.append((name, ctypes_type(member["type"]), bits) if bits else (name, ctypes_type(member["type"])))
    try:
        kind = type(description.get("name", ""), (_base(description),),
                    {"_anonymous_": _anonymous(members), "_fields_": fields})
    except (TypeError, ValueError, AttributeError):  # a bitfield wider than its type, or of none that ctypes splits
        return None
    kind._members_ = [name for name, _ in members]
    _promote(kind, members)
    return kind


def _agrees(kind, description, members):
    """Whether ctypes put every member where BTF has it."""
    if kind is None or ct.sizeof(kind) != description["size"]:
        return False
    for name, member in members:
        field, bits = getattr(kind, name), member.get("bit_size", 0)
        if bits and (field.size >> 16 != bits or field.offset * 8 + (field.size & 0xFFFF) != member["bit_offset"]):
            return False
        if not bits and field.offset * 8 != member["bit_offset"]:
            return False
    return True


def _packed(description, members):
    """One byte after the other: padding where BTF has a gap; bitfields are properties over the padding."""
    is_union = description["kind"] == "union"
    fields, end = [], 0
    for name, member in members:
        begin = member["bit_offset"] // 8
        if member.get("bit_size", 0):
            continue
        if begin > end:
            fields.append(_padding(fields, members, begin - end))
        fields.append((name, ctypes_type(member["type"])))
        end = 0 if is_union else begin + ct.sizeof(fields[-1][1])
    if description["size"] > end:
        fields.append(_padding(fields, members, description["size"] - end))
    kind = type(description.get("name", ""), (_base(description),), {
        "_pack_": 1, "_anonymous_": _anonymous(members), "_fields_": fields, "__init__": _init_by_member})
    kind._members_ = [name for name, _ in members]
    for name, member in members:
        if member.get("bit_size", 0):
            setattr(kind, name, _bitfield(member))
    _promote(kind, members)
    return kind


def _padding(fields, members, size):
    name, taken = f"__pad_{len(fields)}", {name for name, _ in members}
    while name in taken:
        name += "_"
    return name, ct.c_char * size


def _init_by_member(self, *args, **kwargs):
    """Positional arguments are members; padding takes none."""
    if len(args) > len(self._members_):
        raise TypeError("too many initializers")
    for name, value in (*zip(self._members_, args), *kwargs.items()):
        setattr(self, name, value)


def _bitfield(member):
    """A property over the bytes that hold the bits; little-endian, as BTF counts bits there."""
    first, bits, is_signed = member["bit_offset"], member["bit_size"], bool(member["type"].get("signed"))
    begin, end, shift, mask = first // 8, (first + bits + 7) // 8, first % 8, (1 << bits) - 1

    def get(self):
        value = int.from_bytes(memoryview(self).cast("B")[begin:end], "little") >> shift & mask
        return value - (1 << bits) if is_signed and value >> (bits - 1) else value

    def set_(self, value):
        view = memoryview(self).cast("B")[begin:end]
        old = int.from_bytes(view, "little") & ~(mask << shift)
        view[:] = (old | (value & mask) << shift).to_bytes(end - begin, "little")

    return property(get, set_)


def _promote(kind, members):
    """Bitfields that are properties of an anonymous member are the parent's too."""
    def forward(anonymous, name):
        return property(lambda self: getattr(getattr(self, anonymous), name),
                        lambda self, value: setattr(getattr(self, anonymous), name, value))

    classes = {field[0]: field[1] for field in kind._fields_}
    for anonymous in _anonymous(members):
        for name in member_names(classes[anonymous]):
            if not hasattr(kind, name):
                setattr(kind, name, forward(anonymous, name))
