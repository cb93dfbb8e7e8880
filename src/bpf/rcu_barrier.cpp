// SPDX-License-Identifier: Apache-2.0
#include "bpf/rcu_barrier.h"

#include <bpf/bpf.h>

#include <cstdint>

#include "util/errno.h"

namespace weir::bpf {

Result<RcuBarrier> RcuBarrier::create() {
    UniqueFd inner(bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_inner", 4, 4, 1, nullptr));
    if (auto r = check_errno(inner.get(), "create map"); !r) return pass_on(r);
    LIBBPF_OPTS(bpf_map_create_opts, options,
                .inner_map_fd = static_cast<std::uint32_t>(inner.get()));
    UniqueFd outer(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "weir_barrier", 4, 4, 1, &options));
    if (auto r = check_errno(outer.get(), "create map of maps"); !r) return pass_on(r);
    return RcuBarrier(std::move(inner), std::move(outer));
}

Result<> RcuBarrier::wait() {
    const std::uint32_t zero = 0;
    const int fd = inner_.get();
    return check(bpf_map_update_elem(outer_.get(), &zero, &fd, BPF_ANY), "map of maps update");
}

}  // namespace weir::bpf
