// SPDX-License-Identifier: Apache-2.0
#include "bpf/type_form.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace weir::bpf {
namespace {

constexpr std::uint32_t kIpv4Bytes = 4;
constexpr std::uint32_t kIpv6Bytes = 16;
constexpr std::uint32_t kMacBytes = 6;

template <std::size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& words) {
    return std::ranges::find(words, word) != words.end();
}

bool is_byte_array(const Type& type) {
    return type.kind == Type::Kind::Array && type.form != Form::Text &&
           type.element->kind == Type::Kind::Integer && !type.element->is_signed &&
           type.element->size_bytes == 1;
}

/// One word of a member's name, without the digits at its end: "ip6", "src", "saddr".
bool is_address_word(std::string_view word) {
    constexpr std::array<std::string_view, 12> kWords = {"ip",    "ipv",   "addr",  "address",
                                                         "saddr", "daddr", "src",   "dst",
                                                         "sip",   "dip",   "srcip", "dstip"};
    while (!word.empty() && std::isdigit(static_cast<unsigned char>(word.back())) != 0) {
        word.remove_suffix(1);
    }
    return is_one_of(word, kWords);
}

}  // namespace

Form form_of_typedef(const Type& type) {
    constexpr std::array<std::string_view, 5> kBigEndian = {"__be16", "__be64", "__sum16", "__wsum",
                                                            "in_port_t"};
    constexpr std::array<std::string_view, 2> kIpv4 = {"__be32", "in_addr_t"};
    if (type.kind != Type::Kind::Integer) return type.form;
    if (is_one_of(type.name, kBigEndian)) return Form::BigEndian;
    if (type.size_bytes == kIpv4Bytes && is_one_of(type.name, kIpv4)) return Form::Ipv4;
    return type.form;
}

Form form_of_struct(const Type& type) {
    if (type.name == "in_addr" && type.size_bytes == kIpv4Bytes) return Form::Ipv4;
    if (type.name == "in6_addr" && type.size_bytes == kIpv6Bytes) return Form::Ipv6;
    if (type.name == "weir_address" && type.size_bytes == kIpv6Bytes) return Form::Address;
    if (type.name == "ether_addr" && type.size_bytes == kMacBytes) return Form::Mac;
    return Form::Plain;
}

Form form_of_array(const Type& type) {
    return is_byte_array(type) && type.count == kMacBytes ? Form::Mac : Form::Plain;
}

TypePtr with_form_of_name(TypePtr type, std::string_view member) {
    if (type->kind != Type::Kind::Array || type->form != Form::Plain || !is_address_name(member)) {
        return type;
    }
    const bool is_words = type->element->form == Form::Ipv4 && type->count == 4;
    Form form = Form::Plain;
    if (is_byte_array(*type) && type->count == kIpv4Bytes) form = Form::Ipv4;
    if ((is_byte_array(*type) && type->count == kIpv6Bytes) || is_words) form = Form::Ipv6;
    if (form == Form::Plain) return type;
    Type copy = *type;
    copy.form = form;
    return std::make_shared<Type>(std::move(copy));
}

bool is_address_name(std::string_view name) {
    std::string word;
    for (const char c : name) {
        if (c != '_') {
            word.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
            continue;
        }
        if (is_address_word(word)) return true;
        word.clear();
    }
    return is_address_word(word);
}

}  // namespace weir::bpf
