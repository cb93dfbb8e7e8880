// SPDX-License-Identifier: Apache-2.0
#pragma once
// A table through the author's own structs: compared with the probe's BTF once, then read in place.
//
//     struct Source { std::uint64_t packets, bytes; };
//     WEIR_ROW(Source, packets, bytes);
//     auto sources = view.values<Source>();              // Result: names what does not fit
//     for (const Source& source : *sources) use(source.packets);
//     auto bytes = view.column<std::uint64_t>("value.bytes");
//
// Ownership: borrows the table. Thread rule: as the table's.
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "weir/result.h"
#include "weir/table.h"

namespace weir {

struct RowMember {
    std::string_view name;
    std::size_t offset;
    std::size_t bytes;
};

/// What WEIR_ROW says of a struct.
template <class Row>
struct RowMembers {
    static constexpr bool kIsDescribed = false;
};

#define WEIR_ROW_MEMBER(Row, member) \
    ::weir::RowMember { #member, offsetof(Row, member), sizeof(Row::member) }
// For each of up to 24 members; what is left waits in WEIR_ROW_MORE, which the preprocessor does
// not expand within itself: each round of WEIR_ROW_SCAN gives it another go.
#define WEIR_ROW_EACH(Row, m, ...) \
    WEIR_ROW_MEMBER(Row, m) __VA_OPT__(, WEIR_ROW_MORE WEIR_ROW_EMPTY()()(Row, __VA_ARGS__))
#define WEIR_ROW_MORE() WEIR_ROW_EACH
#define WEIR_ROW_EMPTY()
#define WEIR_ROW_SCAN(...) \
    WEIR_ROW_SCAN_5(WEIR_ROW_SCAN_5(WEIR_ROW_SCAN_5(WEIR_ROW_SCAN_5(WEIR_ROW_SCAN_5(__VA_ARGS__)))))
#define WEIR_ROW_SCAN_5(...) \
    WEIR_ROW_SCAN_1(WEIR_ROW_SCAN_1(WEIR_ROW_SCAN_1(WEIR_ROW_SCAN_1(WEIR_ROW_SCAN_1(__VA_ARGS__)))))
#define WEIR_ROW_SCAN_1(...) __VA_ARGS__

/// Describes a struct of up to 24 members, at namespace scope: WEIR_ROW(Source, packets, bytes);
/// Members that are not named are not looked at.
#define WEIR_ROW(Row, ...)                                                                   \
    template <>                                                                              \
    struct weir::RowMembers<Row> {                                                           \
        static constexpr bool kIsDescribed = true;                                           \
        static constexpr std::array kAll = {WEIR_ROW_SCAN(WEIR_ROW_EACH(Row, __VA_ARGS__))}; \
    }

/// Values of one type that lie in a table's rows. Random access; a reference is the memory itself.
template <class T>
class Values {
public:
    Values(const std::byte* first, std::size_t count, std::size_t step,
           std::span<const std::uint32_t> indices)
        : first_(first), count_(count), step_(step), indices_(indices) {}

    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] bool empty() const { return count_ == 0; }
    [[nodiscard]] const T& operator[](std::size_t i) const {
        const std::size_t at = indices_.empty() ? i : indices_[i];
        // SAFETY: type, size and place were compared with the probe's BTF.
        return *reinterpret_cast<const T*>(first_ + at * step_);
    }
    /// All of them as one span; empty where they do not stand side by side.
    [[nodiscard]] std::span<const T> span() const {
        if (count_ == 0 || step_ != sizeof(T) || !indices_.empty()) return {};
        return {&(*this)[0], count_};
    }

    class Iterator {
    public:
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        Iterator(const Values* values, std::size_t i) : values_(values), i_(i) {}
        const T& operator*() const { return (*values_)[i_]; }
        const T* operator->() const { return &(*values_)[i_]; }
        Iterator& operator++() {
            ++i_;
            return *this;
        }
        Iterator operator++(int) { return {values_, i_++}; }
        bool operator==(const Iterator& other) const { return i_ == other.i_; }

    private:
        const Values* values_ = nullptr;
        std::size_t i_ = 0;
    };
    [[nodiscard]] Iterator begin() const { return {this, 0}; }
    [[nodiscard]] Iterator end() const { return {this, count_}; }

private:
    const std::byte* first_;
    std::size_t count_;
    std::size_t step_;
    std::span<const std::uint32_t> indices_;
};

/// Empty where Row fits the type; else what does not.
template <class Row>
[[nodiscard]] std::string misfit(const Type& type) {
    const auto text = [](std::size_t n) { return std::to_string(n); };
    if (sizeof(Row) != type.size_bytes)
        return "the struct has " + text(sizeof(Row)) + " bytes, the probe's " + type.name + " " +
               text(type.size_bytes);
    if constexpr (std::is_arithmetic_v<Row>) {
        const bool is_float = type.kind == Type::Kind::Float;
        const bool is_scalar = type.members.empty() && type.kind != Type::Kind::Array;
        if (is_scalar && is_float == std::floating_point<Row>) return {};
        return type.name + " is not such a number";
    } else {
        static_assert(RowMembers<Row>::kIsDescribed, "describe the struct: WEIR_ROW(Row, members)");
        for (const RowMember& mine : RowMembers<Row>::kAll) {
            const Member* theirs = nullptr;
            for (const Member& m : type.members)
                if (m.name == mine.name) theirs = &m;
            if (theirs == nullptr || theirs->bit_size != 0)
                return "the probe's " + type.name + " has no member " + std::string(mine.name);
            if (theirs->bit_offset != mine.offset * 8 || theirs->type->size_bytes != mine.bytes)
                return std::string(mine.name) + " lies at " + text(mine.offset) + " with " +
                       text(mine.bytes) + " bytes, the probe's at " + text(theirs->bit_offset / 8) +
                       " with " + text(theirs->type->size_bytes);
        }
        return {};
    }
}

class TableView {
public:
    explicit TableView(const Table& table) : table_(&table) {}
    [[nodiscard]] const Table& table() const { return *table_; }
    [[nodiscard]] const std::string& name() const { return table_->shape->name; }
    [[nodiscard]] std::size_t rows() const { return table_->rows; }

