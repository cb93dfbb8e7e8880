// SPDX-License-Identifier: Apache-2.0
#include "probe/tail_calls.h"

#include <algorithm>
#include <set>

namespace weir {
namespace {

constexpr unsigned kMaxTailCalls = 33;  // kernel: include/linux/bpf.h:MAX_TAIL_CALL_CNT

unsigned entries_of(const bpf::Object& object, const bpf::MapShape& array) {
    std::set<std::string> functions;
    for (const bpf::MapAndFunction& call : object.elf_facts().static_calls)
        if (call.map == array.name) functions.insert(call.function);
    const auto given = static_cast<unsigned>(functions.size());
    return given > 0 ? given : std::min<unsigned>(array.max_entries, kMaxTailCalls);
}

}  // namespace

TailCalls find_tail_calls(const bpf::Object& object, const std::string& entry) {
    TailCalls calls;
    for (const bpf::MapSpec& map : object.maps()) {
        if (map.shape.kind != bpf::MapKind::ProgArray || map.shape.name == "weir_chain") continue;
        bool is_used = false;
        for (const bpf::MapAndFunction& use : object.elf_facts().map_uses) {
            if (use.map != map.shape.name) continue;
            is_used = true;
            calls.leave_entry = calls.leave_entry || use.function == entry;
        }
        if (is_used) calls.at_most += entries_of(object, map.shape);
    }
    calls.at_most = std::min(calls.at_most, kMaxTailCalls);
    return calls;
}

}  // namespace weir
