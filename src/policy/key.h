// SPDX-License-Identifier: Apache-2.0
#pragma once
// The keys of a policy file, in one table: what is read, refused and documented comes from it.
//
// Ownership: constants. Thread rule: immutable.
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "weir/policy.h"
#include "weir/result.h"

namespace weir::policy {

class Value;

enum class Kind {
    Text,
    Texts,    ///< one, or a list
    Number,   ///< fractions allowed
    Whole,    ///< a number without a fraction
    Truth,    ///< true or false
    Settings  ///< a table of parameters
};

inline constexpr std::uint64_t kAny = std::numeric_limits<std::int64_t>::max();

struct Range {
    std::uint64_t least = 0;
    std::uint64_t most = 0;  ///< kAny: there is no limit
};

struct Key {
    std::string_view name;
    bool is_common = false;  ///< may stand at the top too, as the default of all probes
    Kind kind = Kind::Text;
    std::string_view choices = {};  ///< "skb, drv, hw"; empty: any text
    Range range = {};               ///< of numbers
    std::string_view fallback;      ///< where nobody says, as the documentation puts it
    std::string_view unit = {};     ///< empty: none
    std::string_view meaning;       ///< one line
    /// The value has been checked for kind, choices and limits.
    Result<> (*apply)(const Value& value, PolicyProbe& probe);
};

/// Letters, digits, '_', '-' and '.': names stand in messages and in "NAME.PARAM".
[[nodiscard]] bool is_probe_name(std::string_view text);

/// In the order of the documentation.
[[nodiscard]] std::span<const Key> keys();

/// "text or list of xdp, tc-ingress, tc-egress"; "number, 0 to 1".
[[nodiscard]] std::string value_text(const Key& key);

}  // namespace weir::policy
