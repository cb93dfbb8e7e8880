// SPDX-License-Identifier: Apache-2.0
#include "bpf/type.h"

#include <bpf/btf.h>

#include <algorithm>
#include <limits>
#include <map>
#include <unordered_map>
#include <utility>

#include "bpf/type_form.h"

namespace weir::bpf {
namespace {

constexpr int kMaxDepth = 64;  // far beyond any source; ends chains that only broken BTF can have
constexpr std::uint32_t kPointerBytes = 8;
constexpr std::uint32_t kMaxIntegerBytes = 16;

std::string name_of(const btf* btf, std::uint32_t offset) {
    const char* name = btf__name_by_offset(btf, offset);
    return name != nullptr ? name : "";
}

/// The type behind const, volatile, restrict, type tags and typedefs; null where the chain is
/// broken.
const btf_type* behind_names(const btf* btf, std::uint32_t id) {
    const btf_type* type = btf__type_by_id(btf, id);
    for (int i = 0; type != nullptr && i < kMaxDepth; ++i) {
        if (!btf_is_mod(type) && !btf_is_typedef(type)) return type;
        type = btf__type_by_id(btf, type->type);
    }
    return nullptr;
}

/// Plain `char`, signed or not: text. `unsigned char` and `signed char` are small numbers.
bool is_char(const btf* btf, std::uint32_t id) {
    const btf_type* type = behind_names(btf, id);
    return type != nullptr && btf_is_int(type) && type->size == 1 &&
           name_of(btf, type->name_off) == "char";
}

/// Keeps decoding inside the parent's bytes, whatever a broken object claims.
void fit(Member& member, std::uint32_t parent_bytes) {
    const bool is_bitfield = member.bit_size != 0;
    const std::uint64_t bits =
        is_bitfield ? member.bit_size : std::uint64_t{member.type->size_bytes} * 8;
    const bool is_number = member.type->kind == Type::Kind::Integer ||
                           member.type->kind == Type::Kind::Enum ||
                           member.type->kind == Type::Kind::Bool;
    const bool is_inside = member.bit_offset + bits <= std::uint64_t{parent_bytes} * 8;
    const bool is_sound = is_bitfield ? is_number && bits <= std::uint64_t{kMaxIntegerBytes} * 8
                                      : member.bit_offset % 8 == 0;
    if (is_inside && is_sound) return;
    member.bit_offset = 0;
    member.bit_size = 0;
    member.type = opaque_type(0);
}

/// Cuts a value to the bytes of its enum: BTF stores the ones of a packed enum in 32 bits.
std::int64_t cut(std::uint64_t value, std::uint32_t size_bytes, bool is_signed) {
    if (is_signed || size_bytes >= sizeof(value)) return static_cast<std::int64_t>(value);
    return static_cast<std::int64_t>(value & ((std::uint64_t{1} << (size_bytes * 8)) - 1));
}

class Resolver {
public:
    explicit Resolver(const btf* btf) : btf_(btf) { index_tags(); }

    TypePtr resolve(std::uint32_t id, int depth);

private:
    using TagPlace =
        std::pair<std::uint32_t, std::int32_t>;  // type id, member (-1: the type itself)

    void index_tags();
    [[nodiscard]] std::vector<std::string> tags_at(std::uint32_t id, std::int32_t member) const;
    TypePtr build(std::uint32_t id, int depth);
    TypePtr integer(const btf_type* type) const;
    TypePtr enumeration(const btf_type* type) const;
    TypePtr array(const btf_type* type, int depth);
    TypePtr composite(std::uint32_t id, const btf_type* type, int depth);
    TypePtr section(const btf_type* type, int depth);
    TypePtr named(const btf_type* type, int depth);
    Member member(const btf_type* parent, std::uint32_t index, int depth);

