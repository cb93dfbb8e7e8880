// SPDX-License-Identifier: Apache-2.0
#pragma once
// A Keras layer's options: members of a JSON object by type. The first that is wrong is remembered,
// and what was asked for is answered with its fallback from there on, so that layers read straight
// through; whoever made the Config asks error() at the end.
//
// Ownership: borrows the JSON, which outlives it. Thread rule: one thread.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.h"

namespace weir::model::keras {

using Json = nlohmann::json;

/// Errors: Invalid (no JSON, nested deeper than any model, longer than any model's).
[[nodiscard]] Result<Json> parse_json(std::string_view text);

/// The member `key` of an object; nullptr where there is none, it is null, or `json` is no object.
[[nodiscard]] const Json* member(const Json& json, std::string_view key);
/// The member's text; empty where there is none, or it is no text.
[[nodiscard]] std::string text_member(const Json& json, std::string_view key);
/// A value for a message: short.
[[nodiscard]] std::string excerpt(const Json& json);

/// A whole number that fits; 3.0 is one.
[[nodiscard]] std::optional<std::int64_t> whole_number(const Json& json);

class Config {
public:
    explicit Config(const Json& object) : object_(&object) {}

    /// The option as it is; nullptr where there is none, or it is null.
    [[nodiscard]] const Json* any(std::string_view key);
    [[nodiscard]] bool flag(std::string_view key, bool fallback);
    [[nodiscard]] double number(std::string_view key, double fallback);
    [[nodiscard]] std::optional<double> optional_number(std::string_view key);
    [[nodiscard]] std::string text(std::string_view key, std::string_view fallback);
    /// Between 1 and kMostUnits.
    [[nodiscard]] std::int64_t size(std::string_view key, std::optional<std::int64_t> fallback);
    /// `count` sizes, or one for all; the fallback (for all) where there is none.
    [[nodiscard]] std::vector<std::int64_t> sizes(std::string_view key, std::size_t count,
                                                  std::optional<std::int64_t> fallback);
    /// Numbers of a list, or the one number; empty where there is none.
    [[nodiscard]] std::vector<std::int64_t> integers(std::string_view key);

    /// Names an option whose value weir does not do.
    void refuse(std::string_view key);
    /// The first thing that was wrong. Errors: Invalid, Unsupported.
    [[nodiscard]] Result<> error() const;
    /// An option that nobody asked for, that is set, and that is not known to change nothing.
    /// Errors: Unsupported.
    [[nodiscard]] Result<> unknown_option() const;

private:
    void broken(std::string_view key, std::string_view expected);

    const Json* object_;
    std::set<std::string, std::less<>> asked_;
    std::optional<Error> error_;
};

constexpr std::int64_t kMostUnits = std::int64_t{1} << 24;  // more than any layer's

}  // namespace weir::model::keras
