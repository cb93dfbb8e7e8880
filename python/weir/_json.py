# SPDX-License-Identifier: Apache-2.0
"""What an extractor returned, as JSON."""
import ctypes as ct
import dataclasses
import datetime
import enum
import json
import math
import os
from collections.abc import Mapping, Set

from weir._ctypes_types import member_names

_DEEPEST = 100  # nesting; deeper is a cycle or a mistake, and is shown by repr()


def to_json(value):
    """JSON text of any value: never raises.

    As they are: None, bool, int, float (not finite: null), str, list, tuple, dict (keys become text). Converted: sets
    (sorted where they can be), bytes (text, or hexadecimal digits where they are none), dataclasses, enums, dates,
    paths, ctypes objects (members by name, arrays of char as text), and what has tolist() or item(), as numpy's
    arrays and scalars. Anything else is its repr().
    """
    try:
        return json.dumps(_plain(value, 0), allow_nan=False)
    except Exception:  # an object's own code: a property, tolist(), __iter__()
        return json.dumps(_repr(value))


def _plain(value, depth):
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, enum.Enum):
        return _plain(value.value, depth + 1)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if depth >= _DEEPEST:
        return _repr(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _text(bytes(value))
    if isinstance(value, Mapping):
        return {_key(key): _plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, Set):
        return [_plain(each, depth + 1) for each in _sorted(value)]
    if isinstance(value, (list, tuple)):
        return [_plain(each, depth + 1) for each in value]
    return _other(value, depth)


def _other(value, depth):
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name), depth + 1) for field in dataclasses.fields(value)}
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, (ct.Structure, ct.Union)):
        return _members(value, depth)
    if isinstance(value, ct.Array):
        is_text = issubclass(value._type_, ct.c_char)
        return _text(value.value) if is_text else [_plain(each, depth + 1) for each in value]
    if isinstance(value, ct._SimpleCData):
        return _plain(value.value, depth + 1)
    for name in ("tolist", "item"):  # numpy's, without importing it
        if not isinstance(value, type) and callable(getattr(value, name, None)):
            return _plain(getattr(value, name)(), depth + 1)
    return _repr(value)


def _members(record, depth):
    """{name: value}; members of an anonymous struct or union are the record's own."""
    anonymous, found = getattr(type(record), "_anonymous_", ()), {}
    for name in member_names(type(record)):
        value = _plain(getattr(record, name), depth + 1)
        found.update(value if name in anonymous else {name: value})
    return found


def _key(key):
    """Text for a dictionary's key: (10.0.0.1, 80) is "('10.0.0.1', 80)"."""
    if isinstance(key, str):
        return _whole(key)
    if isinstance(key, (bytes, bytearray)):
        return _text(bytes(key))
    plain = _plain(key, 0)
    return plain if isinstance(plain, str) else _repr(key) if isinstance(key, tuple) else json.dumps(plain)


def _whole(text):
    """Without halves of surrogate pairs, which JSON parsers refuse."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _text(data):
    data = data.rstrip(b"\0")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data.hex()
    return text if text.isprintable() else data.hex()


def _sorted(values):
    try:
        return sorted(values)
    except TypeError:
        return list(values)


def _repr(value):
    try:
        return _whole(repr(value))
    except Exception as error:
        return f"<{type(value).__name__}: repr() raises {type(error).__name__}>"
