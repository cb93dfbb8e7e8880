// SPDX-License-Identifier: Apache-2.0
#pragma once
// --set: parameters (const volatile globals) and sizes of maps, applied to an opened object.
#include <span>
#include <string>
#include <vector>

#include "bpf/object.h"
#include "probe/image.h"
#include "weir/result.h"

namespace weir {

/// Errors: Invalid (no such parameter or map, value out of range), each with what there is.
[[nodiscard]] Result<> apply_settings(bpf::Object& object, std::span<const Setting> settings);

struct Parameter {
    std::string name;  // as --set takes it
    bpf::Object::Constant constant;
};
/// The parameters that weir's own headers brought along: log_rate, log_level.
[[nodiscard]] std::vector<Parameter> own_parameters(bpf::Object& object);

/// "65536", "64k", "1M" (1024-based), "0x10", "-3", "true", "2.5": into the bytes of a value of the
/// type. Errors: Invalid (not a number of that type, out of range).
[[nodiscard]] Result<> parse_value(const std::string& text, const bpf::Type& type,
                                   std::span<std::byte> out);

}  // namespace weir
