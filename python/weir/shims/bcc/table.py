# SPDX-License-Identifier: Apache-2.0
"""Stands in for bcc.table: the numbers of map types (enum bpf_map_type) and the classes of tables."""
from weir._queue import ClassicQueue as QueueStack
from weir._table import ArrayTable as ArrayBase
from weir._table import ClassicTable as TableBase
from weir._table import PerCpuArrayTable as PerCpuArray
from weir._table import PerCpuTable as PerCpuHash

from .libbcc import lib

HashTable, Array = TableBase, ArrayBase

_TYPES = """HASH ARRAY PROG_ARRAY PERF_EVENT_ARRAY PERCPU_HASH PERCPU_ARRAY STACK_TRACE CGROUP_ARRAY LRU_HASH
    LRU_PERCPU_HASH LPM_TRIE ARRAY_OF_MAPS HASH_OF_MAPS DEVMAP SOCKMAP CPUMAP XSKMAP SOCKHASH CGROUP_STORAGE
    REUSEPORT_SOCKARRAY PERCPU_CGROUP_STORAGE QUEUE STACK SK_STORAGE DEVMAP_HASH STRUCT_OPS RINGBUF INODE_STORAGE
    TASK_STORAGE""".split()
map_type_name = dict(enumerate(_TYPES, 1))
globals().update({f"BPF_MAP_TYPE_{name}": number for number, name in map_type_name.items()})
