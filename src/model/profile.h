// SPDX-License-Identifier: Apache-2.0
#pragma once
// A profile: which of a packet's features a model was trained on, in which order, and how each was
// made a number between 0 and 1. lucid11 and lucid6 are built in; others are TOML (docs/models.md).
//
//     auto profile = model::find_profile("lucid11,ip_flags=0x4000");
//     auto chosen = model::choose_profile("", "lucid.h5", 11);    // what nobody said is in .notice
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
    Plain,            ///< as it is
    SinceFirst,       ///< a time, less the least of the flow's packets, in seconds
    RelativeAck,      ///< less where the other direction began (docs/models.md), as tshark counts
    IpFlags,          ///< the three flags of IP's fragment field; DF is 2
    IpFragment,       ///< IP's fragment field, flags and offset, scaled so that DF is 2
    HighestLayer,     ///< LUCID's number of the highest layer: a guess (docs/models.md)
    Protocols,        ///< LUCID's bits of the layers: a guess
    FromDestination,  ///< of is_backward: 1 where the flow's destination sent the packet
};

struct ProfileFeature {
    std::string name;  ///< of the probe's feature that it is made of: "ip_length"; or one of
                       ///< kContextNames, a number of the flow that all its packets have
    Encoding encoding = Encoding::Plain;
    double factor = 1;
    std::optional<double> divisor = {};  ///< none: the window's length in seconds
    bool is_log = false;  ///< Plain, SinceFirst: log2(1 + number * factor), before it is divided
    std::uint32_t shift = 0;             ///< Plain: bits that are left out at the low end
    std::uint64_t mask = 0;              ///< Plain: which bits then count; 0: all
    std::optional<double> missing = {};  ///< stands for a feature that the probe has not; none:
                                         ///< the probe must have it
};

struct Profile {
    std::string name;  ///< "lucid11", "lucid11,ip_flags=0x4000"
    std::vector<ProfileFeature> features;
    std::optional<double> threshold = {};
    std::optional<std::chrono::nanoseconds> window = {};  ///< that the model was trained with
};

/// "time, ip_length, ...": the probe's features in the profile's order.
[[nodiscard]] std::string feature_names(const Profile& profile);

/// What --profile says: NAME[,ip_flags=0x02|0x40|0x4000][,ack=relative|raw], or FILE.toml in the
/// place of NAME. Errors: NotFound (with the names that there are), Invalid (with line and key).
[[nodiscard]] Result<Profile> find_profile(std::string_view text);

struct ChosenProfile {
    Profile profile;
    std::string notice;  ///< what was assumed, and the alternatives; empty: nothing was
    std::filesystem::path file = {};  ///< beside the model, where it is that one
    std::string assumed = {};         ///< "lucid11,ip_flags=0x02,ack=relative", where nobody said
};

/// The profile of a model: `text` (--profile) where it is not empty, else the TOML file beside the
/// model (MODEL's name with .toml, then model.toml), else by the number of features: 11 is lucid11,
/// 6 is lucid6. Errors: those of find_profile(), Rejected (no profile has so many features).
[[nodiscard]] Result<ChosenProfile> choose_profile(std::string_view text,
                                                   const std::filesystem::path& model,
                                                   std::size_t features);

}  // namespace weir::model
