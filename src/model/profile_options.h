// SPDX-License-Identifier: Apache-2.0
#pragma once
// What can be said of a profile by name: the built-in ones, the names of encodings, and the two
// things in which published models differ. Pure functions.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "model/profile.h"

namespace weir::model {

constexpr std::array<std::pair<std::string_view, Encoding>, 8> kEncodings = {{
    {"plain", Encoding::Plain},
    {"since_first", Encoding::SinceFirst},
    {"relative_ack", Encoding::RelativeAck},
    {"ip_flags", Encoding::IpFlags},
    {"ip_fragment", Encoding::IpFragment},
    {"highest_layer", Encoding::HighestLayer},
    {"protocols", Encoding::Protocols},
    {"from_destination", Encoding::FromDestination},
}};

/// None: there is no such profile.
[[nodiscard]] std::optional<Profile> built_in_profile(std::string_view name);
/// "lucid11, lucid6"
[[nodiscard]] std::string built_in_names();

/// `df`: the number that stands for "don't fragment": 0x02, 0x40 or 0x4000.
/// Errors: Invalid (another number; the profile has no such feature).
[[nodiscard]] Result<> set_ip_flags(Profile& profile, std::int64_t df);
/// "relative" or "raw". Errors: Invalid (another word; the profile has no such feature).
[[nodiscard]] Result<> set_ack(Profile& profile, std::string_view kind);

}  // namespace weir::model
