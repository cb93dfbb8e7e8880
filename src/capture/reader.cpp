// SPDX-License-Identifier: Apache-2.0
#include "capture/reader.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <array>
#include <limits>
#include <vector>

#include "capture/file.h"
#include "capture/link_type.h"

namespace weir::capture {
namespace {

struct ClosePcap {
    void operator()(pcap_t* pcap) const noexcept { pcap_close(pcap); }
};

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
// The last second whose nanoseconds are numbers, with room for a window behind it (year 2255); only
// a broken pcapng file claims a later one.
constexpr std::int64_t kLastSecond = 9'000'000'000;

/// tv_usec holds nanoseconds (PCAP_TSTAMP_PRECISION_NANO). A broken file may claim more of them
/// than a second has; they are added, as other readers do.
std::int64_t to_ns(const timeval& time) {
    std::int64_t seconds = time.tv_sec;
    // libpcap 1.10 reads a classic pcap's 32 bits as signed: they are not, until the year 2106.
    if (seconds < 0 && seconds >= std::numeric_limits<std::int32_t>::min())
        seconds += std::int64_t{1} << 32;
    if (seconds < 0) return 0;
    return std::min(seconds, kLastSecond) * kNsPerSecond + time.tv_usec;
}

std::string link_type_words(int dlt) {
    const char* name = pcap_datalink_val_to_name(dlt);
    const char* description = pcap_datalink_val_to_description(dlt);
    if (name == nullptr) return fmt::format("link type {}", dlt);
    return fmt::format("link type {} ({})", name, description != nullptr ? description : name);
}

}  // namespace

struct Reader::State {
    std::unique_ptr<pcap_t, ClosePcap> pcap;
    UniqueFd position;
    std::uint64_t file_bytes = 0;
    LinkType link_type = LinkType::Ethernet;
    std::uint64_t packets = 0;
    std::string broken;
    std::vector<std::byte> frame;  // of a packet that was not Ethernet
};

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Reader::open(const std::filesystem::path& path) {
    const std::string what = "capture " + path.string();
    auto file = File::open(path);
    if (!file) return wrap(file, what);
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    auto state = std::make_unique<State>();
    state->pcap.reset(pcap_fopen_offline_with_tstamp_precision(
        file->stream, PCAP_TSTAMP_PRECISION_NANO, error.data()));
    if (!state->pcap) {
        std::fclose(file->stream);  // libpcap closes it only where it succeeds
        return fail(Errc::Invalid, fmt::format("{}: {}", what, error.data()));
    }
    const int dlt = pcap_datalink(state->pcap.get());
    const auto link_type = link_type_of(dlt);
    if (!link_type)
        return fail(Errc::Unsupported, fmt::format("{}: {}: weir cannot make Ethernet of it", what,
                                                   link_type_words(dlt)));
    state->link_type = *link_type;
    state->position = std::move(file->position);
    state->file_bytes = file->bytes;
    return Reader(std::move(state));
}

std::optional<Packet> Reader::next() {
    State& s = *state_;
    if (!s.broken.empty()) return std::nullopt;
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    const int rc = pcap_next_ex(s.pcap.get(), &header, &data);
    if (rc == PCAP_ERROR_BREAK) return std::nullopt;  // the end of the file
    if (rc != 1) {
        s.broken = fmt::format("packet {}: {}", s.packets + 1, pcap_geterr(s.pcap.get()));
        return std::nullopt;
    }
    Packet packet{.number = ++s.packets,
                  .time_ns = to_ns(header->ts),
                  .bytes = std::as_bytes(std::span(data, header->caplen)),
                  .wire_bytes = header->len};
    if (s.link_type == LinkType::Ethernet) return packet;
    const std::size_t taken_off = make_ethernet(s.link_type, packet.bytes, s.frame);
    packet.bytes = s.frame;
    packet.wire_bytes =
        std::max<std::uint64_t>(packet.wire_bytes, taken_off) - taken_off + kEthernetHeaderBytes;
    return packet;
}

const std::string& Reader::broken() const { return state_->broken; }

std::uint64_t Reader::position() const {
    const off_t at = ::lseek(state_->position.get(), 0, SEEK_CUR);
    return at < 0 ? 0 : static_cast<std::uint64_t>(at);
}

std::uint64_t Reader::file_bytes() const { return state_->file_bytes; }

}  // namespace weir::capture
