// SPDX-License-Identifier: Apache-2.0
// Real packets cut at every byte, and a million random changes of them, through the ddos probe:
// flow by flow and packet by packet it must say what a plain reading of the RFCs says. The
// captures are third-party data beside the repository, not part of it.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <tuple>

#include "capture/reader.h"
#include "support/flow_probe.h"
#include "support/packets.h"
#include "support/reference_packet.h"
#include "table/number.h"

namespace weir::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMutations = 1'000'000;
constexpr std::size_t kMaxFrame = 1514;
constexpr std::size_t kBatch = 4096;
constexpr std::size_t kMinFrame = 14;  // the kernel refuses less

/// Up to `each` frames of every capture, no two alike.
std::vector<Bytes> real_frames(std::size_t each) {
    std::vector<Bytes> frames;
    const fs::path folder = fs::path(WEIR_SOURCE_DIR) / "../shared/data/captures";
    std::error_code error;
    std::vector<fs::path> files;
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
         it.increment(error))
        if (it->is_regular_file()) files.push_back(it->path());
    std::ranges::sort(files);
    for (const fs::path& file : files) {
        auto reader = capture::Reader::open(file);
        if (!reader) continue;
        for (std::size_t i = 0; i < each; ++i) {
            const auto packet = reader->next();
            if (!packet) break;
            // SAFETY: chars may view any bytes.
            frames.emplace_back(reinterpret_cast<const char*>(packet->bytes.data()),
                                std::min(packet->bytes.size(), kMaxFrame));
        }
    }
    std::ranges::sort(frames);
    const auto same = std::ranges::unique(frames);
    frames.erase(same.begin(), same.end());
    std::erase_if(frames, [](const Bytes& f) { return f.size() < kMinFrame; });
    return frames;
}

using End = std::pair<std::array<std::uint8_t, 16>, std::uint16_t>;
using FlowName = std::tuple<bool, End, End, std::uint8_t>;

End source_of(const ReferencePacket& p) { return {p.source, p.source_port}; }
End destination_of(const ReferencePacket& p) { return {p.destination, p.destination_port}; }

/// Both directions have one.
FlowName name_of(const ReferencePacket& p) {
    const End a = source_of(p);
    const End b = destination_of(p);
    return {p.is_ipv6, std::min(a, b), std::max(a, b), p.protocol};
}

struct Expected {
    std::vector<std::size_t> packets;  // their numbers in the batch
    std::uint64_t bytes = 0;
};

/// Runs frames in batches of one window and compares each window with the reference.
class Comparison {
public:
    Comparison(FlowProbe& probe, Link link) : probe_(probe), link_(link) {}
    void add(const Bytes& frame) {
        probe_.set_clock(static_cast<std::int64_t>(batch_.size()));
        probe_.run(frame);
        batch_.push_back(frame);
        if (batch_.size() == kBatch) close();
    }
    void close();
    [[nodiscard]] bool is_good() const { return !::testing::Test::HasFailure(); }
    std::uint64_t frames = 0, seen = 0, flows = 0;

private:
    void expect_flow(const Flow& flow);
    void expect_packet(const Flow& flow, std::size_t j);

    FlowProbe& probe_;
    Link link_;
    std::vector<Bytes> batch_;
    std::vector<std::optional<ReferencePacket>> references_;
    std::map<FlowName, Expected> expected_;
};

std::string hex(const Bytes& frame) {
    std::string out;
    // SAFETY: bytes may view any bytes.
    table::append_bytes(out, reinterpret_cast<const std::byte*>(frame.data()), frame.size());
    return out;
}

void Comparison::expect_packet(const Flow& flow, std::size_t j) {
    const DdosPacket& is = flow.packets[j];
    const ReferencePacket& should = *references_.at(is.time);
    const FlowKey& key = flow.head.key;
    const bool is_forward =
        End{key.source, ntohs(key.source_port)} == source_of(should) &&
        End{key.destination, ntohs(key.destination_port)} == destination_of(should);
    const auto all =
        std::tuple(is.ip_length, is.ip_fragment, is.tcp_length, is.tcp_flags, is.tcp_window,
                   is.tcp_ack, is.tcp_sequence, is.udp_length, is.icmp_type, is.is_backward == 0);
    const auto wanted =
        std::tuple(should.ip_length, should.ip_fragment, should.tcp_length, should.tcp_flags,
                   should.tcp_window, should.tcp_ack, should.tcp_sequence, should.udp_length,
                   should.icmp_type, is_forward);
    if (all != wanted)
        ADD_FAILURE() << key.text() << " packet " << j << ": " << ::testing::PrintToString(all)
                      << " instead of " << ::testing::PrintToString(wanted) << " of "
                      << hex(batch_[is.time]);
}

