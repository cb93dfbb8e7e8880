# SPDX-License-Identifier: Apache-2.0
"""BCC's `lib` without libbcc: its map functions, by descriptor, through the bpf(2) system call.

    lib.bpf_lookup_elem(fd, ctypes.byref(key), ctypes.byref(leaf)) < 0  ->  ctypes.get_errno()

Arguments as the C functions take them: pointers are what a ctypes c_void_p parameter takes, None is NULL. A call
returns 0, or -errno, and then ctypes.get_errno() is set. libbpf's names (bpf_map_lookup_elem, ...) are there too:
BCC's `lib` finds them, and scripts use them. Any other symbol is an AttributeError, as ctypes.CDLL has it. Thread-safe;
a call releases the GIL.
"""
import ctypes as ct
import os
import struct

_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "loongarch64": 280, "s390x": 351, "ppc64le": 361}
_syscall = ct.CDLL(None, use_errno=True).syscall
_syscall.argtypes = [ct.c_long, ct.c_int, ct.c_void_p, ct.c_uint]
_syscall.restype = ct.c_long
_number = _NUMBERS.get(os.uname().machine, -1)  # -1: every call says ENOSYS

# enum bpf_cmd
_LOOKUP, _UPDATE, _DELETE, _NEXT_KEY, _LOOKUP_AND_DELETE = 1, 2, 3, 4, 21
_LOOKUP_BATCH, _LOOKUP_AND_DELETE_BATCH, _UPDATE_BATCH, _DELETE_BATCH = 24, 25, 26, 27

# union bpf_attr: map_fd, key, value or next_key, flags; and for batches.
_ELEMENT = struct.Struct("=IxxxxQQQ")
_BATCH = struct.Struct("=QQQQIIQQ")
_COUNT_AT = 32
_OPTIONS = struct.Struct("=QQQ")  # struct bpf_map_batch_opts: size, elem_flags, flags


def _address(pointer):
    if pointer is None:
        return 0
    if isinstance(pointer, int):
        return pointer
    return ct.cast(pointer, ct.c_void_p).value or 0


def _call(command, attributes):
    if _syscall(_number, command, attributes, len(attributes)) == 0:
        return 0
    return -ct.get_errno()


def _element(command, fd, key, value=0, flags=0):
    attributes = _ELEMENT.pack(fd, _address(key), _address(value), flags)
    return _call(command, attributes)


def _batch(command, fd, in_batch, out_batch, keys, values, count, options=None):
    count_at = ct.cast(count, ct.POINTER(ct.c_uint32))
    options_at = _address(options)
    flags = _OPTIONS.unpack(ct.string_at(options_at, _OPTIONS.size))[1:] if options_at else (0, 0)
    attributes = ct.create_string_buffer(_BATCH.pack(
        _address(in_batch), _address(out_batch), _address(keys), _address(values), count_at[0], fd, *flags), _BATCH.size)
    result = _call(command, attributes)
    count_at[0] = ct.c_uint32.from_buffer(attributes, _COUNT_AT).value
    return result


class Library:
    """The functions of libbcc that a script calls with a table's descriptor."""

    _name = "weir's lib"

    @staticmethod
    def bpf_lookup_elem(fd, key, value):
        return _element(_LOOKUP, fd, key, value)

    @staticmethod
    def bpf_update_elem(fd, key, value, flags):
        return _element(_UPDATE, fd, key, value, flags)

    @staticmethod
    def bpf_delete_elem(fd, key):
        return _element(_DELETE, fd, key)

    @staticmethod
    def bpf_lookup_and_delete(fd, key, value):
        return _element(_LOOKUP_AND_DELETE, fd, key, value)

    @staticmethod
    def bpf_get_next_key(fd, key, next_key):
        return _element(_NEXT_KEY, fd, key, next_key)

    @staticmethod
    def bpf_get_first_key(fd, key, key_size):
        return _element(_NEXT_KEY, fd, None, key)

    @staticmethod
    def bpf_lookup_batch(fd, in_batch, out_batch, keys, values, count, opts=None):
        return _batch(_LOOKUP_BATCH, fd, in_batch, out_batch, keys, values, count, opts)

    @staticmethod
    def bpf_lookup_and_delete_batch(fd, in_batch, out_batch, keys, values, count, opts=None):
        return _batch(_LOOKUP_AND_DELETE_BATCH, fd, in_batch, out_batch, keys, values, count, opts)

    @staticmethod
    def bpf_update_batch(fd, keys, values, count, opts=None):
        return _batch(_UPDATE_BATCH, fd, None, None, keys, values, count, opts)

    @staticmethod
    def bpf_delete_batch(fd, keys, count, opts=None):
        return _batch(_DELETE_BATCH, fd, None, None, keys, None, count, opts)

    # libbpf's names; its batch calls have the options, which may be NULL, as an argument more.
    bpf_map_lookup_elem, bpf_map_update_elem, bpf_map_delete_elem = bpf_lookup_elem, bpf_update_elem, bpf_delete_elem
    bpf_map_lookup_and_delete_elem, bpf_map_get_next_key = bpf_lookup_and_delete, bpf_get_next_key
    bpf_map_lookup_batch, bpf_map_lookup_and_delete_batch = bpf_lookup_batch, bpf_lookup_and_delete_batch
    bpf_map_update_batch, bpf_map_delete_batch = bpf_update_batch, bpf_delete_batch

    def __getattr__(self, name):
        raise AttributeError(f"{self._name}: undefined symbol: {name}")


lib = Library()
