// SPDX-License-Identifier: Apache-2.0
#include "policy/value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <ranges>

#include "util/nearest.h"

namespace weir::policy {
namespace {

std::vector<std::string> choices_of(const Key& key) {
    std::vector<std::string> all;
    for (const auto part : std::views::split(key.choices, std::string_view(", ")))
        all.emplace_back(part.begin(), part.end());
    return all;
}

std::string limits_text(const Key& key) {
    return key.range.most == kAny
               ? fmt::format("it is {} at least", key.range.least)
               : fmt::format("it is from {} to {}", key.range.least, key.range.most);
}

}  // namespace

std::unexpected<Error> Origin::refuse(const toml::source_region& at, const std::string& what,
                                      std::string hint) const {
    return fail(Errc::Invalid, fmt::format("{}:{}: {}", file, at.begin.line, what),
                std::move(hint));
}

std::string suggest(std::string_view word, const std::vector<std::string>& known) {
    const std::string meant = nearest(word, known);
    return meant.empty() ? fmt::format("there are {}", fmt::join(known, ", "))
                         : "did you mean " + meant + "?";
}

Result<> Value::check() const {
    switch (key_.kind) {
        case Kind::Text: return check_text(node_);
        case Kind::Texts: return check_texts();
        case Kind::Number:
        case Kind::Whole: return check_number();
        case Kind::Truth: return node_.is_boolean() ? Result<>{} : refuse("is not true or false");
        case Kind::Settings:
            return node_.is_table() ? Result<>{}
                                    : refuse("is not a table", "parameters = { PORT = 443 }");
    }
    return {};
}

Result<> Value::check_text(const toml::node& node) const {
    const auto refuse_it = [&](const std::string& what, std::string hint = {}) {
        return origin_.refuse(node.source(), fmt::format("{} {}", key_.name, what),
                              std::move(hint));
    };
    const toml::value<std::string>* value = node.as_string();
    if (value == nullptr) return refuse_it("is not a text in quotes");
    const std::string& text = value->get();
    if (text.contains('\0')) return refuse_it("has a zero byte");
    if (text.empty() && key_.kind == Kind::Text) return refuse_it("is empty");
    if (key_.choices.empty()) return {};
    const auto choices = choices_of(key_);
    if (std::ranges::find(choices, text) != choices.end()) return {};
    return refuse_it("cannot be \"" + text + "\"", suggest(text, choices));
}

Result<> Value::check_texts() const {
    const toml::array* list = node_.as_array();
    if (list == nullptr) return check_text(node_);
    for (const toml::node& each : *list)
        if (auto r = check_text(each); !r) return r;
    return {};
}

Result<> Value::check_number() const {
    const bool is_number = node_.is_integer() || (key_.kind == Kind::Number && node_.is_number());
    if (!is_number || !std::isfinite(number()))
        return refuse(key_.kind == Kind::Whole ? "is not a whole number" : "is not a number");
    if (number() < static_cast<double>(key_.range.least) ||
        number() > static_cast<double>(key_.range.most))
        return refuse(fmt::format("is {}: {}", number(), limits_text(key_)));
    return {};
}

std::string Value::text() const { return node_.value_or(std::string()); }

std::vector<std::string> Value::texts() const {
    const toml::array* list = node_.as_array();
    if (list == nullptr) return {text()};
    std::vector<std::string> all;
    for (const toml::node& each : *list) all.push_back(each.value_or(std::string()));
    return all;
}

double Value::number() const { return node_.value_or(0.0); }
std::uint64_t Value::whole() const {
    return static_cast<std::uint64_t>(node_.value_or(std::int64_t{0}));
}
bool Value::truth() const { return node_.value_or(false); }

Result<> Value::add_setting(const std::string& name, const toml::node& node,
                            std::vector<std::pair<std::string, std::string>>& settings) const {
    const auto refuse_it = [&](const std::string& what) {
        return origin_.refuse(node.source(), fmt::format("{}.{} {}", key_.name, name, what));
    };
    if (const auto* text = node.as_string()) {
        if (text->get().empty()) return refuse_it("is empty");
        settings.emplace_back(name, text->get());
    } else if (const auto* whole = node.as_integer()) {
        settings.emplace_back(name, std::to_string(whole->get()));
    } else if (const auto* number = node.as_floating_point()) {
        if (!std::isfinite(number->get())) return refuse_it("is not a number");
        settings.emplace_back(name, fmt::format("{}", number->get()));
    } else if (const auto* truth = node.as_boolean()) {
        settings.emplace_back(name, truth->get() ? "true" : "false");
    } else {
        return refuse_it("is not a number, true, false or a text");
    }
    return {};
}

Result<std::vector<std::pair<std::string, std::string>>> Value::settings() const {
    std::vector<std::pair<std::string, std::string>> all;
    const toml::table* table = node_.as_table();
    if (table == nullptr) return refuse("is not a table");
    for (const auto& [name, node] : *table) {
        const std::string parameter(name.str());
        const toml::table* map = node.as_table();
        if (map == nullptr) {
            if (auto r = add_setting(parameter, node, all); !r) return pass_on(r);
            continue;
        }
        for (const auto& [property, value] : *map) {
            if (property.str() != "max_entries")
                return origin_.refuse(property.source(),
                                      fmt::format("unknown key {}.{}", parameter, property.str()),
                                      suggest(property.str(), {"max_entries"}));
            if (auto r = add_setting(parameter + ".max_entries", value, all); !r) return pass_on(r);
        }
    }
    return all;
}

std::string Value::from_here(const std::string& path) const {
    return (origin_.folder / path).string();
}

std::unexpected<Error> Value::refuse(const std::string& what, std::string hint) const {
    return origin_.refuse(node_.source(), fmt::format("{} {}", key_.name, what), std::move(hint));
}

}  // namespace weir::policy
