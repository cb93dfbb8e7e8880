// SPDX-License-Identifier: Apache-2.0
#pragma once
// Numbers and addresses out of bytes, and into text. Pure functions; the bytes need no alignment.
#include <cstddef>
#include <cstdint>
#include <string>

#include "bpf/type.h"

namespace weir::table {

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

using weir::Place;

/// An Integer, Bool, Enum or Pointer, of up to 128 bits. Signed ones are sign-extended; BigEndian
/// ones are in host order.
[[nodiscard]] Uint128 load_integer(const Place& place, const std::byte* bytes);

/// A Float of 4 or 8 bytes.
[[nodiscard]] double load_float(const bpf::Type& type, const std::byte* bytes);

/// Whether load_float() can.
[[nodiscard]] bool is_known_float(const bpf::Type& type);

void append_decimal(std::string& out, Uint128 value, bool is_signed);
void append_hex(std::string& out, std::uint64_t value);  // "0x1f"
/// Shortest text that reads back as the same number; `is_single`: as the same float.
void append_float(std::string& out, double value, bool is_single);

void append_ipv4(std::string& out, const std::byte* bytes);
void append_ipv6(std::string& out, const std::byte* bytes);
/// 16 bytes: "10.0.0.1" for ::ffff:10.0.0.1, else as append_ipv6().
void append_address(std::string& out, const std::byte* bytes);
void append_mac(std::string& out, const std::byte* bytes);
void append_bytes(std::string& out, const std::byte* bytes, std::size_t count);  // "00ff12"

/// "1234567" becomes "1,234,567"; sign and fraction are kept.
[[nodiscard]] std::string with_separators(const std::string& number);

}  // namespace weir::table
