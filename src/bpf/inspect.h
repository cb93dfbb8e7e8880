// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the kernel says of programs, maps and links that exist. Thread-safe.
#include <cstdint>

#include "bpf/map.h"
#include "bpf/object.h"
#include "weir/result.h"

namespace weir::bpf {

struct ProgramFacts {
    std::uint32_t id = 0;
    std::uint32_t instructions = 0;           // after the verifier's rewriting
    std::uint32_t verified_instructions = 0;  // walked by the verifier; 0 before 5.16
    std::uint32_t native_bytes = 0;           // 0: not compiled to machine code
};

/// Errors: as errno says.
[[nodiscard]] Result<ProgramFacts> program_facts(const Program& program);

/// Whether an XDP or TCX link sits on an interface: false once that has vanished, or where somebody
/// detached the link.
[[nodiscard]] bool is_link_attached(int link_fd);

/// Memory of a map, in bytes, as the kernel accounts it (fdinfo "memlock").
/// Errors: Io.
[[nodiscard]] Result<std::uint64_t> map_memory_bytes(const Map& map);

}  // namespace weir::bpf
