// SPDX-License-Identifier: Apache-2.0
#pragma once
// A C type as the probe's BTF describes it, resolved once into a tree: what decoding, columns and
// numpy dtypes are made from. Typedefs, const and volatile are walked through; what they say of the
// meaning (__be16, struct in6_addr, char) is kept in `form`.
//
// Ownership: shared, immutable. Thread-safe.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir {

struct Type;
using TypePtr = std::shared_ptr<const Type>;

/// How people write a value of the type.
enum class Form {
    Plain,      // as the kind says
    BigEndian,  // __be16, __be64, __sum16...: a number, stored in network order
    Ipv4,       // __be32, struct in_addr: "10.0.0.1"
    Address,    // struct weir_address: as Ipv6, or as Ipv4 where it holds an IPv4-mapped one
    Ipv6,       // struct in6_addr, an array of 16 bytes named as an address: "2001:db8::1"
    Mac,        // an array of 6 unsigned bytes: "02:00:00:00:00:01"
    Text,       // an array of char: "eth0", up to the first NUL
};

struct Member {
    std::string name = {};  // empty: anonymous struct or union, its members count as the parent's
    std::uint32_t bit_offset = 0;  // from the start of the parent
    std::uint32_t bit_size = 0;    // 0: not a bitfield
    TypePtr type = {};
    std::vector<std::string> tags = {};  // BTF declaration tags on the member, in order
};

struct Enumerator {
    std::string name = {};
    std::int64_t value = 0;
};

struct Type {
    enum class Kind { Integer, Bool, Enum, Float, Pointer, Struct, Union, Array, Opaque };

    Kind kind = Kind::Opaque;
    Form form = Form::Plain;
    std::string name = {};  // outermost name: the typedef's if there is one, else the tag's
    std::uint32_t size_bytes = 0;
    bool is_signed = false;            // Integer, Enum
    std::vector<Member> members = {};  // Struct, Union; in order of offset
    std::vector<Enumerator> enumerators = {};
    TypePtr element = {};     // Array
    std::uint32_t count = 0;  // Array
};

/// One place in a row: a value of `type` that starts at a bit; bit_size 0: the type's own size.
struct Place {
    const Type* type = nullptr;
    std::uint32_t bit_offset = 0;
    std::uint32_t bit_size = 0;
};

}  // namespace weir
