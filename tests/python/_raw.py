# SPDX-License-Identifier: Apache-2.0
"""What tests of the classic contract share: types as weir describes them, maps as the host gives them, and maps of
the kernel, made and read by bpf(2) calls written here."""
import ctypes as ct
import os
import random
import struct
import sys
import threading
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("WEIR_BUILD_DIR", REPOSITORY / "build")).resolve()
sys.path.insert(0, str(REPOSITORY / "python"))
sys.dont_write_bytecode = True


# ------------------------------------------------------------------------------------------ types
def integer(size, signed=False, name=""):
    return {"kind": "int", "name": name, "size": size, "signed": signed, "form": "plain"}


U8, U16, U32, U64 = (integer(size, name=f"__u{8 * size}") for size in (1, 2, 4, 8))
S32 = integer(4, True, "int")
CHAR = integer(1, True, "char")
BE32 = {**U32, "name": "__be32", "form": "big_endian"}


def array(element, count):
    form = "text" if element["name"] == "char" else "plain"
    return {"kind": "array", "name": "", "size": element["size"] * count, "form": form, "element": element,
            "count": count}


def record(name, size, *members, kind="struct"):
    """`members`: (name, bit offset, type) or (name, bit offset, type, bits)."""
    described = [{"name": each[0], "bit_offset": each[1], "bit_size": each[3] if len(each) > 3 else 0,
                  "type": each[2]} for each in members]
    return {"kind": kind, "name": name, "size": size, "members": described, "form": "plain"}


SESSION = record("session", 13, ("source", 0, BE32), ("destination", 32, BE32), ("source_port", 64, U16),
                 ("destination_port", 80, U16), ("protocol", 96, U8))
RECORD = record("record", 24, ("session", 0, SESSION), ("time", 128, U64))  # 3 bytes of padding


# ------------------------------------------------------------------------------------------ the host's side
class Raw:
    """One map of a window: `values` and `keys` are lists of bytes. A `step` leaves gaps between them."""

    def __init__(self, kind, values, keys=None, *, key_type=U32, value_type=U64, capacity=1024, cpus=0, fd=-1,
                 map_class="windowed", name="MAP", step=0, indices=None):
        self.name, self.kind, self.map_class, self.capacity, self.cpus, self.fd = (
            name, kind, map_class, capacity, cpus, fd)
        self.key_type, self.value_type = key_type, value_type
        self.key_bytes = 0 if kind in ("queue", "stack") else key_type["size"]
        self.value_bytes = value_type["size"]
        self._content, self._step, self._indices = (values, keys), step, indices
        self.reads, self._lock, self.error = 0, threading.Lock(), None

    def read(self):
        if self.error:
            raise self.error
        with self._lock:
            self.reads += 1
            values, keys = self._content
            self.rows = len(self._indices) if self._indices is not None else len(values)
            self.value_step = max(self._step, len(values[0]) if values else 1)
            self.key_step = (self.key_bytes + 7) // 8 * 8 if self._step else self.key_bytes
            self.values = _pack(values, self.value_step)
            self.keys = None if keys is None else _pack(keys, self.key_step)
            self.indices = None if self._indices is None else memoryview(
                struct.pack(f"{self.rows}I", *self._indices)).cast("I")


def _pack(elements, step):
    """Gaps are filled with what must not be read."""
    return memoryview(b"".join(element + b"\xee" * (step - len(element)) for element in elements))


def program_of(*raws):
    from weir._classic import ClassicProgram
    program = ClassicProgram()
    program.begin(raws)
    return program


def table_of(raw):
    return program_of(raw)[raw.name]


# ------------------------------------------------------------------------------------------ the kernel's side
KINDS = {"hash": 1, "array": 2, "percpu_hash": 5, "percpu_array": 6, "lru_hash": 9, "lpm_trie": 11, "queue": 22,
         "stack": 23}
POSSIBLE_CPUS = 1 + int(Path("/sys/devices/system/cpu/possible").read_text().strip().split("-")[-1])
_libc = ct.CDLL(None, use_errno=True)
_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]


def _bpf(command, attributes):
    result = _libc.syscall(_BPF, command, attributes, len(attributes))
    if result < 0:
        raise OSError(ct.get_errno(), os.strerror(ct.get_errno()))
    return result


class KernelMap:
    """A map of the kernel, closed by `with`. Contents are bytes."""

    def __init__(self, kind, key_bytes, value_bytes, capacity):
        self.kind, self.key_bytes, self.value_bytes, self.capacity = kind, key_bytes, value_bytes, capacity
        # Hashes get no random seed, so that two filled alike are in the same order.
        flags = {"lpm_trie": 1, "hash": 1 << 6, "percpu_hash": 1 << 6}.get(kind, 0)
        self.fd = _bpf(0, struct.pack("=5I", KINDS[kind], key_bytes, value_bytes, capacity, flags) + bytes(52))
        self.cpus = POSSIBLE_CPUS if kind.startswith("percpu") else 0
        self.lookup_bytes = self.cpus * ((value_bytes + 7) // 8 * 8) if self.cpus else value_bytes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def update(self, key, value):
        key = None if key is None else ct.create_string_buffer(key, len(key))
        value = ct.create_string_buffer(value, len(value))
        _bpf(2, struct.pack("=IxxxxQQQ", self.fd, ct.addressof(key) if key else 0, ct.addressof(value), 0))

    def lookup(self, key):
        """None: there is none."""
        key, value = ct.create_string_buffer(key, len(key)), ct.create_string_buffer(self.lookup_bytes)
        try:
            _bpf(1, struct.pack("=IxxxxQQQ", self.fd, ct.addressof(key), ct.addressof(value), 0))
        except FileNotFoundError:
            return None
        return value.raw

    def pop(self):
        value = ct.create_string_buffer(self.lookup_bytes)
        try:
            _bpf(21, struct.pack("=IxxxxQQQ", self.fd, 0, ct.addressof(value), 0))
        except FileNotFoundError:
            return None
        return value.raw

    def pop_all(self):
        return list(iter(self.pop, None))

    def keys(self):
        found, key = [], None
        while True:
            following = ct.create_string_buffer(self.key_bytes)
            try:
                _bpf(4, struct.pack("=IxxxxQQQ", self.fd, ct.addressof(key) if key else 0, ct.addressof(following), 0))
            except FileNotFoundError:
                return found
            found.append(following.raw)
            key = following


def can_make_maps():
    try:
        with KernelMap("hash", 4, 4, 1):
            return True
    except OSError:
        return False


def random_bytes(seed, count, size):
    """`count` different byte strings, the same ones each run."""
    source, found = random.Random(seed), {}
    while len(found) < count:
        found[source.randbytes(size)] = None
    return list(found)


def main():
    """unittest's, but for the exit code: 77 where everything was skipped; with WEIR_REQUIRE_KERNEL=1 a skip for
    want of the kernel fails."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    needs_kernel = any("kernel" in reason for _, reason in result.skipped)
    if not result.wasSuccessful() or needs_kernel and os.environ.get("WEIR_REQUIRE_KERNEL") == "1":
        sys.exit(1)
    sys.exit(77 if result.testsRun and len(result.skipped) == result.testsRun else 0)
