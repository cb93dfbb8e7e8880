// SPDX-License-Identifier: Apache-2.0
// Labels of flows one by one, out of a file.
#include "model/flow_labels.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "model/label.h"
#include "support/scratch_folder.h"

namespace weir::model {
namespace {

using test::ScratchFolder;

constexpr const char* kHeader =
    "source,destination,source_port,destination_port,protocol,label,kind\n";

FlowEnds flow(const std::string& source, std::uint16_t source_port, const std::string& destination,
              std::uint16_t destination_port, std::uint8_t protocol) {
    FlowEnds ends{
        .source_port = source_port, .destination_port = destination_port, .protocol = protocol};
    EXPECT_EQ(inet_pton(AF_INET6, ("::ffff:" + source).c_str(), ends.source.data()), 1);
    EXPECT_EQ(inet_pton(AF_INET6, ("::ffff:" + destination).c_str(), ends.destination.data()), 1);
    return ends;
}

Result<FlowLabels> read(const std::string& text) {
    const ScratchFolder folder;
    return FlowLabels::read(folder.file("labels.csv", text));
}

void expect_refused(const std::string& text, const std::string& line, const std::string& words) {
    const auto labels = read(text);
    ASSERT_FALSE(labels.has_value()) << text;
    EXPECT_EQ(labels.error().code, Errc::Invalid);
    EXPECT_NE(labels.error().message.find("labels.csv:" + line + ": "), std::string::npos)
        << labels.error().message;
    EXPECT_NE(labels.error().message.find(words), std::string::npos) << labels.error().message;
}

TEST(FlowLabels, AreOfAFlowInEitherDirection) {
    const auto labels = read(std::string(kHeader) +
                             "10.0.0.1,10.0.0.2,1000,80,TCP,attack,syn\n"
                             "10.0.0.1,10.0.0.2,1000,80,17,benign,\r\n"
                             "10.0.0.3,10.0.0.2,0,0,ICMP,unknown,\n\n");
    ASSERT_TRUE(labels.has_value()) << labels.error().message;
    EXPECT_EQ(labels->is_attack(flow("10.0.0.1", 1000, "10.0.0.2", 80, 6)), true);
    EXPECT_EQ(labels->is_attack(flow("10.0.0.2", 80, "10.0.0.1", 1000, 6)), true);
    EXPECT_EQ(labels->is_attack(flow("10.0.0.1", 1000, "10.0.0.2", 80, 17)), false);
    EXPECT_EQ(labels->is_attack(flow("10.0.0.1", 80, "10.0.0.2", 1000, 6)), std::nullopt)
        << "the ports belong to the ends";
    EXPECT_EQ(labels->is_attack(flow("10.0.0.3", 0, "10.0.0.2", 0, 1)), std::nullopt)
        << "a third label";
}

TEST(FlowLabels, FindTheirColumnsByName) {
    const auto labels = read(
        "label,protocol,x,source_port,destination_port,destination,source\n"
        "attack,6,?,1,2,10.0.0.2,10.0.0.1\n");
    ASSERT_TRUE(labels.has_value()) << labels.error().message;
    EXPECT_EQ(labels->is_attack(flow("10.0.0.1", 1, "10.0.0.2", 2, 6)), true);
}

TEST(FlowLabels, AreRefusedWithTheLine) {
    const std::string header = kHeader;
    expect_refused("", "1", "source");
    expect_refused("source,destination,source_port,destination_port,protocol\n", "1", "label");
    expect_refused(header + "10.0.0.1,10.0.0.2,1,2,TCP,attack,\n10.0.0.1,10.0.0.2\n", "3",
                   "source_port");
    expect_refused(header + "host,10.0.0.2,1,2,TCP,attack,\n", "2", "host");
    expect_refused(header + "10.0.0.1,10.0.0.2,1,70000,TCP,attack,\n", "2", "port");
    expect_refused(header + "10.0.0.1,10.0.0.2,1,2,TCPP,attack,\n", "2", "TCPP");
    expect_refused(header + "10.0.0.1,10.0.0.2,1,2,TCP,attack,\n10.0.0.2,10.0.0.1,2,1,6,benign,\n",
                   "3", "something else");
}

TEST(FlowLabels, GoWithNoOtherLabel) {
    const ScratchFolder folder;
    const std::string file =
        folder.file("labels.csv", std::string(kHeader) + "10.0.0.1,10.0.0.2,1,2,TCP,attack,\n");
    const auto labels = Labels::parse(std::vector<std::string>{"flows=" + file});
    ASSERT_TRUE(labels.has_value());
    EXPECT_TRUE(labels->needs_addresses());
    EXPECT_EQ(labels->is_attack(flow("10.0.0.1", 1, "10.0.0.2", 2, 6)), true);
    EXPECT_EQ(labels->is_attack(flow("10.0.0.1", 1, "10.0.0.2", 3, 6)), std::nullopt);
    EXPECT_FALSE(Labels::parse(std::vector<std::string>{"flows=" + file, "attack"}).has_value());
    const auto missing = Labels::parse(std::vector<std::string>{"flows=" + file + "x"});
    ASSERT_FALSE(missing.has_value());
    EXPECT_EQ(missing.error().code, Errc::NotFound);
}

}  // namespace
}  // namespace weir::model
