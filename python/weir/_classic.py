# SPDX-License-Identifier: Apache-2.0
"""A probe's maps as scripts written for BCC know them: program["SESSIONS"].items(), program["PACKETS"].pop().

    program = ClassicProgram()
    program.begin(raws)                      # a window; what a raw is: _rows.py
    script.read_program_maps(program)
    program.end()

A table behaves as BCC's of its kind: the same calls, exceptions, ctypes classes. The first call for its content
drains it into memory; from then on no call of this window is a system call. Writes (table[key] = leaf, del,
clear(), push()) to a windowed map act on the rows of this window only, because the map they came from is emptied
after it and the packets of now go into its twin; to a persistent one, an allow-list or a configuration that the
probe reads, they are made in the kernel's map as well. After get_fd() an undrained map stays in the kernel, for
`lib` (_map.py).

One program and its tables serve all windows, so a script may keep them; using one outside read_program_maps()
raises weir.Error. Keys and leaves are copies, the script's own for ever. Thread-safe: of several threads that call
pop() each record reaches exactly one.
"""
from weir._ctypes_types import ctypes_type
from weir._map import Map
from weir._objects import make_objects
from weir._queue import ClassicQueue
from weir._table import ClassicTable, make_table

__all__ = ["ClassicProgram", "ClassicQueue", "ClassicTable"]


class ClassicProgram:
    """What read_program_maps() gets where BCC's users have a BPF object."""

    def __init__(self):
        self._maps, self._raws = {}, {}
        self.tables = {}

    def begin(self, raws):
        """A window begins: `raws` are its maps. Globals are no maps to BCC and are left out."""
        for raw in raws:
            if raw.name.startswith("."):
                continue
            if raw.name not in self._maps:
                self._maps[raw.name] = Map(raw.name, _record_maker(raw))
            self._raws[raw.name] = raw
            self._maps[raw.name].bind(raw)

    def end(self):
        """The window is over; the memory of its raws is not touched any more."""
        for each in self._maps.values():
            each.release()
        self._raws.clear()

    def get_table(self, name, keytype=None, leaftype=None, reducer=None):
        """The table of a map with key and leaf classes of the script's own. Errors: KeyError (no such map)."""
        name = name.decode() if isinstance(name, bytes) else name
        raw = self._raws.get(name)
        if raw is None:
            raise KeyError(f"no map '{name}'; this probe has {', '.join(sorted(self._maps)) or 'none'}")
        if raw.kind in ("queue", "stack"):
            return ClassicQueue(self._maps[name], raw, leaftype)
        return make_table(self._maps[name], raw, keytype, leaftype, reducer)

    def __getitem__(self, name):
        name = name.decode() if isinstance(name, bytes) else name
        table = self.tables.get(name)
        return table if table is not None else self.tables.setdefault(name, self.get_table(name))

    def __contains__(self, name):
        return name in self._maps

    def __iter__(self):
        return iter(self._maps)

    def __len__(self):
        return len(self._maps)

    def __getattr__(self, name):
        raise AttributeError(f"weir loads and attaches the probe; of BCC's BPF object it has the tables, not '{name}'")


def _record_maker(raw):
    leaf = None

    def make(memory):
        nonlocal leaf
        leaf = leaf or ctypes_type(raw.value_type)
        return make_objects(leaf, memory, raw.value_bytes)
    return make
