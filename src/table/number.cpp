// SPDX-License-Identifier: Apache-2.0
#include "table/number.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>

namespace weir::table {
namespace {

// BTF counts the bits of a bitfield from the least significant one on these machines only.
static_assert(std::endian::native == std::endian::little);

using bpf::Form;
using bpf::Type;

constexpr std::string_view kHexDigits = "0123456789abcdef";

Uint128 load_bytes(const std::byte* bytes, std::uint32_t count) {
    if (count <= sizeof(std::uint64_t)) {
        std::uint64_t value = 0;
        std::memcpy(&value, bytes,
                    count);  // SAFETY: count <= 8; the type says that the bytes are there
        return value;
    }
    Uint128 value = 0;
    std::memcpy(&value, bytes, std::min<std::size_t>(count, sizeof(value)));
    return value;
}

/// Touches only the bytes that the field lies in.
Uint128 load_bits(const std::byte* bytes, std::uint32_t bit_offset, std::uint32_t bit_size) {
    const std::byte* first = bytes + bit_offset / 8;
    const std::uint32_t shift = bit_offset % 8;
    const std::uint32_t span = (shift + bit_size + 7) / 8;
    Uint128 value = load_bytes(first, std::min(span, 16U)) >> shift;
    if (span > 16)
        value |= static_cast<Uint128>(std::to_integer<unsigned>(first[16])) << (128 - shift);
    return bit_size < 128 ? value & ((static_cast<Uint128>(1) << bit_size) - 1) : value;
}

Uint128 sign_extend(Uint128 value, std::uint32_t bits) {
    if (bits >= 128) return value;
    const Uint128 sign = static_cast<Uint128>(1) << (bits - 1);
    return (value ^ sign) - sign;
}

Uint128 to_host_order(Uint128 value, std::uint32_t bytes) {
    Uint128 out = 0;
    for (std::uint32_t i = 0; i < bytes; ++i, value >>= 8) out = out << 8 | (value & 0xff);
    return out;
}

template <class T>
void append_number(std::string& out, T value, int base = 10) {
    std::array<char, 72>
        text;  // NOLINT(cppcoreguidelines-pro-type-member-init): 64 binary digits fit
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, base).ptr;
    out.append(text.data(), end);
}

}  // namespace

Uint128 load_integer(const Place& place, const std::byte* bytes) {
    const Type& type = *place.type;
    const std::uint32_t bits = place.bit_size != 0 ? place.bit_size : type.size_bytes * 8;
    Uint128 value = place.bit_size != 0 ? load_bits(bytes, place.bit_offset, place.bit_size)
                                        : load_bytes(bytes + place.bit_offset / 8, type.size_bytes);
    if (type.form == Form::BigEndian && place.bit_size == 0) {
        value = to_host_order(value, type.size_bytes);
    }
    return type.is_signed ? sign_extend(value, bits) : value;
}

bool is_known_float(const Type& type) {
    return type.size_bytes == sizeof(float) || type.size_bytes == sizeof(double);
}

double load_float(const Type& type, const std::byte* bytes) {
    if (type.size_bytes == sizeof(float)) {
        float value = 0;
        std::memcpy(&value, bytes, sizeof(value));  // SAFETY: the type is as large
        return value;
    }
    double value = 0;
    std::memcpy(&value, bytes, sizeof(value));  // SAFETY: is_known_float() leaves 8 bytes only
    return value;
}

void append_decimal(std::string& out, Uint128 value, bool is_signed) {
    if (is_signed && static_cast<Int128>(value) < 0) {
        out.push_back('-');
        value = -value;
    }
    constexpr std::uint64_t kLimb = 1'000'000'000'000'000'000;  // 18 digits
    if (value < kLimb) return append_number(out, static_cast<std::uint64_t>(value));
    append_decimal(out, value / kLimb, false);
    std::string low;
    append_number(low, static_cast<std::uint64_t>(value % kLimb));
    out.append(18 - low.size(), '0').append(low);
}

void append_hex(std::string& out, std::uint64_t value) {
    out.append("0x");
    append_number(out, value, 16);
}

void append_float(std::string& out, double value, bool is_single) {
    std::array<char, 32> text;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    char* const end = text.data() + text.size();
    const auto done = is_single ? std::to_chars(text.data(), end, static_cast<float>(value))
                                : std::to_chars(text.data(), end, value);
    out.append(text.data(), done.ptr);
}

void append_ipv4(std::string& out, const std::byte* bytes) {
    for (int i = 0; i < 4; ++i) {
        if (i > 0) out.push_back('.');
        append_number(out, std::to_integer<unsigned>(bytes[i]));
    }
}

void append_ipv6(std::string& out, const std::byte* bytes) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    out.append(::inet_ntop(AF_INET6, bytes, text.data(), text.size()));
}

void append_address(std::string& out, const std::byte* bytes) {
    constexpr std::array<unsigned char, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::memcmp(bytes, kMapped.data(), kMapped.size()) == 0)
        return append_ipv4(out, bytes + kMapped.size());
    append_ipv6(out, bytes);
}

void append_mac(std::string& out, const std::byte* bytes) {
    for (int i = 0; i < 6; ++i) {
        if (i > 0) out.push_back(':');
        append_bytes(out, bytes + i, 1);
    }
}

void append_bytes(std::string& out, const std::byte* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto value = std::to_integer<unsigned>(bytes[i]);
        out.push_back(kHexDigits[value >> 4]);
        out.push_back(kHexDigits[value & 15]);
    }
}

std::string with_separators(const std::string& number) {
    const std::size_t first = number.starts_with('-') ? 1 : 0;
    const std::size_t digits =
        std::min(number.find_first_not_of("0123456789", first), number.size());
    std::string out = number.substr(0, first);
    for (std::size_t i = first; i < digits; ++i) {
        if (i > first && (digits - i) % 3 == 0) out.push_back(',');
        out.push_back(number[i]);
    }
    return out + number.substr(digits);
}

}  // namespace weir::table
