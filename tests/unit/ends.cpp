// SPDX-License-Identifier: Apache-2.0
// Who talks to whom, out of the rows of flow tensors with keys of several kinds.
#include "model/ends.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>

#include "support/flow_types.h"

namespace weir::model {
namespace {

using test::Row;

/// The layout that a reader finds, of rows with these members.
struct Tensor {
    explicit Tensor(std::vector<Member> members = test::row_members())
        : type(test::structure("flow", sizeof(Row), std::move(members))) {
        for (const Member& m : type->members)
            if (m.name == "key") layout.key = &m;
        layout.packets_offset = offsetof(Row, packets);
    }
    TypePtr type;
    FlowLayout layout;
};

/// Row's key with a server whose enumerator is called as in bpf/weir/flow_key.h.
std::vector<Member> members_with_server() {
    auto members = test::row_members();
    for (Member& m : members) {
        if (m.name != "server") continue;
        Type server = *m.type;
        server.enumerators = {{"WEIR_SERVER_UNKNOWN", 0}, {"WEIR_SERVER_SOURCE", 1}};
        m.type = std::make_shared<const Type>(std::move(server));
    }
    return members;
}

Row row_of(std::uint8_t protocol, std::uint32_t server) {
    Row row{};
    row.packets = 7;
    row.server = server;
    inet_pton(AF_INET6, "::ffff:10.0.0.1", row.key.source);
    inet_pton(AF_INET6, "2001:db8::2", row.key.destination);
    row.key.source_port = htons(53);
    row.key.destination_port = htons(40000);
    row.key.protocol = protocol;
    return row;
}

FlowEnds ends_of(const Ends& ends, const Row& row) {
    return ends.of(reinterpret_cast<const std::byte*>(&row));  // SAFETY: any object is bytes
}

TEST(Ends, AreThoseOfTheKey) {
    const Tensor tensor(members_with_server());
    const Ends ends(tensor.layout, *tensor.type);
    ASSERT_TRUE(ends.has_addresses());
    const FlowEnds flow = ends_of(ends, row_of(IPPROTO_UDP, 1));
    EXPECT_EQ(address_text(flow.source), "10.0.0.1") << "of UDP the first sender, server or not";
    EXPECT_EQ(address_text(flow.destination), "2001:db8::2");
    EXPECT_EQ(flow.source_port, 53);
    EXPECT_EQ(flow.destination_port, 40000);
    EXPECT_EQ(flow.protocol, IPPROTO_UDP);
    EXPECT_EQ(flow.packets, 7U);
}

TEST(Ends, NeverNameTheServerOfATcpFlowAsTheSource) {
    const Tensor tensor(members_with_server());
    const Ends ends(tensor.layout, *tensor.type);
    const FlowEnds answered_first = ends_of(ends, row_of(IPPROTO_TCP, 1));
    EXPECT_EQ(address_text(answered_first.source), "2001:db8::2");
    EXPECT_EQ(answered_first.source_port, 40000);
    EXPECT_EQ(address_text(answered_first.destination), "10.0.0.1");
    EXPECT_EQ(answered_first.destination_port, 53);
    const FlowEnds asked_first = ends_of(ends, row_of(IPPROTO_TCP, 0));
    EXPECT_EQ(address_text(asked_first.source), "10.0.0.1");
}

TEST(Ends, OfAKeyWithoutAddressesOnlyCount) {
    auto members = test::row_members();
    for (Member& m : members) {
        if (m.name != "key") continue;
        Type key = *m.type;
        std::erase_if(key.members, [](const Member& part) { return part.name == "destination"; });
        m.type = std::make_shared<const Type>(std::move(key));
    }
    const Tensor tensor(std::move(members));
    const Ends ends(tensor.layout, *tensor.type);
    EXPECT_FALSE(ends.has_addresses());
    const FlowEnds flow = ends_of(ends, row_of(IPPROTO_TCP, 0));
    EXPECT_EQ(flow.source, Address{});
    EXPECT_EQ(flow.packets, 7U);
}

TEST(Ends, OfFourBytesAreIpv4) {
    auto members = test::row_members();
    for (Member& m : members) {
        if (m.name != "key") continue;
        Type key = *m.type;
        for (Member& part : key.members)
            if (part.name == "source" || part.name == "destination") {
                part.bit_offset += 96;  // where the IPv4 address lies in a mapped one
                part.type = test::integer(4);
            }
        m.type = std::make_shared<const Type>(std::move(key));
    }
    const Tensor tensor(std::move(members));
    const Ends ends(tensor.layout, *tensor.type);
    ASSERT_TRUE(ends.has_addresses());
    EXPECT_EQ(address_text(ends_of(ends, row_of(IPPROTO_UDP, 0)).source), "10.0.0.1");
}

TEST(AddressText, IsAsPeopleWriteIt) {
    for (const char* text : {"::", "::1", "2001:db8::1", "fe80::1"}) {
        Address address;
        ASSERT_EQ(inet_pton(AF_INET6, text, address.data()), 1);
        EXPECT_EQ(address_text(address), text);
    }
    Address mapped;
    for (const char* text : {"0.0.0.0", "255.255.255.255", "192.168.7.20"}) {
        ASSERT_EQ(inet_pton(AF_INET6, ("::ffff:" + std::string(text)).c_str(), mapped.data()), 1);
        EXPECT_EQ(address_text(mapped), text);
    }
}

TEST(ProtocolText, IsANameOrANumber) {
    EXPECT_EQ(protocol_text(6), "TCP");
    EXPECT_EQ(protocol_text(58), "ICMPv6");
    EXPECT_EQ(protocol_text(44), "fragment");
    EXPECT_EQ(protocol_text(253), "253");
}

}  // namespace
}  // namespace weir::model
