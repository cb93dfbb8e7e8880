// SPDX-License-Identifier: Apache-2.0
#pragma once
// For the feature probes only: what they are written with. Descriptors and errors come as libbpf
// gives them (a descriptor, or a negative errno), because what a probe is after is the errno.
// Thread-safe.
#include <bpf/bpf.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/features.h"

namespace weir::bpf::probe_kit {

using Code = std::vector<bpf_insn>;

constexpr int kXdpDrop = 1;
constexpr int kXdpPass = 2;

[[nodiscard]] Outcome works(std::string what);
/// The call worked, but not as it should.
[[nodiscard]] Outcome wrong(std::string what);
/// `rc`: a negative errno.
[[nodiscard]] Outcome failed(int rc, std::string_view what);

struct LoadOptions {
    bpf_prog_type type = BPF_PROG_TYPE_XDP;
    bpf_attach_type attach_type = BPF_XDP;  // XDP programs only
    std::uint32_t flags = 0;
};
[[nodiscard]] int load(const Code& code, const LoadOptions& options = {});

/// A program that returns this number.
[[nodiscard]] Code returns(int value);

struct MapOptions {
    std::uint32_t key_bytes = 4;
    std::uint32_t value_bytes = 8;
    std::uint32_t entries = 4;
    std::uint32_t flags = 0;
    int inner_fd = 0;
};
[[nodiscard]] int create(bpf_map_type type, const MapOptions& options = {});

struct RunResult {
    int rc = 0;
    std::uint32_t returned = 0;
};
[[nodiscard]] RunResult run_on_packet(int program, std::uint32_t flags = 0);
[[nodiscard]] RunResult run_without_input(int program);
[[nodiscard]] Outcome expect_return(const RunResult& run, std::uint32_t expected,
                                    std::string_view what);

}  // namespace weir::bpf::probe_kit
