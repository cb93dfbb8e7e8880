// SPDX-License-Identifier: Apache-2.0
#include "model/keras_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace weir::model::keras {
namespace {

constexpr std::size_t kMostJsonBytes = std::size_t{64} << 20;
constexpr std::size_t kDeepestJson = 100;  // a model within a model takes five
constexpr std::size_t kExcerptBytes = 60;

// Options that change nothing when a model predicts: what it was made of and trained with.
constexpr std::array kWithoutEffect = {
    "name",
    "trainable",
    "dtype",
    "batch_input_shape",
    "batch_shape",
    "batch_size",
    "input_shape",
    "shape",
    "sparse",
    "ragged",
    "optional",
    "input_dim",
    "build_config",
    "build_input_shape",
    "seed",
    "rate",
    "noise_shape",
    "stddev",
    "momentum",
    "unit_forget_bias",
    "dropout",
    "recurrent_dropout",
    "implementation",
    "unroll",
    "zero_output_for_mask",
    "use_cudnn",
    "synchronized",
    "fused",
    "input_length",
};
constexpr std::array<std::string_view, 3> kWithoutEffectEndings = {"_initializer", "_regularizer",
                                                                   "_constraint"};

bool has_no_effect(std::string_view key) {
    return std::ranges::any_of(kWithoutEffect, [&](std::string_view k) { return k == key; }) ||
           std::ranges::any_of(kWithoutEffectEndings,
                               [&](std::string_view ending) { return key.ends_with(ending); });
}

/// Deeper than `limit`? Brackets inside of texts do not count.
bool is_nested_deeper(std::string_view text, std::size_t limit) {
    std::size_t depth = 0;
    bool is_text = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (is_text && c == '\\') ++i;
        if (c == '"') is_text = !is_text;
        if (is_text) continue;
        if (c == '{' || c == '[') ++depth;
        if ((c == '}' || c == ']') && depth > 0) --depth;
        if (depth > limit) return true;
    }
    return false;
}

bool is_unset(const Json& value) {
    return value.is_null() || (value.is_boolean() && !value.get<bool>()) ||
           (value.is_structured() && value.empty()) ||
           (value.is_string() && value.get_ref<const std::string&>().empty());
}

std::optional<std::int64_t> usable_size(const Json& value) {
    const auto number = whole_number(value);
    if (!number || *number < 1 || *number > kMostUnits) return std::nullopt;
    return number;
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
    if (text.size() > kMostJsonBytes)
        return fail(Errc::Invalid, "its architecture is longer than any model's");
    if (is_nested_deeper(text, kDeepestJson))
        return fail(Errc::Invalid, "its architecture is nested deeper than any model's");
    Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) return fail(Errc::Invalid, "its architecture is no JSON");
    return json;
}

const Json* member(const Json& json, std::string_view key) {
    if (!json.is_object()) return nullptr;
    const auto found = json.find(key);
    return found == json.end() || found->is_null() ? nullptr : &*found;
}

std::string text_member(const Json& json, std::string_view key) {
    const Json* found = member(json, key);
    return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

std::string excerpt(const Json& json) {
    std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() <= kExcerptBytes) return text;
    std::size_t end = kExcerptBytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
    return text.substr(0, end) + "...";
}

std::optional<std::int64_t> whole_number(const Json& json) {
    if (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX) return std::nullopt;
    if (json.is_number_integer()) return json.get<std::int64_t>();
    if (!json.is_number_float()) return std::nullopt;
    const auto value = json.get<double>();
    if (value != std::floor(value) || std::fabs(value) > 1e15) return std::nullopt;
    return static_cast<std::int64_t>(value);
}

void Config::broken(std::string_view key, std::string_view expected) {
    if (error_) return;
    error_ = Error{.code = Errc::Invalid,
                   .message = fmt::format("option {} is {}, not {}", key,
                                          excerpt(object_->value(key, Json())), expected)};
}

void Config::refuse(std::string_view key) {
    if (error_) return;
    error_ = Error{.code = Errc::Unsupported,
                   .message = fmt::format("weir does not do {} = {}", key,
                                          excerpt(object_->value(key, Json())))};
}

const Json* Config::any(std::string_view key) {
    asked_.emplace(key);
    return member(*object_, key);
}

bool Config::flag(std::string_view key, bool fallback) {
    const Json* value = any(key);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) {
        broken(key, "true or false");
        return fallback;
    }
    return value->get<bool>();
}

std::optional<double> Config::optional_number(std::string_view key) {
    const Json* value = any(key);
    if (value == nullptr) return std::nullopt;
    // Keras 2 writes numbers that were numpy's as a list of one.
    if (value->is_array() && value->size() == 1) value = &value->front();
    if (!value->is_number() || !std::isfinite(value->get<double>())) {
        broken(key, "a number");
        return std::nullopt;
    }
    return value->get<double>();
}

double Config::number(std::string_view key, double fallback) {
    return optional_number(key).value_or(fallback);
}

std::string Config::text(std::string_view key, std::string_view fallback) {
    const Json* value = any(key);
    if (value == nullptr) return std::string(fallback);
    if (!value->is_string()) {
        broken(key, "a text");
        return std::string(fallback);
    }
    return value->get<std::string>();
}

std::int64_t Config::size(std::string_view key, std::optional<std::int64_t> fallback) {
    return sizes(key, 1, fallback).front();
}

std::vector<std::int64_t> Config::sizes(std::string_view key, std::size_t count,
                                        std::optional<std::int64_t> fallback) {
    std::vector<std::int64_t> all(count, fallback.value_or(1));
    const Json* value = any(key);
    if (value == nullptr) {
        if (!fallback) broken(key, "a size");
        return all;
    }
    if (const auto one = usable_size(*value)) return {std::vector<std::int64_t>(count, *one)};
    bool is_good = value->is_array() && value->size() == count;
    for (std::size_t i = 0; is_good && i < count; ++i) {
        const auto one = usable_size((*value)[i]);
        is_good = one.has_value();
        all[i] = one.value_or(1);
    }
    if (!is_good) broken(key, count == 1 ? "a size" : fmt::format("{} sizes", count));
    return all;
}

std::vector<std::int64_t> Config::integers(std::string_view key) {
    const Json* value = any(key);
    if (value == nullptr) return {};
    std::vector<std::int64_t> all;
    for (const Json& each : value->is_array() ? *value : Json::array({*value})) {
        const auto number = whole_number(each);
        if (!number) {
            broken(key, "whole numbers");
            return {};
        }
        all.push_back(*number);
    }
    return all;
}

Result<> Config::error() const {
    if (error_) return std::unexpected(*error_);
    return {};
}

Result<> Config::unknown_option() const {
    if (!object_->is_object()) return {};
    for (const auto& [key, value] : object_->items())
        if (!asked_.contains(key) && !is_unset(value) && !has_no_effect(key))
            return fail(Errc::Unsupported,
                        fmt::format("weir does not know its option {} = {}", key, excerpt(value)));
    return {};
}

}  // namespace weir::model::keras