void Comparison::expect_flow(const Flow& flow) {
    const FlowKey& key = flow.head.key;
    const std::size_t first = flow.packets.empty() ? batch_.size() : flow.packets[0].time;
    if (first >= batch_.size() || !references_[first]) {
        ADD_FAILURE() << key.text() << " begins with no packet of ours";
        return;
    }
    const ReferencePacket& began = *references_[first];
    const auto it = expected_.find(name_of(began));
    const bool is_key =
        End{key.source, ntohs(key.source_port)} == source_of(began) &&
        End{key.destination, ntohs(key.destination_port)} == destination_of(began) &&
        key.protocol == began.protocol;
    if (it == expected_.end() || !is_key) {
        ADD_FAILURE() << key.text() << (is_key ? " is there twice" : " is not the flow of ")
                      << hex(batch_[first]);
        return;
    }
    const Expected& should = it->second;
    EXPECT_EQ(flow.head.packets, should.packets.size()) << key.text();
    EXPECT_EQ(flow.head.forward_bytes + flow.head.backward_bytes, should.bytes) << key.text();
    for (std::size_t j = 0; j < flow.packets.size() && is_good(); ++j) {
        EXPECT_EQ(flow.packets[j].time, should.packets.at(j)) << key.text();
        if (is_good()) expect_packet(flow, j);
    }
    expected_.erase(it);
}

void Comparison::close() {
    references_.clear();
    expected_.clear();
    std::size_t ignored = 0;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
        references_.push_back(read_reference(batch_[i], link_));
        if (!references_[i]) {
            ++ignored;
            continue;
        }
        Expected& flow = expected_[name_of(*references_[i])];
        flow.packets.push_back(i);
        flow.bytes += references_[i]->ip_length;
    }
    const Window& window = probe_.close();
    expect_balance(window, batch_.size());
    EXPECT_EQ(window.packets.ignored, ignored);
    EXPECT_EQ(window.packets.untracked, 0U);
    const Flows found = flows_of(window);
    for (const Flow& flow : found) {
        if (!is_good()) break;
        expect_flow(flow);
    }
    EXPECT_TRUE(!is_good() || expected_.empty()) << "flows that are not there";
    frames += batch_.size();
    seen += batch_.size() - ignored;
    flows += found.size();
    batch_.clear();
    probe_.clear();
}

std::unique_ptr<FlowProbe> load(Link link) {
    return load_flow_probe({.settings = {{"max_flows", "8k"}, {"packets_per_flow", "32"}},
                            .is_raw_ip = link == Link::RawIp});
}

/// What the link type makes of an Ethernet frame.
Bytes as_link(const Bytes& frame, Link link) {
    return link == Link::Ethernet ? frame : frame.substr(std::min(frame.size(), kMinFrame));
}

class FlowFuzz : public ::testing::TestWithParam<Link> {};

TEST_P(FlowFuzz, ReadsPacketsCutAtEveryByteRight) {
    const std::vector<Bytes> frames = real_frames(25);
    if (frames.empty()) GTEST_SKIP() << "no captures in ../shared/data/captures";
    const auto probe = load(GetParam());
    ASSERT_NE(probe, nullptr);
    Comparison comparison(*probe, GetParam());
    for (const Bytes& real : frames) {
        const Bytes frame = as_link(real, GetParam());
        const std::size_t end = std::min<std::size_t>(frame.size(), 160);  // behind all headers
        for (std::size_t bytes = kMinFrame; bytes <= end && comparison.is_good(); ++bytes)
            comparison.add(frame.substr(0, bytes));
    }
    comparison.close();
    RecordProperty("frames", std::to_string(comparison.frames));
    EXPECT_GT(comparison.seen, comparison.frames / 2);
    EXPECT_LT(comparison.seen, comparison.frames);
}

/// Bytes that mean something somewhere: protocols, ethertypes, lengths of headers, ends of ranges.
constexpr unsigned char kTelling[] = {
    0,    1,    4,    6,    17,   43,   44,   50,   51,   58,   59,   60,   135,  0x08, 0x00, 0x45,
    0x46, 0x4f, 0x44, 0x60, 0x81, 0x88, 0xa8, 0x86, 0xdd, 0x47, 0x48, 0x20, 0x40, 0x50, 0xf0, 0xff};

