// SPDX-License-Identifier: Apache-2.0
#include "probe/special_fields.h"

namespace weir {

SpecialFields special_fields(const bpf::Type& type) {
    using Kind = bpf::Type::Kind;
    SpecialFields found;
    if (type.kind == Kind::Pointer) found.has_pointer = true;
    if (type.name == "bpf_spin_lock" || type.name == "bpf_res_spin_lock") found.has_lock = true;
    if (type.name == "bpf_timer" || type.name == "bpf_wq") found.has_timer = true;
    if (type.name == "bpf_list_head" || type.name == "bpf_rb_root") found.has_pointer = true;
    const auto merge = [&](const bpf::TypePtr& inner) {
        const SpecialFields more = special_fields(*inner);
        found.has_lock |= more.has_lock;
        found.has_timer |= more.has_timer;
        found.has_pointer |= more.has_pointer;
    };
    for (const bpf::Member& member : type.members) merge(member.type);
    if (type.element) merge(type.element);
    return found;
}

}  // namespace weir
