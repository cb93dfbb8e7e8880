// SPDX-License-Identifier: Apache-2.0
#include "host/types.h"

#include <pybind11/stl.h>

#include <unordered_map>

namespace weir::python {
namespace py = pybind11;
namespace {

const char* word(Type::Kind kind) {
    switch (kind) {
        case Type::Kind::Integer: return "int";
        case Type::Kind::Bool: return "bool";
        case Type::Kind::Enum: return "enum";
        case Type::Kind::Float: return "float";
        case Type::Kind::Pointer: return "pointer";
        case Type::Kind::Struct: return "struct";
        case Type::Kind::Union: return "union";
        case Type::Kind::Array: return "array";
        case Type::Kind::Opaque: break;
    }
    return "opaque";
}

const char* word(Form form) {
    switch (form) {
        case Form::BigEndian: return "big_endian";
        case Form::Ipv4: return "ipv4";
        case Form::Address: return "address";
        case Form::Ipv6: return "ipv6";
        case Form::Mac: return "mac";
        case Form::Text: return "text";
        case Form::Plain: break;
    }
    return "plain";
}

py::dict make_description(const Type& type) {
    py::dict out;
    out["kind"] = word(type.kind);
    out["name"] = type.name;
    out["size"] = type.size_bytes;
    out["signed"] = type.is_signed;
    out["form"] = word(type.form);
    py::list members;
    for (const Member& m : type.members) {
        py::dict member;
        member["name"] = m.name;
        member["bit_offset"] = m.bit_offset;
        member["bit_size"] = m.bit_size;
        member["type"] = describe(m.type);
        members.append(member);
    }
    out["members"] = members;
    py::list enumerators;
    for (const Enumerator& e : type.enumerators)
        enumerators.append(py::make_tuple(e.name, e.value));
    out["enumerators"] = enumerators;
    if (type.element) out["element"] = describe(type.element);
    out["count"] = type.count;
    return out;
}

}  // namespace

py::object describe(const TypePtr& type) {
    if (!type) return py::none();
    struct Entry {
        TypePtr type;  // kept, so that no other type gets its address
        PyObject* description;
    };
    // Never destroyed: Python may be gone by then.
    static auto& known = *new std::unordered_map<const Type*, Entry>;  // NOLINT
    if (const auto found = known.find(type.get()); found != known.end())
        return py::reinterpret_borrow<py::object>(found->second.description);
    py::dict made = make_description(*type);
    known[type.get()] = {.type = type, .description = py::object(made).release().ptr()};
    return made;
}

const char* word(MapKind kind) {
    switch (kind) {
        case MapKind::Hash: return "hash";
        case MapKind::Array: return "array";
        case MapKind::ProgArray: return "prog_array";
        case MapKind::PerfEventArray: return "perf_event_array";
        case MapKind::PercpuHash: return "percpu_hash";
        case MapKind::PercpuArray: return "percpu_array";
        case MapKind::StackTrace: return "stack_trace";
        case MapKind::LruHash: return "lru_hash";
        case MapKind::LruPercpuHash: return "lru_percpu_hash";
        case MapKind::LpmTrie: return "lpm_trie";
        case MapKind::ArrayOfMaps: return "array_of_maps";
        case MapKind::HashOfMaps: return "hash_of_maps";
        case MapKind::Devmap: return "devmap";
        case MapKind::Cpumap: return "cpumap";
        case MapKind::Xskmap: return "xskmap";
        case MapKind::Queue: return "queue";
        case MapKind::Stack: return "stack";
        case MapKind::DevmapHash: return "devmap_hash";
        case MapKind::Ringbuf: return "ringbuf";
    }
    return "other";
}

const char* word(MapClass map_class) {
    switch (map_class) {
        case MapClass::Windowed: return "windowed";
        case MapClass::Fixed: return "fixed";
        case MapClass::Persistent: break;
    }
    return "persistent";
}

}  // namespace weir::python
