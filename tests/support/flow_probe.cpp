// SPDX-License-Identifier: Apache-2.0
#include "support/flow_probe.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "engine/counts.h"
#include "probe/locate.h"
#include "table/flow_tensor.h"
#include "table/number.h"
#include "util/paths.h"

namespace weir::test {

FlowProbe::FlowProbe(Chain chain, std::optional<ReplayClock> clock)
    : chain_(std::move(chain)), clock_(std::move(clock)) {
    auto session = ProbeSession::create(chain_.pair(0));
    EXPECT_TRUE(session.has_value()) << session.error().message;
    session_ = std::move(*session);
}

std::uint32_t FlowProbe::run(const Bytes& frame) {
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                .data_size_in = static_cast<std::uint32_t>(frame.size()));
    EXPECT_EQ(bpf_prog_test_run_opts(pivot_fd(), &options), 0) << frame.size() << " bytes";
    return options.retval;
}

const Window& FlowProbe::close() {
    chain_.flip(Chain::bit(0));
    auto counts = chain_.counts();
    EXPECT_TRUE(counts.has_value()) << counts.error().message;
    Window window;
    take_counts(window, pair().clone(retired()), *counts, counted_);
    session_->read(retired(), std::move(window));
    EXPECT_TRUE(session_->window().health.errors.empty()) << session_->window().health.errors[0];
    return session_->window();
}

void FlowProbe::clear() {
    const auto cleared = session_->clear();
    EXPECT_TRUE(cleared.has_value()) << cleared.error().message;
}

Result<std::unique_ptr<FlowProbe>> try_load_flow_probe(const FlowProbeOptions& options) {
    auto share = share_dir();
    if (!share) return pass_on(share);
    auto file = locate_probe("ddos", *share);
    if (!file) return pass_on(file);
    ProbeSpec spec;
    spec.file = *file;
    spec.hook = options.hook;
    spec.settings = options.settings;
    auto image = ProbeImage::build(spec, *share);
    if (!image) return pass_on(image);
    auto chain = Chain::create(options.hook);
    if (!chain) return pass_on(chain);
    auto binding = chain->next_binding();
    if (!binding) return pass_on(binding);
    binding->is_raw_ip = options.is_raw_ip;
    binding->is_replay = options.is_replay;
    auto pair = ClonePair::load(*image, *binding);
    if (!pair) return pass_on(pair);
    if (auto r = chain->append(std::move(*pair)); !r) return pass_on(r);
    std::optional<ReplayClock> clock;
    if (options.is_replay) {
        auto opened = ReplayClock::open(chain->pair(0));
        if (!opened) return pass_on(opened);
        clock = std::move(*opened);
    }
    return std::make_unique<FlowProbe>(std::move(*chain), std::move(clock));
}

std::unique_ptr<FlowProbe> load_flow_probe(const FlowProbeOptions& options) {
    auto probe = try_load_flow_probe(options);
    EXPECT_TRUE(probe.has_value()) << probe.error().message << probe.error().log;
    return probe ? std::move(*probe) : nullptr;
}

std::string FlowKey::text() const {
    const auto end = [](const std::array<std::uint8_t, 16>& address, std::uint16_t port) {
        std::string out;
        // SAFETY: bytes may view any bytes.
        table::append_address(out, reinterpret_cast<const std::byte*>(address.data()));
        return fmt::format("{}:{}", out, ntohs(port));
    };
    return fmt::format("{} > {} {}", end(source, source_port), end(destination, destination_port),
                       protocol);
}

const table::Table* tensor_of(const Window& window) {
    for (const table::Table& table : window.tables)
        if (table.flows != nullptr) return &table;
    ADD_FAILURE() << "no flow tensor";
    return nullptr;
}

Flows flows_of(const Window& window) {
    const table::Table* table = tensor_of(window);
    if (table == nullptr) return {};
    EXPECT_EQ(table->flows->packet_offset, sizeof(FlowHead));
    EXPECT_EQ(table->flows->packet_bytes, sizeof(DdosPacket));
    const table::FlowTensor tensor(*table);
    Flows flows(tensor.flows());
    for (std::size_t i = 0; i < flows.size(); ++i) {
        std::memcpy(&flows[i].head, table->value(i), sizeof(FlowHead));
        flows[i].packets.resize(tensor.recorded(i));
        for (std::size_t j = 0; j < flows[i].packets.size(); ++j)
            std::memcpy(&flows[i].packets[j], tensor.packet(i, j), sizeof(DdosPacket));
    }
    return flows;
}

void expect_balance(const Window& window, std::uint64_t sent) {
    const PacketCounts& p = window.packets;
    EXPECT_TRUE(p.has_outcomes);
    EXPECT_EQ(p.entered, sent);
    EXPECT_EQ(p.recorded + p.beyond + p.untracked + p.ignored, sent);
    const table::Table* table = tensor_of(window);
    if (table == nullptr) return;
    const table::FlowTensor tensor(*table);
    std::uint64_t packets = 0;
    std::uint64_t recorded = 0;
    for (std::size_t i = 0; i < tensor.flows(); ++i) {
        packets += tensor.packets(i);
        recorded += tensor.recorded(i);
    }
    EXPECT_EQ(packets, p.recorded + p.beyond);
    EXPECT_EQ(recorded, p.recorded);
}

}  // namespace weir::test
