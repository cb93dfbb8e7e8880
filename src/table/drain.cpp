// SPDX-License-Identifier: Apache-2.0
#include "table/drain.h"

#include <algorithm>
#include <utility>

#include "bpf/features.h"
#include "bpf/run.h"
#include "probe/core_objects.h"

namespace weir::table {
namespace {

constexpr std::uint32_t kRowsPerRun = 1 << 20;  // 25 ms in the kernel; bpf_loop ends at 8 million

const char* function_of(Drain::Hook hook) {
    return hook == Drain::Hook::Syscall ? "weir_drain_syscall" : "weir_drain_raw_tp";
}

/// Puts the real map and its sizes in the place of the stand-ins.
Result<> specialise(bpf::Object& object, const bpf::Map& queue, std::uint32_t rows) {
    bpf::MapSpec* source = object.find_map("weir_source");
    bpf::MapSpec* target = object.find_map("weir_rows");
    if (source == nullptr || target == nullptr) return fail(Errc::Io, "no maps in the drain");
    if (auto r = source->share(queue); !r) return r;
    if (auto r = target->set_value(bpf::opaque_type(queue.shape().value_bytes)); !r) return r;
    return target->set_max_entries(rows);
}

}  // namespace

Result<Drain> Drain::create(const bpf::Map& queue, std::uint32_t rows, Hook hook) {
    auto object = bpf::Object::open(core::drain(), "weir_drain");
    if (!object) return pass_on(object);
    for (bpf::ProgramSpec& p : object->programs()) p.set_autoload(p.function == function_of(hook));
    if (auto r = specialise(*object, queue, rows); !r) return pass_on(r);
    auto loaded = std::move(*object).load();
    if (!loaded) return pass_on(loaded);
    auto program = loaded->program(function_of(hook));
    const bpf::Map* target = loaded->find_map("weir_rows");
    if (!program || target == nullptr) return fail(Errc::Io, "the drain has no program");
    auto mapping = target->map_values();
    if (!mapping) return pass_on(mapping);
    return Drain(std::move(*loaded), std::move(*program), std::move(*mapping), rows);
}

Result<Drain> Drain::create(const bpf::Map& queue, std::uint32_t rows) {
    const bool may_pop = bpf::running_kernel() >= bpf::info(bpf::Feature::SyscallPop).since;
    return create(queue, rows, may_pop ? Hook::Syscall : Hook::RawTracepoint);
}

Result<Drain::Drained> Drain::empty(const bpf::Map& queue) {
    const std::size_t stride = bpf::value_stride(queue.shape().value_bytes);
    std::uint32_t count = 0;
    while (count < capacity_) {
        const std::uint32_t wanted = std::min(capacity_ - count, kRowsPerRun);
        auto popped = bpf::run(program_, {count, wanted});
        if (!popped) return pass_on(popped);
        count += *popped;
        if (*popped == wanted) continue;
        // It stopped at an error, of which it does not say which: a pop from here does, or goes on.
        auto last = queue.pop(rows() + count * stride);
        if (!last && last.error().code == Errc::NotFound) return Drained{.count = count};
        if (!last) return pass_on(last);
        ++count;
    }
    return Drained{.count = count, .is_full = true};
}

Result<Mapping> Drain::leave_rows(std::size_t used) {
    auto fresh = object_.find_map("weir_rows")->map_values();
    if (!fresh) return fresh;
    if (auto r = mapping_.make_private(used); !r) return pass_on(r);
    return std::exchange(mapping_, std::move(*fresh));
}

}  // namespace weir::table
