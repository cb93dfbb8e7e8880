// SPDX-License-Identifier: Apache-2.0
#include "probe/core_objects.h"

// Set by cmake/bpf.cmake (weir_embed_core).
extern "C" {
extern const std::byte weir_core_pivot_begin[];
extern const std::byte weir_core_pivot_end[];
extern const std::byte weir_core_stub_begin[];
extern const std::byte weir_core_stub_end[];
extern const std::byte weir_core_drain_begin[];
extern const std::byte weir_core_drain_end[];
extern const std::byte weir_core_drain_hash_begin[];
extern const std::byte weir_core_drain_hash_end[];
}

namespace weir::core {

std::span<const std::byte> pivot() { return {weir_core_pivot_begin, weir_core_pivot_end}; }
std::span<const std::byte> stub() { return {weir_core_stub_begin, weir_core_stub_end}; }
std::span<const std::byte> drain() { return {weir_core_drain_begin, weir_core_drain_end}; }
std::span<const std::byte> drain_hash() {
    return {weir_core_drain_hash_begin, weir_core_drain_hash_end};
}

}  // namespace weir::core
