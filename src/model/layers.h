// SPDX-License-Identifier: Apache-2.0
#pragma once
// What LUCID's data sets say of a packet's layers, guessed from what the probe knows of it: the
// number of the highest one, and a bit for each of twelve. LUCID takes both from tshark's names.
//
// Pure functions. Source: LUCID (Doriguzzi-Corin et al., IEEE TNSM 2020), its data sets' columns.
#include <array>
#include <cstddef>
#include <cstdint>

namespace weir::model {

/// One row per kind of flow, one column per value of the probe's `application`
/// (bpf/weir/application.h); values that it does not have are as "data".
constexpr std::size_t kApplications = 256;
using LayerRow = std::array<double, kApplications>;

enum class Transport : std::uint8_t { Tcp, Udp, Icmp, Other };
constexpr std::size_t kTransports = 4;

/// [IPv4 or IPv6][transport][application].
using LayerTable = std::array<std::array<LayerRow, kTransports>, 2>;

/// SHA-256 of the layer's name in capitals, modulo 100,000,000.
[[nodiscard]] LayerTable highest_layer_table();
/// Bit i is the i-th of: arp data dns ftp http icmp ip ssdp ssl tcp telnet udp.
[[nodiscard]] LayerTable protocols_table();

/// IPPROTO_* of a flow's key. A later fragment, or what has no ports, is Other.
[[nodiscard]] Transport transport_of(std::uint8_t protocol, bool is_ipv6);

}  // namespace weir::model
