// SPDX-License-Identifier: Apache-2.0
#include "bpf/tc_link.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "bpf/features.h"
#include "bpf/inspect.h"
#include "util/env.h"
#include "util/errno.h"

namespace weir::bpf {
namespace {

// include/uapi/linux/bpf.h, v6.6: headers of older distributions lack them.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);

/// Nothing: this kernel has no TCX.
Result<std::optional<UniqueFd>> attach_tcx(const Program& program, IfIndex interface, Hook hook) {
    const auto where = hook == Hook::TcEgress ? kTcxEgress : kTcxIngress;
    // KERNEL: kernel/bpf/mprog.c:bpf_mprog_attach appends when it is told no position.
    const int fd = bpf_link_create(program.fd, number(interface), where, nullptr);
    if (fd == -EINVAL) return std::nullopt;
    if (fd == -ERANGE)
        return fail(Errc::Busy, fmt::format("attach: {} is full (ERANGE)", hook_name(hook)));
    if (auto r = check(fd, "attach"); !r) {
        constexpr std::array kNeeded = {Feature::Tcx};
        return std::unexpected(explain(std::move(r).error(), kNeeded));
    }
    return UniqueFd(fd);
}

}  // namespace

Result<TcLink> TcLink::attach(const Program& program, IfIndex interface, Hook hook) {
    if (!is_disabled("tcx")) {
        auto tried = attach_tcx(program, interface, hook);
        if (!tried) return pass_on(tried);
        std::optional<UniqueFd>& link = *tried;
        if (link) return TcLink(std::move(*link));
    }
    auto filter = ClsactFilter::attach(program, interface, hook);
    if (!filter) return pass_on(filter);
    return TcLink(std::move(*filter));
}

bool TcLink::is_attached() const {
    return filter_ ? filter_->is_attached() : is_link_attached(link_.get());
}

}  // namespace weir::bpf
