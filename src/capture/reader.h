// SPDX-License-Identifier: Apache-2.0
#pragma once
// A capture file (pcap or pcapng, also gzipped) as a sequence of Ethernet frames with nanosecond
// times. Other link types become Ethernet: the header is made up, the ethertype is the packet's.
//
//     auto reader = capture::Reader::open("dump.pcap");
//     while (auto packet = reader->next()) use(packet->time_ns, packet->bytes);
//     if (!reader->broken().empty()) warn(reader->broken());
//
// Ownership: owns the file; a packet's bytes are valid until the next call. Thread rule: one
// thread.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "weir/result.h"

namespace weir::capture {

struct Packet {
    std::uint64_t number = 0;          // in the file; 1 is the first
    std::int64_t time_ns = 0;          // Unix time, as the file has it: unsorted where the file is
    std::span<const std::byte> bytes;  // an Ethernet frame, as far as it was captured
    std::uint64_t wire_bytes = 0;      // its length when it was captured
};

class Reader {
public:
    /// Errors: NotFound, Permission, Invalid (not a capture; cut within its header), Unsupported
    /// (a link type that weir cannot make Ethernet of; it is named).
    [[nodiscard]] static Result<Reader> open(const std::filesystem::path& path);

    /// The next packet, none at the end. Cost: Ethernet is not copied, other link types are.
    [[nodiscard]] std::optional<Packet> next();
    /// Why the packets ended before the file did: "packet 12: truncated dump file; ..."; empty:
    /// they did not.
    [[nodiscard]] const std::string& broken() const;

    /// How far into the file it has read, of file_bytes(); compressed bytes where it is gzipped.
    [[nodiscard]] std::uint64_t position() const;
    [[nodiscard]] std::uint64_t file_bytes() const;

    Reader(Reader&&) noexcept;
    Reader& operator=(Reader&&) noexcept;
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader();

private:
    struct State;
    explicit Reader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir::capture
