// SPDX-License-Identifier: Apache-2.0
#include "model/layers.h"

#include <netinet/in.h>

#include <algorithm>
#include <string_view>

namespace weir::model {
namespace {

/// A layer as tshark calls it. tests/check/layers.py computes the numbers and bits again.
struct Layer {
    std::string_view name;
    std::uint32_t number;
    std::uint32_t bit;
};

/// In the order of enum weir_application, from WEIR_APPLICATION_DATA.
constexpr std::array<Layer, 16> kApplicationLayers = {{
    {.name = "data", .number = 49489976, .bit = 1 << 1},
    {.name = "http", .number = 11875138, .bit = 1 << 4},
    {.name = "tls", .number = 18228385, .bit = 0},
    {.name = "dns", .number = 63782488, .bit = 1 << 2},
    {.name = "mdns", .number = 83392760, .bit = 0},
    {.name = "ssh", .number = 74463795, .bit = 0},
    {.name = "ftp", .number = 11749951, .bit = 1 << 3},
    {.name = "telnet", .number = 1860825, .bit = 1 << 10},
    {.name = "smtp", .number = 61504447, .bit = 0},
    {.name = "ssdp", .number = 46014861, .bit = 1 << 7},
    {.name = "ntp", .number = 29586784, .bit = 0},
    {.name = "dhcp", .number = 13762475, .bit = 0},
    {.name = "snmp", .number = 86520378, .bit = 0},
    {.name = "nbns", .number = 89974687, .bit = 0},
    {.name = "quic", .number = 15993166, .bit = 0},
    {.name = "stun", .number = 22172439, .bit = 0},
}};

using Transports = std::array<Layer, kTransports>;

constexpr Layer kIpv4Layer = {.name = "ip", .number = 68667912, .bit = 1 << 6};
constexpr Layer kIpv6Layer = {.name = "ipv6", .number = 25264828, .bit = 0};
constexpr Layer kTcpLayer = {.name = "tcp", .number = 78354535, .bit = 1 << 9};
constexpr Layer kUdpLayer = {.name = "udp", .number = 26361795, .bit = 1 << 11};
constexpr Layer kIcmpLayer = {.name = "icmp", .number = 97525412, .bit = 1 << 5};
constexpr Layer kIcmpv6Layer = {.name = "icmpv6", .number = 12256414, .bit = 0};

constexpr std::array<Layer, 2> kNetworks = {kIpv4Layer, kIpv6Layer};
constexpr std::array<Transports, 2> kTransportLayers = {
    {{kTcpLayer, kUdpLayer, kIcmpLayer, kIpv4Layer},
     {kTcpLayer, kUdpLayer, kIcmpv6Layer, kIpv6Layer}}};

/// `number(network, transport, application)`; the application is null where there is none.
template <class Number>
LayerTable make_table(const Number& number) {
    LayerTable table;
    for (std::size_t network = 0; network < table.size(); ++network) {
        for (std::size_t transport = 0; transport < kTransports; ++transport) {
            const Layer& lower = kTransportLayers[network][transport];
            LayerRow& row = table[network][transport];
            row.fill(number(kNetworks[network], lower, kApplicationLayers.data()));
            row[0] = number(kNetworks[network], lower, nullptr);
            for (std::size_t i = 0; i < kApplicationLayers.size(); ++i)
                row[i + 1] = number(kNetworks[network], lower, &kApplicationLayers[i]);
        }
    }
    return table;
}

}  // namespace

LayerTable highest_layer_table() {
    return make_table([](const Layer&, const Layer& transport, const Layer* application) {
        return application == nullptr ? transport.number : application->number;
    });
}

LayerTable protocols_table() {
    return make_table([](const Layer& network, const Layer& transport, const Layer* application) {
        return network.bit | transport.bit | (application == nullptr ? 0 : application->bit);
    });
}

Transport transport_of(std::uint8_t protocol, bool is_ipv6) {
    if (protocol == IPPROTO_TCP) return Transport::Tcp;
    if (protocol == IPPROTO_UDP) return Transport::Udp;
    const std::uint8_t icmp = is_ipv6 ? std::uint8_t{IPPROTO_ICMPV6} : std::uint8_t{IPPROTO_ICMP};
    return protocol == icmp ? Transport::Icmp : Transport::Other;
}

}  // namespace weir::model