class Mutator {
public:
    explicit Mutator(std::uint64_t seed) : random_(seed) {}
    Bytes change(const Bytes& frame) {
        Bytes out = frame;
        if (below(4) == 0) wrap(out);
        const std::size_t changes = 1 + below(4);
        for (std::size_t i = 0; i < changes; ++i) {
            const std::size_t at =
                below(std::min<std::size_t>(out.size(), below(3) == 0 ? 160 : 60));
            out[at] =
                static_cast<char>(below(2) == 0 ? kTelling[below(std::size(kTelling))] : random_());
        }
        if (below(3) == 0) out.resize(kMinFrame + below(out.size() - kMinFrame + 1));
        return out;
    }
    std::size_t below(std::size_t end) { return random_() % end; }

private:
    /// Tags, labels or extension headers between Ethernet and what follows.
    void wrap(Bytes& frame) {
        const auto ethertype = static_cast<std::uint16_t>(
            static_cast<unsigned char>(frame[12]) * 256 + static_cast<unsigned char>(frame[13]));
        const Bytes rest = frame.substr(14);
        switch (below(4)) {
            case 0: frame = eth(kVlan, vlan(ethertype, rest)); break;
            case 1: frame = eth(kQinq, vlan(kVlan, vlan(ethertype, rest))); break;
            case 2: frame = eth(kMpls, mpls(1 + static_cast<unsigned>(below(5)), rest)); break;
            default: extend(frame); break;
        }
    }
    /// One to seven extension headers behind IPv6's own header.
    void extend(Bytes& frame) {
        if (frame.size() < 54 || frame.substr(12, 2) != big16(kIpv6)) return;
        constexpr std::uint8_t kKinds[] = {0, 43, 44, 51, 60, 135};
        auto next = static_cast<std::uint8_t>(frame[20]);
        Bytes rest = frame.substr(54);
        for (std::size_t i = 0, count = 1 + below(7); i < count; ++i) {
            const std::uint8_t kind = kKinds[below(std::size(kKinds))];
            rest = kind == 44   ? fragment_header(next, below(8) == 0 ? 8U : 0U, true, rest)
                   : kind == 51 ? authentication(next, 3, rest)
                                : extension(next, static_cast<std::uint8_t>(below(2)), rest);
            next = kind;
        }
        frame[20] = static_cast<char>(next);
        frame = frame.substr(0, 54) + rest;
    }
    std::mt19937_64 random_;
};

/// WEIR_SEED, else a new one each run: it is printed where something is wrong.
std::uint64_t seed() {
    const char* told = std::getenv("WEIR_SEED");
    return told != nullptr ? std::strtoull(told, nullptr, 10) : std::random_device{}();
}

TEST_P(FlowFuzz, ReadsRandomlyChangedPacketsRight) {
    const std::vector<Bytes> frames = real_frames(100);
    if (frames.empty()) GTEST_SKIP() << "no captures in ../shared/data/captures";
    const auto probe = load(GetParam());
    ASSERT_NE(probe, nullptr);
    const std::uint64_t used_seed = seed();
    std::printf("WEIR_SEED=%llu\n", static_cast<unsigned long long>(used_seed));
    Mutator mutator(used_seed);
    Comparison comparison(*probe, GetParam());
    const std::size_t count = GetParam() == Link::Ethernet ? kMutations : kMutations / 10;
    for (std::size_t i = 0; i < count && comparison.is_good(); ++i) {
        const Bytes frame =
            as_link(mutator.change(frames[mutator.below(frames.size())]), GetParam());
        if (frame.size() >= kMinFrame) comparison.add(frame);
    }
    comparison.close();
    RecordProperty("flows", std::to_string(comparison.flows));
    EXPECT_TRUE(comparison.frames == count || GetParam() == Link::RawIp);
    EXPECT_GT(comparison.seen, comparison.frames / 3);
    EXPECT_LT(comparison.seen, comparison.frames);
}

INSTANTIATE_TEST_SUITE_P(Ddos, FlowFuzz, ::testing::Values(Link::Ethernet, Link::RawIp),
                         [](const auto& test) {
                             return test.param == Link::Ethernet ? "Ethernet" : "RawIp";
                         });

}  // namespace
}  // namespace weir::test
