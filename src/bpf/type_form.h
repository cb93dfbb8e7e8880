// SPDX-License-Identifier: Apache-2.0
#pragma once
// What names say of a value's meaning: __be16, struct in6_addr, a member `saddr` of 16 bytes.
// Pure functions, thread-safe.
#include <string_view>

#include "bpf/type.h"

namespace weir::bpf {

/// The form of `type`, whose name is that of a typedef; the form it had where the name says
/// nothing.
[[nodiscard]] Form form_of_typedef(const Type& type);

/// struct in_addr, in6_addr, ether_addr; else Plain.
[[nodiscard]] Form form_of_struct(const Type& type);

/// Six unsigned bytes are a MAC address; else Plain.
[[nodiscard]] Form form_of_array(const Type& type);

/// 4 or 16 unsigned bytes (or four __be32) that a member named as an address holds, are one.
[[nodiscard]] TypePtr with_form_of_name(TypePtr type, std::string_view member);

/// "saddr", "src_ip6", "dst", "ipv4_addr": yes; "zip", "description", "srcs_seen_total": no.
[[nodiscard]] bool is_address_name(std::string_view name);

}  // namespace weir::bpf