    /// The values of all rows; per-CPU kinds: the first CPU's (table().cpus, weir/table.h).
    /// Errors: Invalid, naming what does not fit. Cost: the comparison, once a call.
    template <class Row>
    [[nodiscard]] Result<Values<Row>> values() const {
        if (auto wrong = misfit<Row>(*table_->shape->value); !wrong.empty()) return refuse(wrong);
        return Values<Row>(table_->values, table_->rows, table_->value_step, table_->indices);
    }
    /// The same by the name that suits arrays and flow tensors.
    template <class Row>
    [[nodiscard]] Result<Values<Row>> rows() const {
        return values<Row>();
    }
    /// The keys, key i beside value i. Errors: Invalid; also where the kind has no keys in memory
    /// (QUEUE, STACK; ARRAY: table().indices).
    template <class Key>
    [[nodiscard]] Result<Values<Key>> keys() const {
        if (table_->keys == nullptr || !table_->indices.empty()) return refuse("it has no keys");
        if (auto wrong = misfit<Key>(*table_->shape->key); !wrong.empty()) return refuse(wrong);
        const std::size_t step =
            table_->key_step == 0 ? table_->shape->key_bytes : table_->key_step;
        return Values<Key>(table_->keys, table_->rows, step, {});
    }
    /// One member of all rows: "key.source", "value.packets", "value" (a bare number).
    /// Errors: Invalid (no such member; T has another size; a bitfield).
    template <class T>
        requires std::is_arithmetic_v<T>
    [[nodiscard]] Result<Values<T>> column(std::string_view path) const {
        const bool is_key = path.starts_with("key");
        const Type* type = is_key ? table_->shape->key.get() : table_->shape->value.get();
        std::size_t offset = 0;
        std::string_view rest = path.substr(std::min<std::size_t>(path.size(), is_key ? 3 : 5));
        if (!is_key && !path.starts_with("value")) return refuse("a column is key... or value...");
        while (rest.starts_with('.')) {
            const std::string_view name = rest.substr(1, rest.find('.', 1) - 1);
            const Member* found = nullptr;
            for (const Member& m : type->members)
                if (m.name == name && m.bit_size == 0) found = &m;
            if (found == nullptr) return refuse("it has no column " + std::string(path));
            offset += found->bit_offset / 8;
            type = found->type.get();
            rest.remove_prefix(name.size() + 1);
        }
        if (auto wrong = misfit<T>(*type); !wrong.empty() || !rest.empty())
            return refuse(std::string(path) + ": " + wrong);
        if (!is_key)
            return Values<T>(table_->values + offset, table_->rows, table_->value_step,
                             table_->indices);
        if (table_->keys == nullptr || !table_->indices.empty()) return refuse("it has no keys");
        const std::size_t step =
            table_->key_step == 0 ? table_->shape->key_bytes : table_->key_step;
        return Values<T>(table_->keys + offset, table_->rows, step, {});
    }

private:
    [[nodiscard]] std::unexpected<Error> refuse(const std::string& why) const {
        return fail(Errc::Invalid, "table " + name() + ": " + why);
    }
    const Table* table_;
};

}  // namespace weir