    const btf* btf_;
    std::unordered_map<std::uint32_t, TypePtr> known_;
    std::multimap<TagPlace, std::string> tags_;
};

void Resolver::index_tags() {
    const std::uint32_t count = btf__type_cnt(btf_);
    for (std::uint32_t id = 1; id < count; ++id) {
        const btf_type* type = btf__type_by_id(btf_, id);
        if (!btf_is_decl_tag(type)) continue;
        tags_.emplace(TagPlace{type->type, btf_decl_tag(type)->component_idx},
                      name_of(btf_, type->name_off));
    }
}

std::vector<std::string> Resolver::tags_at(std::uint32_t id, std::int32_t member) const {
    std::vector<std::string> out;
    const auto [first, last] = tags_.equal_range({id, member});
    for (auto i = first; i != last; ++i) out.push_back(i->second);
    return out;
}

TypePtr Resolver::resolve(std::uint32_t id, int depth) {
    if (const auto found = known_.find(id); found != known_.end()) return found->second;
    if (depth > kMaxDepth) return opaque_type(0);
    known_[id] = opaque_type(0);  // what a type that contains itself sees: only broken BTF has one
    TypePtr type = build(id, depth);
    known_[id] = type;
    return type;
}

TypePtr Resolver::build(std::uint32_t id, int depth) {
    const btf_type* type = btf__type_by_id(btf_, id);
    if (type == nullptr) return opaque_type(0);
    switch (btf_kind(type)) {
        case BTF_KIND_INT: return integer(type);
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64: return enumeration(type);
        case BTF_KIND_ARRAY: return array(type, depth);
        case BTF_KIND_STRUCT:
        case BTF_KIND_UNION: return composite(id, type, depth);
        case BTF_KIND_DATASEC: return section(type, depth);
        case BTF_KIND_TYPEDEF: return named(type, depth);
        case BTF_KIND_CONST:
        case BTF_KIND_VOLATILE:
        case BTF_KIND_RESTRICT:
        case BTF_KIND_TYPE_TAG:
        case BTF_KIND_VAR: return resolve(type->type, depth + 1);
        default: break;
    }
    Type leaf{.name = name_of(btf_, type->name_off)};
    if (btf_is_ptr(type)) {
        leaf.kind = Type::Kind::Pointer;
        leaf.size_bytes = kPointerBytes;
    } else if (btf_is_float(type)) {
        leaf.kind = Type::Kind::Float;
        leaf.size_bytes = type->size;
    }
    return std::make_shared<Type>(std::move(leaf));
}

TypePtr Resolver::integer(const btf_type* type) const {
    if (type->size == 0 || type->size > kMaxIntegerBytes) return opaque_type(type->size);
    const bool is_bool = (btf_int_encoding(type) & BTF_INT_BOOL) != 0;
    return std::make_shared<Type>(
        Type{.kind = is_bool ? Type::Kind::Bool : Type::Kind::Integer,
             .name = name_of(btf_, type->name_off),
             .size_bytes = type->size,
             .is_signed = (btf_int_encoding(type) & BTF_INT_SIGNED) != 0});
}

TypePtr Resolver::enumeration(const btf_type* type) const {
    Type out{.kind = Type::Kind::Enum,
             .name = name_of(btf_, type->name_off),
             .size_bytes = type->size,
             .is_signed = btf_kflag(type)};
    if (type->size == 0 || type->size > sizeof(std::int64_t)) return opaque_type(type->size);
    for (std::uint32_t i = 0; i < btf_vlen(type); ++i) {
        const bool is_wide = btf_is_enum64(type);
        const std::uint32_t name =
            is_wide ? btf_enum64(type)[i].name_off : btf_enum(type)[i].name_off;
        // Sign-extended; cut() takes the extension away again where the enum is unsigned.
        const auto value = is_wide
                               ? btf_enum64_value(&btf_enum64(type)[i])
                               : static_cast<std::uint64_t>(std::int64_t{btf_enum(type)[i].val});
        out.enumerators.push_back(
            {.name = name_of(btf_, name), .value = cut(value, type->size, out.is_signed)});
    }
    return std::make_shared<Type>(std::move(out));
}

TypePtr Resolver::array(const btf_type* type, int depth) {
    const struct btf_array* info = btf_array(type);
    Type out{.kind = Type::Kind::Array,
             .element = resolve(info->type, depth + 1),
             .count = info->nelems};
    const std::uint64_t bytes = std::uint64_t{out.element->size_bytes} * out.count;
    if (bytes > std::numeric_limits<std::uint32_t>::max()) return opaque_type(0);
    out.size_bytes = static_cast<std::uint32_t>(bytes);
    if (bytes == 0) out.count = 0;  // elements without a size: nothing to show, however many
    out.form = is_char(btf_, info->type) ? Form::Text : form_of_array(out);
    return std::make_shared<Type>(std::move(out));
}

Member Resolver::member(const btf_type* parent, std::uint32_t index, int depth) {
    const btf_member& raw = btf_members(parent)[index];
    Member out{.name = name_of(btf_, raw.name_off),
               .bit_offset = btf_member_bit_offset(parent, index),
               .bit_size = btf_member_bitfield_size(parent, index),
               .type = resolve(raw.type, depth + 1)};
    const btf_type* base = behind_names(btf_, raw.type);
    // The encoding of compilers that set no kind flag: the bitfield's width is that of a special
    // integer.
    if (!btf_kflag(parent) && base != nullptr && btf_is_int(base) &&
        btf_int_bits(base) != base->size * 8) {
        out.bit_offset += btf_int_offset(base);
        out.bit_size = btf_int_bits(base);
    }
    out.type = with_form_of_name(out.type, out.name);
    return out;
}

TypePtr Resolver::composite(std::uint32_t id, const btf_type* type, int depth) {
    Type out{.kind = btf_is_struct(type) ? Type::Kind::Struct : Type::Kind::Union,
             .name = name_of(btf_, type->name_off),
             .size_bytes = type->size};
    out.form = form_of_struct(out);
    for (std::uint32_t i = 0; i < btf_vlen(type); ++i) {
        out.members.push_back(member(type, i, depth));
        fit(out.members.back(), out.size_bytes);
        out.members.back().tags = tags_at(id, static_cast<std::int32_t>(i));
    }
    return std::make_shared<Type>(std::move(out));
}

/// A section of global variables: a struct whose members are the variables.
TypePtr Resolver::section(const btf_type* type, int depth) {
    Type out{.kind = Type::Kind::Struct,
             .name = name_of(btf_, type->name_off),
             .size_bytes = type->size};
    for (std::uint32_t i = 0; i < btf_vlen(type); ++i) {
        const btf_var_secinfo& place = btf_var_secinfos(type)[i];
        const btf_type* variable = btf__type_by_id(btf_, place.type);
        if (variable == nullptr) continue;
        Member one{.name = name_of(btf_, variable->name_off),
                   .bit_offset = place.offset * 8,
                   .type = resolve(place.type, depth + 1),
                   .tags = tags_at(place.type, -1)};
        one.type = with_form_of_name(one.type, one.name);
        fit(one, out.size_bytes);
        out.members.push_back(std::move(one));
    }
    std::ranges::sort(out.members, {}, &Member::bit_offset);
    return std::make_shared<Type>(std::move(out));
}

TypePtr Resolver::named(const btf_type* type, int depth) {
    Type out = *resolve(type->type, depth + 1);
    out.name = name_of(btf_, type->name_off);
    out.form = form_of_typedef(out);
    return std::make_shared<Type>(std::move(out));
}

}  // namespace

TypePtr make_type(const ::btf* btf, std::uint32_t id) {
    if (btf == nullptr || id == 0) return opaque_type(0);
    return Resolver(btf).resolve(id, 0);
}

TypePtr opaque_type(std::uint32_t size_bytes) {
    return std::make_shared<Type>(Type{.kind = Type::Kind::Opaque, .size_bytes = size_bytes});
}

}  // namespace weir::bpf
