// SPDX-License-Identifier: Apache-2.0
#pragma once
// From BTF to the types that user space works with (weir/type.h).
#include <cstdint>

#include "weir/type.h"

struct btf;

namespace weir::bpf {

using weir::Enumerator;
using weir::Form;
using weir::Member;
using weir::Type;
using weir::TypePtr;

/// Resolves type `id` of `btf`. Never fails: what BTF cannot tell is Opaque (shown as bytes).
/// Pointers are leaves, so recursive types end.
[[nodiscard]] TypePtr make_type(const ::btf* btf, std::uint32_t id);

/// A type for bytes that no BTF describes.
[[nodiscard]] TypePtr opaque_type(std::uint32_t size_bytes);

}  // namespace weir::bpf
