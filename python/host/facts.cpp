// SPDX-License-Identifier: Apache-2.0
#include "host/facts.h"

#include <mutex>

namespace weir::python {

py::dict facts_of(const Window& w) {
    py::dict out;
    out["number"] = w.number;
    out["probe"] = w.probe;
    out["interface"] = w.interface;
    out["start_ns"] = w.start_ns;
    out["end_ns"] = w.end_ns;
    out["late"] = w.health.late;
    out["skipped"] = w.skipped;
    out["entered"] = w.packets.entered;
    out["has_outcomes"] = w.packets.has_outcomes;
    out["recorded"] = w.packets.recorded;
    out["beyond"] = w.packets.beyond;
    out["untracked"] = w.packets.untracked;
    out["ignored"] = w.packets.ignored;
    return out;
}

Result<> close_tables(OpenWindow& open, const Snapshot& snapshot, std::vector<py::object>& tables) {
    {
        const py::gil_scoped_release threads_come_to_an_end;
        const std::lock_guard lock(open.mutex);
        open.snapshot = nullptr;
    }
    Result<> done;
    for (const py::object& table : tables)
        if (auto r = table.cast<RawTable&>().close(*snapshot.source()); !r) done = pass_on(r);
    tables.clear();
    return done;
}

}  // namespace weir::python
