# SPDX-License-Identifier: Apache-2.0
"""One map of a probe as a classic script sees it, over all windows: where its rows are just now.

    rows = Map("SESSIONS"); rows.bind(raw); rows.lookup(key); rows.release()

The first call for content drains the map into memory, under a lock, from any thread; from then on every call of
this window works on those rows. A map whose descriptor was asked for first is left in the kernel, and every call
goes there: the script may call `lib` with it and must find what the program wrote. So are the kinds that nobody
reads by draining, and persistent queues, whose reading would empty them.
"""
import threading
from collections import deque

from weir._errors import Error
from weir._kernel_rows import KernelRows, WriteThrough
from weir._rows import ArrayRows, HashRows, QueueRows

_HASHES = ("hash", "lru_hash", "percpu_hash", "lru_percpu_hash")
_ARRAYS = ("array", "percpu_array")
_QUEUES = ("queue", "stack")


class Map:
    """Thread-safe."""

    def __init__(self, name, make_records):
        """`make_records`: from the bytes of a queue's records, side by side, to what pop() gives."""
        self.name, self.ready = name, deque()
        self._make_records = make_records
        self._lock = threading.Lock()
        self._raw = self._rows = None
        self._is_left = False

    def bind(self, raw):
        """A window begins. `raw` is good until release()."""
        with self._lock:
            self._raw, self._rows, self.ready = raw, None, deque()
            self._is_left = (raw.kind not in _HASHES + _ARRAYS + _QUEUES
                             or raw.kind in _QUEUES and raw.map_class == "persistent")

    def release(self):
        """The callback is over: what the script still holds are its own copies."""
        with self._lock:
            self._raw, self._rows, self.ready = None, None, deque()

    def fd(self):
        with self._lock:
            raw = self._checked_raw()
            self._is_left = self._is_left or self._rows is None
            return raw.fd

    # ---- keyed tables: keys and values are bytes
    def __len__(self):
        with self._lock:
            return len(self._open())

    def keys(self):
        with self._lock:
            return self._open().keys()

    def items(self):
        with self._lock:
            return self._open().items()

    def lookup(self, key):
        with self._lock:
            return self._open().lookup(key)

    def update(self, key, value):
        with self._lock:
            self._open().update(key, value)

    def delete(self, key):
        with self._lock:
            return self._open().delete(key)

    def lookup_batch(self):
        with self._lock:
            return self._open().lookup_batch()

    def take(self):
        with self._lock:
            return self._open().take()

    def clear(self):
        with self._lock:
            self._open().clear()

    # ---- queues and stacks: records are what make_records gives
    def pop(self):
        """The next record when `ready` had none; None: there is none."""
        with self._lock:
            rows = self._open()
            if isinstance(rows, KernelRows):
                return self._record(rows.pop())
            # Other threads take from `ready` without the lock, and may be quicker than this one.
            while rows.refill():
                try:
                    return self.ready.popleft()
                except IndexError:
                    continue
            return None

    def peek(self):
        """The bytes of the next record; None: there is none."""
        with self._lock:
            rows = self._open()
            if isinstance(rows, KernelRows):
                return rows.peek()
            while rows.refill():
                try:
                    return bytes(self.ready[0])
                except IndexError:
                    continue
            return None

    def push(self, value, flags):
        with self._lock:
            self._open().push(value, flags)

    def _record(self, record):
        return None if record is None else self._make_records(bytearray(record))[0]

    def _checked_raw(self):
        if self._raw is None:
            raise Error(f"{self.name}: a table can be used only while read_program_maps() runs")
        return self._raw

    def _open(self):
        if self._rows is None:
            raw = self._checked_raw()
            self._rows = KernelRows(raw) if self._is_left else self._drain(raw)
        return self._rows

    def _drain(self, raw):
        raw.read()
        if raw.kind in _QUEUES:
            rows = QueueRows(raw, self._make_records)
            self.ready = rows.ready
            return rows
        rows = ArrayRows(raw) if raw.kind in _ARRAYS else HashRows(raw)
        return WriteThrough(rows, KernelRows(raw)) if raw.map_class == "persistent" else rows
