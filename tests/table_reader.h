// SPDX-License-Identifier: Apache-2.0
#pragma once
// Readers for tests: made by a forced way, read and cleared with a failure where that fails, and
// their tables in a form that compares. Pure functions but for the environment variable. One
// thread.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <span>
#include <string>

#include "table/table.h"

namespace weir::test {

using table::Reader;
using table::Table;

inline const MapPolicy kWindowed{
    .map_class = MapClass::Windowed, .clear_after_window = true, .reason = "test"};
inline const MapPolicy kPersistent{.map_class = MapClass::Persistent, .reason = "test"};

/// Sets WEIR_DISABLE while it lives.
class Disable {
public:
    explicit Disable(const char* features) { ::setenv("WEIR_DISABLE", features, 1); }
    ~Disable() { ::unsetenv("WEIR_DISABLE"); }
};

inline Reader make_reader(const bpf::Map& map, const MapPolicy& policy = kWindowed,
                          const char* disable = "", std::span<const std::byte> image = {}) {
    const Disable disabled(disable);
    auto reader = Reader::create(map, policy, image);
    EXPECT_TRUE(reader) << reader.error().message;
    return std::move(*reader);
}

inline Table read(Reader& reader) {
    auto table = reader.read();
    EXPECT_TRUE(table) << table.error().message;
    return *table;
}

inline void clear(Reader& reader) {
    const auto cleared = reader.clear();
    EXPECT_TRUE(cleared) << cleared.error().message;
}

using Content = std::multimap<std::string, std::string>;

/// Keys and values as bytes, in an order that does not depend on the way.
inline Content content_of(const Table& table) {
    Content out;
    const std::size_t value_bytes = table.cpus == 0
                                        ? table.shape->value_bytes
                                        : bpf::value_stride(table.shape->value_bytes) * table.cpus;
    for (std::size_t i = 0; i < table.rows; ++i) {
        // SAFETY: chars may view any bytes.
        const auto* key = reinterpret_cast<const char*>(table.key(i));
        const auto* value = reinterpret_cast<const char*>(table.value(i));
        out.emplace(key == nullptr ? "" : std::string(key, table.shape->key_bytes),
                    std::string(value, value_bytes));
    }
    return out;
}

}  // namespace weir::test
