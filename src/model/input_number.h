// SPDX-License-Identifier: Apache-2.0
#pragma once
// Numbers out of a row's bytes: one type for each way that they may lie there. Pure functions; the
// bytes need no alignment.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "model/input_column.h"

namespace weir::model {

static_assert(std::endian::native == std::endian::little);

template <class T>
struct Native {
    using Value = T;
    static T load(const std::byte* bytes) {
        T value;
        std::memcpy(&value, bytes, sizeof(T));  // SAFETY: the layout's places lie inside the row
        return value;
    }
};

template <class T>
struct Network {
    using Value = T;
    static T load(const std::byte* bytes) {
        if constexpr (sizeof(T) == 2) return __builtin_bswap16(Native<T>::load(bytes));
        if constexpr (sizeof(T) == 4) return __builtin_bswap32(Native<T>::load(bytes));
        if constexpr (sizeof(T) == 8) return __builtin_bswap64(Native<T>::load(bytes));
    }
};

/// Calls `use` with an object of the type that loads such a number.
template <class Use>
auto with_loader(Width width, const Use& use) {
    switch (width) {
        case Width::U8: return use(Native<std::uint8_t>());
        case Width::U16: return use(Native<std::uint16_t>());
        case Width::U32: return use(Native<std::uint32_t>());
        case Width::U64: return use(Native<std::uint64_t>());
        case Width::S8: return use(Native<std::int8_t>());
        case Width::S16: return use(Native<std::int16_t>());
        case Width::S32: return use(Native<std::int32_t>());
        case Width::S64: return use(Native<std::int64_t>());
        case Width::Be16: return use(Network<std::uint16_t>());
        case Width::Be32: return use(Network<std::uint32_t>());
        case Width::Be64: return use(Network<std::uint64_t>());
        case Width::F32: return use(Native<float>());
        case Width::F64: break;
    }
    return use(Native<double>());
}

/// The bits of an integer; floats, of which no encoding wants them, are 0.
template <class T>
std::uint64_t bits_of(T value) {
    if constexpr (std::is_floating_point_v<T>)
        return 0;
    else
        return static_cast<std::make_unsigned_t<T>>(value);
}

/// The same of a number anywhere.
inline std::uint64_t load_integer(const Number& number, const std::byte* packet) {
    return with_loader(number.width,
                       [&](auto loader) { return bits_of(loader.load(packet + number.offset)); });
}

/// Exact in the width of the value: a time in ns does not fit a double's 53 bits.
template <class T>
auto distance(T value, T origin) {
    if constexpr (std::is_integral_v<T>) {
        using Unsigned = std::make_unsigned_t<T>;
        return static_cast<Unsigned>(static_cast<Unsigned>(value) - static_cast<Unsigned>(origin));
    } else {
        return value - origin;
    }
}

}  // namespace weir::model
