// SPDX-License-Identifier: Apache-2.0
#pragma once
// A profile: which of a packet's features a model was trained on, in which order, and how each was
// made a number between 0 and 1. lucid11 and lucid6 are built in; others are TOML (docs/models.md).
//
// Ownership: plain values. Thread rule: immutable.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.h"

namespace weir::model {

/// How a feature's number becomes the model's, before it is divided.
enum class Encoding {
    Plain,         ///< as it is
    SinceFirst,    ///< less the least of the flow's packets: times, in seconds
    RelativeAck,   ///< less the first of the same direction; 0 where ACK is not set
    IpFlags,       ///< the three flag bits times `factor`
    HighestLayer,  ///< LUCID's number of the highest layer: a guess (see docs/models.md)
    Protocols,     ///< LUCID's bits of the layers: a guess
};

struct ProfileFeature {
    std::string name;  ///< of the probe's feature that it is made of: "ip_length"
    Encoding encoding = Encoding::Plain;
    double factor = 1;
    std::optional<double> divisor;  ///< none: the window's length in seconds
};

struct Profile {
    std::string name;
    std::vector<ProfileFeature> features;
    std::optional<double> threshold;
    std::optional<std::chrono::nanoseconds> window;  ///< that the model was trained with
};

/// What --profile says: NAME[,ip_flags=0x02|0x40|0x4000][,ack=relative|raw], or a file.toml.
/// Errors: NotFound (with the names that there are), Invalid (with line and key).
[[nodiscard]] Result<Profile> find_profile(std::string_view text);

struct ChosenProfile {
    Profile profile;
    std::string notice;  ///< what was assumed, and the alternatives; empty: nothing was
};

/// The profile of a model: `text` (--profile) where it is not empty, else model.toml beside the
/// model (MODEL's name with .toml, then model.toml), else by the number of features: 11 is lucid11,
/// 6 is lucid6. Errors: those of find_profile(), Rejected (no profile has so many features).
[[nodiscard]] Result<ChosenProfile> choose_profile(std::string_view text,
                                                   const std::filesystem::path& model,
                                                   std::size_t features);

}  // namespace weir::model
