// SPDX-License-Identifier: Apache-2.0
#include "host/facts.h"

#include <pybind11/stl.h>

#include <mutex>

namespace weir::python {

namespace {

py::dict alert_of(const Alert& alert) {
    py::dict out;
    out["src"] = alert.source;
    out["dst"] = alert.destination;
    out["sport"] = alert.source_port;
    out["dport"] = alert.destination_port;
    out["protocol"] = alert.protocol;
    out["packets"] = alert.packets;
    out["score"] = alert.score;
    return out;
}

py::dict victim_of(const Victim& victim) {
    py::dict out;
    out["dst"] = victim.address;
    out["flows"] = victim.flows;
    out["packets"] = victim.packets;
    out["sources"] = victim.sources;
    out["score"] = victim.score;
    out["src"] = victim.top_sources;
    return out;
}

py::dict detection_of(const Detection& detection) {
    py::dict out;
    out["threshold"] = detection.threshold;
    out["malicious"] = detection.malicious;
    // SAFETY: the bytes of floats
    out["scores"] = py::bytes(reinterpret_cast<const char*>(detection.scores.data()),
                              detection.scores.size_bytes());
    py::list alerts, victims;
    for (const Alert& alert : detection.alerts) alerts.append(alert_of(alert));
    for (const Victim& victim : detection.victims) victims.append(victim_of(victim));
    out["alerts"] = alerts;
    out["victims"] = victims;
    return out;
}

}  // namespace

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
    out["detection"] = w.detection ? py::object(detection_of(*w.detection)) : py::none();
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
