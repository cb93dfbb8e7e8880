// SPDX-License-Identifier: Apache-2.0
// The flow tensor in the kernel: CPUs that insert at once, full tables, sizes, clearing, ways of
// reading, and the memory that its maps take.
#include "table/flow_tensor.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "support/flow_probe.h"
#include "support/packets.h"
#include "table_reader.h"
#include "util/memory.h"

namespace weir::test {
namespace {

Bytes packet_of(std::uint32_t flow, bool is_reply = false, const Bytes& payload = {}) {
    const std::string host = "10." + std::to_string(flow >> 16 & 255) + "." +
                             std::to_string(flow >> 8 & 255) + "." + std::to_string(flow & 255);
    const std::string server = "192.168.0.1";
    return eth(kIpv4,
               ipv4({.source = is_reply ? server : host, .destination = is_reply ? host : server},
                    udp({.source = static_cast<std::uint16_t>(is_reply ? 5000 : 40000),
                         .destination = static_cast<std::uint16_t>(is_reply ? 40000 : 5000)},
                        payload)));
}

std::vector<Setting> sizes(const std::string& flows, const std::string& packets) {
    return {{"max_flows", flows}, {"packets_per_flow", packets}};
}

// ---- all CPUs at once ----

std::vector<int> usable_cpus() {
    cpu_set_t set;
    EXPECT_EQ(::sched_getaffinity(0, sizeof(set), &set), 0);
    std::vector<int> cpus;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
    return cpus;
}

void stay_on(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    EXPECT_EQ(::sched_setaffinity(0, sizeof(set), &set), 0);
}

/// Waits for the others without leaving the processor: they are to go on within nanoseconds.
class Meeting {
public:
    explicit Meeting(std::size_t count) : count_(count) {}
    void wait() {
        const std::size_t turn = turn_.load();
        if (arrived_.fetch_add(1) + 1 == count_) {
            arrived_ = 0;
            ++turn_;
        }
        for (int i = 0; turn_.load() == turn; ++i)
            if (i > 1000) std::this_thread::yield();  // the other one has no processor just now
    }

private:
    std::size_t count_;
    std::atomic<std::size_t> arrived_ = 0, turn_ = 0;
};

constexpr std::uint32_t kRounds = 64;
constexpr std::uint32_t kFlowsOfARound = 16'384;  // a million in all
constexpr std::size_t kPerMeeting = 8;

/// Every CPU runs the packets of the same flows, which the table does not know. Rounds take turns:
/// the same packets in step; every other CPU the other direction; each CPU an order of its own.
enum class Turn { SamePackets, BothDirections, OwnOrder };
Turn turn_of(std::uint32_t round) { return static_cast<Turn>(round % 3); }

struct RoundPackets {
    std::vector<Bytes> there, back;
};

void insert_on_all_cpus(FlowProbe& probe, const RoundPackets& packets, std::uint32_t round) {
    const std::vector<int> cpus = usable_cpus();
    Meeting meeting(cpus.size());
    std::vector<std::thread> threads;
    threads.reserve(cpus.size());
    for (std::size_t number = 0; number < cpus.size(); ++number)
        threads.emplace_back([&, number] {
            stay_on(cpus[number]);
            const bool goes_back = turn_of(round) == Turn::BothDirections && number % 2 == 1;
            const std::vector<Bytes>& frames = goes_back ? packets.back : packets.there;
            std::vector<std::size_t> order(frames.size());
            for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
            std::mt19937_64 random(round * 1000 + number);
            if (turn_of(round) == Turn::OwnOrder) std::ranges::shuffle(order, random);
            for (std::size_t i = 0; i < order.size(); ++i) {
                if (i % kPerMeeting == 0) meeting.wait();
                probe.run(frames[order[i]]);
            }
        });
    for (std::thread& thread : threads) thread.join();
}

/// Whether key, bytes and recorded packets tell one story of a flow that `there` packets began and
/// `back` packets answered, or the other way round.
bool is_consistent(const Flow& flow, std::uint64_t there, std::uint64_t back) {
    const FlowHead& head = flow.head;
    const bool is_turned = head.key.source_port == htons(5000);
    const FlowKey& key = head.key;
    const bool is_whole = is_turned == (key.destination_port == htons(40000)) &&
                          is_turned == (key.source[12] == 192) &&
                          is_turned == (key.destination[12] == 10) && key.protocol == 17;
    const auto backward = static_cast<std::uint64_t>(std::ranges::count_if(
        flow.packets, [](const DdosPacket& p) { return p.is_backward == 1; }));
    return is_whole && head.packets == there + back &&
           head.forward_bytes == 28 * (is_turned ? back : there) &&
           head.backward_bytes == 28 * backward && backward == (is_turned ? there : back) &&
           std::ranges::all_of(flow.packets, [](const DdosPacket& p) { return p.ip_length == 28; });
}

const std::array<std::uint8_t, 16>& host_of(const FlowKey& key) {
    return key.source[12] == 10 ? key.source : key.destination;
}

TEST(FlowTensor, HasEachFlowOnceWhenAllCpusInsertItAtOnce) {
    const std::size_t cpus = usable_cpus().size();
    if (cpus < 2) GTEST_SKIP() << "one CPU";
    const auto probe = load_flow_probe({.settings = sizes("32k", std::to_string(cpus))});
    ASSERT_NE(probe, nullptr);
    for (std::uint32_t round = 0; round < kRounds; ++round) {
        RoundPackets packets;
        for (std::uint32_t i = 0; i < kFlowsOfARound; ++i) {
            packets.there.push_back(packet_of(round * kFlowsOfARound + i));
            packets.back.push_back(packet_of(round * kFlowsOfARound + i, true));
        }
        insert_on_all_cpus(*probe, packets, round);
        const Window& window = probe->close();
        expect_balance(window, kFlowsOfARound * cpus);
        EXPECT_EQ(window.packets.untracked, 0U);
        EXPECT_EQ(window.packets.ignored, 0U);
        const std::size_t back = turn_of(round) == Turn::BothDirections ? cpus / 2 : 0;
        std::set<std::array<std::uint8_t, 16>> hosts;
        std::uint64_t wrong = 0;
        const Flows flows = flows_of(window);
        for (const Flow& flow : flows) {
            hosts.insert(host_of(flow.head.key));
            wrong += is_consistent(flow, cpus - back, back) ? 0 : 1;
        }
        EXPECT_EQ(flows.size(), kFlowsOfARound) << "round " << round;
        EXPECT_EQ(hosts.size(), kFlowsOfARound) << "flows lost in round " << round;
        ASSERT_EQ(wrong, 0U) << "flows whose counts contradict each other in round " << round;
        probe->clear();
    }
}

// ---- sizes ----

class PacketsPerFlow : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(PacketsPerFlow, AreRecordedAndTheRestIsBeyond) {
    const std::uint32_t places = GetParam();
    const auto probe = load_flow_probe({.settings = sizes("8", std::to_string(places))});
    ASSERT_NE(probe, nullptr);
    const std::uint32_t sent = places + 7;
    for (std::uint32_t i = 1; i <= sent; ++i) {
        probe->set_clock(i);
        probe->run(packet_of(1, i % 4 == 3, Bytes(i % 5, 'x')));
    }
    const Window& window = probe->close();
    expect_balance(window, sent);
    EXPECT_EQ(window.packets.recorded, places);
    EXPECT_EQ(window.packets.beyond, 7U);
    const Flows flows = flows_of(window);
    ASSERT_EQ(flows.size(), 1U);
    EXPECT_EQ(flows[0].head.packets, sent);
    ASSERT_EQ(flows[0].packets.size(), places);
    std::uint64_t bytes[2] = {};
    for (std::uint32_t i = 1; i <= sent; ++i) bytes[i % 4 == 3 ? 1 : 0] += 28 + i % 5;
    EXPECT_EQ(flows[0].head.forward_bytes, bytes[0]);
    EXPECT_EQ(flows[0].head.backward_bytes, bytes[1]);
    for (std::uint32_t j = 0; j < places; ++j) {
        EXPECT_EQ(flows[0].packets[j].time, j + 1);
        EXPECT_EQ(flows[0].packets[j].ip_length, 28 + (j + 1) % 5);
        EXPECT_EQ(flows[0].packets[j].is_backward, (j + 1) % 4 == 3 ? 1 : 0);
    }
}

INSTANTIATE_TEST_SUITE_P(FlowTensor, PacketsPerFlow, ::testing::Values(1, 2, 10, 100));

TEST(FlowTensor, CountsWhatFindsNoRoomAndGoesOnWithTheFlowsItHas) {
    const auto probe = load_flow_probe({.settings = sizes("64", "2")});
    ASSERT_NE(probe, nullptr);
    constexpr std::uint32_t kSent = 500;
    for (std::uint32_t i = 0; i < kSent; ++i) probe->run(packet_of(i));
    for (std::uint32_t i = 0; i < kSent; ++i) probe->run(packet_of(i, true));
    const Window& window = probe->close();
    expect_balance(window, 2 * kSent);
    EXPECT_GT(window.packets.untracked, 0U);
    EXPECT_EQ(window.packets.beyond, 0U);
    const table::Table* table = tensor_of(window);
    ASSERT_NE(table, nullptr);
    EXPECT_TRUE(table->is_saturated);
    EXPECT_EQ(table->capacity, 64U);
    const Flows flows = flows_of(window);
    EXPECT_EQ(flows.size(), 64U);
    EXPECT_EQ(window.packets.untracked, 2 * (kSent - flows.size()));
    for (const Flow& flow : flows) {
        EXPECT_EQ(flow.head.packets, 2U) << flow.head.key.text();
        EXPECT_EQ(flow.head.backward_bytes, 28U);
    }
    probe->clear();
    for (std::uint32_t i = 0; i < 63; ++i) probe->run(packet_of(i));
    const Window& next = probe->close();
    expect_balance(next, 63);
    EXPECT_EQ(next.packets.untracked, 0U);
    EXPECT_FALSE(tensor_of(next)->is_saturated) << "one flow less than fit";
    probe->clear();
    for (std::uint32_t i = 0; i < 64; ++i) probe->run(packet_of(i));
    const Window& full = probe->close();
    EXPECT_EQ(full.packets.untracked, 0U);
    EXPECT_TRUE(tensor_of(full)->is_saturated);
}

TEST(FlowTensor, FitsSoManyFlowsWithoutLosingOne) {
    constexpr std::uint32_t kFlows = 40'000;
    const auto probe = load_flow_probe({.settings = sizes("40000", "1")});
    ASSERT_NE(probe, nullptr);
    for (std::uint32_t i = 0; i < kFlows; ++i) probe->run(packet_of(i));
    const Window& window = probe->close();
    expect_balance(window, kFlows);
    EXPECT_EQ(window.packets.untracked, 0U);
    const table::Table* table = tensor_of(window);
    EXPECT_EQ(table->rows, kFlows);
    EXPECT_EQ(table->capacity, kFlows);
    EXPECT_EQ(table->shape->max_entries, kFlows) << "rows";
}

// ---- windows ----

/// Of the tensor's two maps.
std::size_t bytes_not_zero(const Clone& clone) {
    std::size_t sum = 0;
    for (const char* name : {"flows", "weir_heads_flows"}) {
        auto memory = clone.find_map(name)->map_values(bpf::Map::Access::ReadOnly);
        EXPECT_TRUE(memory.has_value()) << memory.error().message;
        sum += static_cast<std::size_t>(
            std::ranges::count_if(memory->bytes(), [](std::byte b) { return b != std::byte{}; }));
    }
    return sum;
}

class EachWay : public ::testing::TestWithParam<std::pair<const char*, table::ReadWay>> {};

TEST_P(EachWay, ReadsTheSameAndLeavesNoByteBehind) {
    const auto [disabled, way] = GetParam();
    const Disable disable(disabled);
    const auto probe = load_flow_probe({.settings = sizes("100", "5")});
    ASSERT_NE(probe, nullptr);
    const Bytes tcp_frame =
        eth(kIpv6, ipv6({.next = 6}, tcp({.flags = 0xfff, .ack = ~0U, .window = 0xffff}, "GET ")));
    for (std::uint32_t window_number = 1; window_number <= 4; ++window_number) {
        for (std::uint32_t i = 0; i < 90; ++i) {
            probe->set_clock(-1);
            for (std::uint32_t j = 0; j <= i % 8; ++j)
                probe->run(packet_of(window_number * i, j % 2));
        }
        probe->run(tcp_frame);
        const Window& window = probe->close();
        expect_balance(window, 11 * 36 + 1 + 2 + 1);
        EXPECT_EQ(tensor_of(window)->way, way);
        const Flows flows = flows_of(window);
        EXPECT_EQ(flows.size(), 91U);
        std::set<std::string> keys;
        for (const Flow& flow : flows) keys.insert(flow.head.key.text());
        EXPECT_EQ(keys.size(), 91U);
        EXPECT_GT(bytes_not_zero(probe->pair().clone(probe->retired())), 1000U);
        probe->clear();
        EXPECT_EQ(bytes_not_zero(probe->pair().clone(probe->retired())), 0U);
    }
    const Window& empty = probe->close();
    expect_balance(empty, 0);
    EXPECT_EQ(tensor_of(empty)->rows, 0U);
}

INSTANTIATE_TEST_SUITE_P(FlowTensor, EachWay,
                         ::testing::Values(std::pair{"", table::ReadWay::Mmap},
                                           std::pair{"mmap", table::ReadWay::Lookup}));

// ---- settings that must be refused ----

TEST(FlowTensor, RefusesSizesThatNoTableCanHave) {
    const auto refused = [](const std::string& target, const std::string& value) {
        const auto probe = try_load_flow_probe({.settings = {{target, value}}});
        EXPECT_FALSE(probe.has_value()) << target << "=" << value;
        return probe ? Error{} : probe.error();
    };
    for (const char* value : {"0", "-1", "many", "8G", "67108865"})
        EXPECT_EQ(refused("max_flows", value).code, Errc::Invalid) << value;
    for (const char* value : {"0", "1048577", "1.5"})
        EXPECT_EQ(refused("packets_per_flow", value).code, Errc::Invalid) << value;
    const Error slots = refused("flows.max_entries", "1024");
    EXPECT_EQ(slots.code, Errc::Invalid);
    EXPECT_TRUE(slots.hint.contains("max_flows")) << slots.hint;
    const auto available = available_memory_bytes();
    if (!available || *available >> 30 >= 56) return;
    const Error memory =
        refused("max_flows", "64M");  // rows of 384 bytes and two slots of 32, twice
    EXPECT_EQ(memory.code, Errc::Io) << memory.message;
    EXPECT_TRUE(memory.message.contains("need 56 GB")) << memory.message;
}

}  // namespace
}  // namespace weir::test
