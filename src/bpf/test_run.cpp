// SPDX-License-Identifier: Apache-2.0
#include "bpf/test_run.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstdint>

#include "util/errno.h"

namespace weir::bpf {
namespace {

// A page less head- and tailroom holds 3.5 kB: up to here no kernel has a reason to refuse.
constexpr std::size_t kAlwaysTaken = 3000;

/// KERNEL: net/bpf/test_run.c:bpf_prog_test_run_xdp gives ENOMEM for what its 17 fragments cannot
/// hold; kernels before 5.18, and programs without frags, EINVAL for what the first page cannot.
bool is_too_long(int rc, std::size_t bytes) {
    return bytes > kAlwaysTaken && (rc == -ENOMEM || rc == -EINVAL || rc == -E2BIG);
}

/// KERNEL: net/bpf/test_run.c:bpf_prog_test_run_skb gives EINVAL for IP without a whole header.
bool is_too_short(int rc, std::size_t bytes) {
    constexpr std::size_t kIpv6Frame = 14 + 40;
    return rc == -EINVAL && bytes < kIpv6Frame;
}

}  // namespace

Result<TestRun::Outcome> TestRun::run(std::span<const std::byte> frame) const {
    if (frame.size() < kMinBytes) return Outcome::TooShort;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                .data_size_in = static_cast<std::uint32_t>(frame.size()));
    const int rc = bpf_prog_test_run_opts(fd_, &options);
    if (is_too_long(rc, frame.size())) return Outcome::TooLong;
    if (is_too_short(rc, frame.size())) return Outcome::TooShort;
    if (auto r = check(rc, "test run"); !r) return pass_on(r);
    return Outcome::Ran;
}

}  // namespace weir::bpf
