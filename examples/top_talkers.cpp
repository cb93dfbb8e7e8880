// SPDX-License-Identifier: Apache-2.0
// Which flow of each window sent the most bytes, and an alert where one has more than half of all:
// an extractor for the probe `flows`.
//
//     weir inject -b flows -e examples/top_talkers.cpp eth0
#include <arpa/inet.h>
#include <weir/extractor.h>

#include <array>
#include <cstdint>
#include <string>

namespace {

/// struct flow and struct traffic of probes/flows/flows.bpf.c: weir compares them with the probe's
/// own types and refuses, by name, what does not fit.
struct Flow {
    std::uint32_t source, destination;            // in network order
    std::uint16_t source_port, destination_port;  // in network order
    std::uint32_t protocol;
};

struct Traffic {
    std::uint64_t packets, bytes, tcp_flags;
};

std::string address(std::uint32_t ipv4) {
    std::array<char, INET_ADDRSTRLEN> text{};
    return inet_ntop(AF_INET, &ipv4, text.data(), text.size());
}

class TopTalkers : public weir::Extractor {
    weir::Result<weir::Extraction> on_window(const weir::Snapshot& snapshot) override {
        auto table = snapshot.table("flows");
        if (!table) return weir::pass_on(table);
        auto flows = table->keys<Flow>();
        if (!flows) return weir::pass_on(flows);
        auto traffic = table->values<Traffic>();
        if (!traffic) return weir::pass_on(traffic);

        std::uint64_t all = 0;
        std::size_t top = 0;
        for (std::size_t i = 0; i < traffic->size(); ++i) {
            all += (*traffic)[i].bytes;
            if ((*traffic)[i].bytes > (*traffic)[top].bytes) top = i;
        }
        weir::Extraction out{.json = R"({"flows":)" + std::to_string(flows->size()) +
                                     R"(,"bytes":)" + std::to_string(all) + "}"};
        if (flows->empty() || (*traffic)[top].bytes * 2 <= all) return out;
        const Flow& flow = (*flows)[top];
        out.alerts.push_back({.source = address(flow.source),
                              .destination = address(flow.destination),
                              .source_port = ntohs(flow.source_port),
                              .destination_port = ntohs(flow.destination_port),
                              .packets = (*traffic)[top].packets,
                              .reason = "more than half of all bytes"});
        return out;
    }
};

}  // namespace

WEIR_ROW(Flow, source, destination, source_port, destination_port, protocol);
WEIR_ROW(Traffic, packets, bytes, tcp_flags);
WEIR_EXTRACTOR(TopTalkers);
