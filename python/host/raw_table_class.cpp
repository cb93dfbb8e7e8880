// SPDX-License-Identifier: Apache-2.0
// RawTable as Python sees it.
#include <pybind11/stl.h>

#include "host/errors.h"
#include "host/memory.h"
#include "host/raw_table.h"
#include "host/types.h"

namespace weir::python {
namespace {

/// Of a flow tensor: where things lie in a row.
py::object layout_of(const RawTable& raw) {
    const FlowLayout* flows = raw.table().flows;
    if (flows == nullptr) return py::none();
    py::dict out;
    out["packet_offset"] = flows->packet_offset;
    out["packet_bytes"] = flows->packet_bytes;
    out["packets_per_flow"] = flows->packets_per_flow;
    for (const Member& m : raw.table().shape->value->members)
        if (m.bit_offset == flows->packet_offset * 8) out["packet"] = describe(m.type->element);
    py::list features;
    for (const Feature& f : flows->features)
        features.append(py::make_tuple(f.name, f.unit, f.encoding));
    out["features"] = features;
    return out;
}

void define_facts(py::class_<RawTable>& type) {
    using Property = py::object (*)(const RawTable&);
    const auto add = [&](const char* name, Property get) { type.def_property_readonly(name, get); };
    add("name", [](const RawTable& r) -> py::object { return py::str(r.table().shape->name); });
    add("kind",
        [](const RawTable& r) -> py::object { return py::str(word(r.table().shape->kind)); });
    add("map_class",
        [](const RawTable& r) -> py::object { return py::str(word(r.table().map_class)); });
    add("capacity", [](const RawTable& r) -> py::object { return py::int_(r.table().capacity); });
    add("entries",
        [](const RawTable& r) -> py::object { return py::int_(r.table().shape->max_entries); });
    add("is_globals",
        [](const RawTable& r) -> py::object { return py::bool_(r.table().shape->is_globals); });
    add("key_type", [](const RawTable& r) { return describe(r.table().shape->key); });
    add("value_type", [](const RawTable& r) { return describe(r.table().shape->value); });
    add("key_bytes",
        [](const RawTable& r) -> py::object { return py::int_(r.table().shape->key_bytes); });
    add("value_bytes",
        [](const RawTable& r) -> py::object { return py::int_(r.table().shape->value_bytes); });
    add("cpus", [](const RawTable& r) -> py::object { return py::int_(r.table().cpus); });
    add("fd", [](const RawTable& r) -> py::object { return py::int_(r.table().map_fd); });
    add("flows", layout_of);
    add("is_mapped",
        [](const RawTable& r) -> py::object { return py::bool_(r.table().way == ReadWay::Mmap); });
    add("rows", [](const RawTable& r) -> py::object { return py::int_(r.table().rows); });
    add("value_step",
        [](const RawTable& r) -> py::object { return py::int_(r.table().value_step); });
    add("key_step", [](const RawTable& r) -> py::object {
        return py::int_(r.table().key_step != 0 ? r.table().key_step : r.table().shape->key_bytes);
    });
}

}  // namespace

void define_raw_table(py::module_& module) {
    py::class_<RawTable> type(module, "RawTable");
    define_facts(type);
    type.def("read", &RawTable::read)
        .def_property_readonly("keys",
                               [](RawTable& r) {
                                   const py::object memory = r.keys();
                                   return memory.is_none() ? memory : view_of(memory);
                               })
        .def_property_readonly("values", [](RawTable& r) { return view_of(r.values()); })
        .def_property_readonly("value_memory", &RawTable::values)
        .def_property_readonly("indices", &RawTable::indices)
        .def("interleaved", &RawTable::interleaved)
        .def_property_readonly("interleaved_step", &RawTable::interleaved_step)
        .def("to_float32", &RawTable::to_float32);
}

}  // namespace weir::python
