// SPDX-License-Identifier: Apache-2.0
#include "model/profile_options.h"

#include <fmt/format.h>

namespace weir::model {
namespace {

constexpr double k8Bits = 1 << 8;
constexpr double k12Bits = 1 << 12;
constexpr double k16Bits = 1 << 16;
constexpr double k32Bits = 4294967296.0;

ProfileFeature feature(std::string name, std::optional<double> divisor,
                       Encoding encoding = Encoding::Plain) {
    return {.name = std::move(name), .encoding = encoding, .divisor = divisor};
}

/// The columns of LUCID's published models (Doriguzzi-Corin et al., IEEE TNSM 2020); divisors are
/// what its data sets are divided by.
Profile lucid11() {
    return {.name = "lucid11",
            .features = {
                feature("time", std::nullopt, Encoding::SinceFirst), feature("ip_length", k16Bits),
                feature("application", k32Bits, Encoding::HighestLayer),
                feature("ip_fragment", k16Bits, Encoding::IpFlags),
                feature("application", k12Bits, Encoding::Protocols),
                feature("tcp_length", k16Bits), feature("tcp_ack", k32Bits, Encoding::RelativeAck),
                feature("tcp_flags", k16Bits), feature("tcp_window", k16Bits),
                feature("udp_length", k16Bits), feature("icmp_type", k8Bits)}};
}

/// What a packet filter sees of LUCID's columns without a dissector.
Profile lucid6() {
    return {.name = "lucid6",
            .features = {feature("time", std::nullopt, Encoding::SinceFirst),
                         feature("ip_fragment", k16Bits, Encoding::IpFragment),
                         feature("tcp_flags", k16Bits), feature("tcp_window", k16Bits),
                         feature("udp_length", k16Bits), feature("icmp_type", k8Bits)}};
}

}  // namespace

std::optional<Profile> built_in_profile(std::string_view name) {
    if (name == "lucid11") return lucid11();
    if (name == "lucid6") return lucid6();
    return std::nullopt;
}

std::string built_in_names() { return "lucid11, lucid6"; }

Result<> set_ip_flags(Profile& profile, std::int64_t df) {
    if (df != 0x02 && df != 0x40 && df != 0x4000)
        return fail(Errc::Invalid,
                    fmt::format("ip_flags is {:#x}: it is 0x02, 0x40 or 0x4000", df));
    bool is_set = false;
    for (ProfileFeature& f : profile.features) {
        if (f.encoding != Encoding::IpFlags && f.encoding != Encoding::IpFragment) continue;
        f.factor = static_cast<double>(df) / 2;
        is_set = true;
    }
    if (is_set) return {};
    return fail(Errc::Invalid,
                fmt::format("ip_flags: {} has no feature of IP's flags", profile.name));
}

Result<> set_ack(Profile& profile, std::string_view kind) {
    if (kind != "relative" && kind != "raw")
        return fail(Errc::Invalid, fmt::format("ack is {}: it is relative or raw", kind));
    bool is_set = false;
    for (ProfileFeature& f : profile.features) {
        if (f.encoding != Encoding::RelativeAck) continue;
        if (kind == "raw") f.encoding = Encoding::Plain;
        is_set = true;
    }
    if (is_set) return {};
    return fail(Errc::Invalid,
                fmt::format("ack: {} has no relative acknowledgement number", profile.name));
}

}  // namespace weir::model
