// SPDX-License-Identifier: Apache-2.0
#include "bpf/type.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>

#include "bpf/type_form.h"
#include "fixtures/table/types.h"
#include "table_fixture.h"

namespace weir::bpf {
namespace {

using Kind = Type::Kind;

struct FreeBtf {
    void operator()(btf* b) const { btf__free(b); }
};
using OwnBtf = std::unique_ptr<btf, FreeBtf>;

/// Kept for the whole run, so that tests may hold on to parts of a type.
const TypePtr& struct_named(const std::string& name) {
    static std::map<std::string, TypePtr> known;
    TypePtr& type = known[name];
    if (type == nullptr) type = test::fixture_type(name, BTF_KIND_STRUCT);
    return type;
}

const Member& member(const TypePtr& type, const std::string& name) {
    static const Member kNone{.type = opaque_type(0)};
    const auto found = std::ranges::find(type->members, name, &Member::name);
    EXPECT_NE(found, type->members.end()) << type->name << " has no member " << name;
    return found != type->members.end() ? *found : kNone;
}

std::uint32_t id_of(int id) { return static_cast<std::uint32_t>(id); }

TEST(Type, AgreesWithTheCompilerOnSizes) {
    EXPECT_EQ(struct_named("scalars")->size_bytes, sizeof(scalars));
    EXPECT_EQ(struct_named("huge")->size_bytes, sizeof(huge));
    EXPECT_EQ(struct_named("enums")->size_bytes, sizeof(enums));
    EXPECT_EQ(struct_named("network")->size_bytes, sizeof(network));
    EXPECT_EQ(struct_named("texts")->size_bytes, sizeof(texts));
    EXPECT_EQ(struct_named("nested")->size_bytes, sizeof(nested));
    EXPECT_EQ(struct_named("flags")->size_bytes, sizeof(flags));
    EXPECT_EQ(struct_named("packed")->size_bytes, sizeof(packed));
    EXPECT_EQ(struct_named("node")->size_bytes, sizeof(node));
    EXPECT_EQ(struct_named("odd")->size_bytes, sizeof(odd));
}

TEST(Type, AgreesWithTheCompilerOnOffsets) {
    const auto s = struct_named("scalars");
    EXPECT_EQ(member(s, "s64").bit_offset, offsetof(scalars, s64) * 8);
    EXPECT_EQ(member(s, "letter").bit_offset, offsetof(scalars, letter) * 8);
    EXPECT_EQ(member(s, "pointer").bit_offset, offsetof(scalars, pointer) * 8);
    EXPECT_EQ(member(struct_named("packed"), "tail").bit_offset, offsetof(packed, tail) * 8);
}

TEST(Type, KnowsIntegersOfEverySizeAndSign) {
    struct Case {
        const char* name;
        std::uint32_t size_bytes;
        bool is_signed;
    };
    const Case cases[] = {{"s8", 1, true},   {"u8", 1, false},  {"s16", 2, true},
                          {"u16", 2, false}, {"s32", 4, true},  {"u32", 4, false},
                          {"s64", 8, true},  {"u64", 8, false}, {"letter", 1, true}};
    for (const Case& one : cases) {
        const Type& type = *member(struct_named("scalars"), one.name).type;
        EXPECT_EQ(type.kind, Kind::Integer) << one.name;
        EXPECT_EQ(type.size_bytes, one.size_bytes) << one.name;
        EXPECT_EQ(type.is_signed, one.is_signed) << one.name;
    }
    EXPECT_EQ(member(struct_named("huge"), "u128").type->size_bytes, 16U);
    EXPECT_TRUE(member(struct_named("huge"), "s128").type->is_signed);
}

TEST(Type, KnowsBoolFloatAndPointer) {
    const auto s = struct_named("scalars");
    EXPECT_EQ(member(s, "yes").type->kind, Kind::Bool);
    EXPECT_EQ(member(s, "single").type->kind, Kind::Float);
    EXPECT_EQ(member(s, "single").type->size_bytes, 4U);
    EXPECT_EQ(member(s, "number").type->size_bytes, 8U);
    EXPECT_EQ(member(s, "pointer").type->kind, Kind::Pointer);
    EXPECT_EQ(member(s, "pointer").type->size_bytes, 8U);
}

TEST(Type, KeepsTheNamesAndValuesOfEnums) {
    const auto e = struct_named("enums");
    const Type& level = *member(e, "level").type;
    EXPECT_EQ(level.kind, Kind::Enum);
    EXPECT_TRUE(level.is_signed);
    ASSERT_EQ(level.enumerators.size(), 2U);
    EXPECT_EQ(level.enumerators[0].name, "LEVEL_LOW");
    EXPECT_EQ(level.enumerators[0].value, -5);

    const Type& tiny = *member(e, "tiny").type;
    EXPECT_EQ(tiny.size_bytes, 1U);
    EXPECT_EQ(tiny.enumerators[1].value, 255);

    const Type& wide = *member(e, "wide").type;
    EXPECT_EQ(wide.size_bytes, 8U);
    EXPECT_FALSE(wide.is_signed);
    EXPECT_EQ(static_cast<std::uint64_t>(wide.enumerators[1].value), 0x8000000000000001ULL);
}

TEST(Type, ReadsNetworkTypesFromNames) {
    const auto n = struct_named("network");
    EXPECT_EQ(member(n, "port").type->form, Form::BigEndian);
    EXPECT_EQ(member(n, "saddr").type->form, Form::Ipv4);
    EXPECT_EQ(member(n, "old_style").type->form, Form::Ipv4);
    EXPECT_EQ(member(n, "posix").type->form, Form::Ipv4);
    EXPECT_EQ(member(n, "peer").type->form, Form::Ipv6);
    EXPECT_EQ(member(n, "mac").type->form, Form::Mac);
    EXPECT_EQ(member(n, "src_ip").type->form, Form::Ipv4);
    EXPECT_EQ(member(n, "dst_addr6").type->form, Form::Ipv6);
    EXPECT_EQ(member(n, "daddr6").type->form, Form::Ipv6);
    EXPECT_EQ(member(n, "blob").type->form, Form::Plain);
    EXPECT_EQ(member(n, "zip").type->form, Form::Plain);
    EXPECT_EQ(member(n, "cookie").type->form, Form::BigEndian);
    EXPECT_EQ(member(n, "saddr").type->name, "__be32");
}

TEST(Type, FindsAddressesByWholeWordsOnly) {
    for (const char* yes :
         {"ip", "saddr", "src_ip6", "DST", "ipv4_addr", "client_address", "src1"}) {
        EXPECT_TRUE(is_address_name(yes)) << yes;
    }
    for (const char* no : {"zip", "description", "clip_id", "srcs", "padding", "", "_", "skip"}) {
        EXPECT_FALSE(is_address_name(no)) << no;
    }
}

TEST(Type, TellsTextFromSmallNumbers) {
    const auto t = struct_named("texts");
    EXPECT_EQ(member(t, "name").type->form, Form::Text);
    EXPECT_EQ(member(t, "lines").type->form, Form::Plain);
    EXPECT_EQ(member(t, "lines").type->element->form, Form::Text);
    EXPECT_EQ(member(t, "bytes").type->form, Form::Plain);
    EXPECT_EQ(member(t, "deltas").type->form, Form::Plain);
    EXPECT_EQ(member(struct_named("scalars"), "letter").type->form, Form::Plain);
}

TEST(Type, KeepsAnonymousMembersNestingAndDimensions) {
    const auto n = struct_named("nested");
    ASSERT_EQ(n->members.size(), 6U);
    const Member& anonymous = n->members[1];
    EXPECT_EQ(anonymous.name, "");
    EXPECT_EQ(anonymous.type->kind, Kind::Struct);
    EXPECT_EQ(anonymous.type->members[1].type->kind, Kind::Union);
    EXPECT_EQ(member(n, "either").type->kind, Kind::Union);
    const Type& grid = *member(n, "grid").type;
    EXPECT_EQ(grid.count, 2U);
    EXPECT_EQ(grid.element->count, 3U);
    EXPECT_EQ(grid.size_bytes, sizeof(nested::grid));
    EXPECT_EQ(member(n, "total").type->name, "counters_t");
    EXPECT_EQ(member(n, "total").type->kind, Kind::Struct);
}

TEST(Type, CollectsTagsOfMembersInOrder) {
    const Type& counters = *member(struct_named("nested"), "total").type;
    const std::vector<std::string> expected = {"feature:count", "unit:packets"};
    EXPECT_EQ(counters.members[0].tags, expected);
    EXPECT_TRUE(counters.members[1].tags.empty());
}

TEST(Type, KnowsBitfields) {
    const auto f = struct_named("flags");
    EXPECT_EQ(member(f, "low").bit_size, 3U);
    EXPECT_EQ(member(f, "minus").bit_offset, 3U);
    EXPECT_EQ(member(f, "minus").bit_size, 5U);
    EXPECT_EQ(member(f, "across").bit_offset, 32U);
    EXPECT_EQ(member(f, "wide").bit_size, 61U);
    EXPECT_EQ(member(struct_named("packed"), "bits").bit_size, 9U);
    EXPECT_EQ(member(struct_named("packed"), "head").bit_size, 0U);
}

TEST(Type, KnowsTheOlderEncodingOfBitfields) {
    const OwnBtf b(btf__new_empty());
    const int narrow = btf__add_int(b.get(), "unsigned int", 4, 0);
    const int parent = btf__add_struct(b.get(), "old", 4);
    ASSERT_EQ(btf__add_field(b.get(), "flag", narrow, 8, 0), 0);
    // An integer of 3 bits that starts 2 bits into its word: what compilers without the kind flag
    // wrote. SAFETY: the BTF is ours; one __u32 of encoding follows the type of an integer.
    auto* word = reinterpret_cast<std::uint32_t*>(
        const_cast<btf_type*>(btf__type_by_id(b.get(), id_of(narrow))) + 1);
    *word = 2U << 16 | 3U;

    const auto type = make_type(b.get(), id_of(parent));
    EXPECT_EQ(member(type, "flag").bit_offset, 10U);
    EXPECT_EQ(member(type, "flag").bit_size, 3U);
}

TEST(Type, EndsAtPointersAndOpaqueTypes) {
    EXPECT_EQ(member(struct_named("node"), "next").type->kind, Kind::Pointer);
    const auto odd = struct_named("odd");
    EXPECT_EQ(member(odd, "elsewhere").type->kind, Kind::Pointer);
    EXPECT_EQ(member(odd, "callback").type->kind, Kind::Pointer);
    EXPECT_EQ(member(odd, "tail").type->kind, Kind::Array);
    EXPECT_EQ(member(odd, "tail").type->count, 0U);
    EXPECT_EQ(member(odd, "tail").bit_offset, offsetof(struct odd, tail) * 8);
}

TEST(Type, TurnsASectionIntoAStructOfItsVariables) {
    const auto section = test::fixture_type(".data.fixture", BTF_KIND_DATASEC);
    EXPECT_EQ(section->kind, Kind::Struct);
    ASSERT_EQ(section->members.size(), 4U);
    for (std::size_t i = 1; i < section->members.size(); ++i) {
        EXPECT_GT(section->members[i].bit_offset, section->members[i - 1].bit_offset);
    }
    EXPECT_EQ(member(section, "hidden_global").type->size_bytes, 2U);
    EXPECT_EQ(member(section, "last_saddr").type->form, Form::Ipv4);
    EXPECT_EQ(member(section, "tagged_global").tags, std::vector<std::string>{"weir:export"});
}

TEST(Type, IsOpaqueWhereBtfSaysNothing) {
    const OwnBtf b(btf__new_empty());
    const int forward = btf__add_fwd(b.get(), "elsewhere", BTF_FWD_STRUCT);
    EXPECT_EQ(make_type(b.get(), id_of(forward))->kind, Kind::Opaque);
    EXPECT_EQ(make_type(b.get(), 0)->kind, Kind::Opaque);
    EXPECT_EQ(make_type(b.get(), 4711)->kind, Kind::Opaque);
    EXPECT_EQ(make_type(nullptr, 1)->kind, Kind::Opaque);
    EXPECT_EQ(opaque_type(12)->size_bytes, 12U);
}

TEST(Type, SurvivesATypeThatContainsItself) {
    const OwnBtf b(btf__new_empty());
    const int outer = btf__add_struct(b.get(), "outer", 16);
    ASSERT_EQ(btf__add_field(b.get(), "inner", outer, 0, 0), 0);
    const auto type = make_type(b.get(), id_of(outer));
    EXPECT_EQ(member(type, "inner").type->kind, Kind::Opaque);

    const int loop = btf__add_typedef(b.get(), "loop", outer + 1);  // its own id
    EXPECT_EQ(make_type(b.get(), id_of(loop))->kind, Kind::Opaque);
}

TEST(Type, KeepsMembersInsideTheirParent) {
    const OwnBtf b(btf__new_empty());
    const int word = btf__add_int(b.get(), "unsigned long", 8, 0);
    const int parent = btf__add_struct(b.get(), "broken", 8);
    ASSERT_EQ(btf__add_field(b.get(), "beyond", word, 32, 0), 0);
    ASSERT_EQ(btf__add_field(b.get(), "bits", word, 60, 8), 0);
    const auto type = make_type(b.get(), id_of(parent));
    EXPECT_EQ(member(type, "beyond").type->size_bytes, 0U);
    EXPECT_EQ(member(type, "bits").type->size_bytes, 0U);
    EXPECT_EQ(member(type, "bits").bit_size, 0U);
}

TEST(Type, KeepsArraysOfNothingShort) {
    const OwnBtf b(btf__new_empty());
    const int index = btf__add_int(b.get(), "unsigned int", 4, 0);
    const int empty = btf__add_struct(b.get(), "empty", 0);
    const int array = btf__add_array(b.get(), index, empty, 4'000'000'000U);
    EXPECT_EQ(make_type(b.get(), id_of(array))->count, 0U);
}

}  // namespace
}  // namespace weir::bpf
