// SPDX-License-Identifier: Apache-2.0
#include "model/profile_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/flow_context.h"
#include "model/profile_options.h"
#include "util/file.h"
#include "util/nearest.h"

namespace weir::model {
namespace {

constexpr std::uintmax_t kMaxBytes = 1 << 20;  // a profile has a few hundred
constexpr std::size_t kMaxFeatures = 1024;
constexpr double kMaxWindowSeconds = 1e6;  // as -t

/// The place of a value in the file, for messages.
class Reader {
public:
    explicit Reader(std::string file) : file_(std::move(file)) {}

    [[nodiscard]] std::unexpected<Error> refuse(const toml::source_region& at,
                                                const std::string& what,
                                                std::string hint = {}) const {
        return fail(Errc::Invalid, fmt::format("{}:{}: {}", file_, at.begin.line, what),
                    std::move(hint));
    }

    /// Errors: Invalid where a key is not among `known`.
    [[nodiscard]] Result<> check_keys(const toml::table& table,
                                      const std::vector<std::string>& known) const {
        for (const auto& [key, value] : table) {
            if (std::ranges::find(known, key.str()) != known.end()) continue;
            const std::string meant = nearest(key.str(), known);
            return refuse(key.source(), fmt::format("unknown key {}", key.str()),
                          meant.empty() ? fmt::format("there are {}", fmt::join(known, ", "))
                                        : "did you mean " + meant + "?");
        }
        return {};
    }

    /// None where the key is missing. Errors: Invalid (not of the type, not finite, outside).
    [[nodiscard]] Result<std::optional<double>> number(const toml::table& table,
                                                       std::string_view key, double least,
                                                       double most) const {
        const toml::node* node = table.get(key);
        if (node == nullptr) return std::nullopt;
        const auto value = node->value<double>();  // integers too
        if (!value || node->is_boolean() || !std::isfinite(*value))
            return refuse(node->source(), fmt::format("{} is not a number", key));
        if (*value < least || *value > most)
            return refuse(node->source(),
                          fmt::format("{} is {}: it is from {} to {}", key, *value, least, most));
        return *value;
    }

    [[nodiscard]] Result<std::optional<std::int64_t>> integer(const toml::table& table,
                                                              std::string_view key,
                                                              std::int64_t least,
                                                              std::int64_t most) const {
        const toml::node* node = table.get(key);
        if (node == nullptr) return std::nullopt;
        const toml::value<std::int64_t>* value = node->as_integer();
        if (value == nullptr)
            return refuse(node->source(), fmt::format("{} is not a whole number", key));
        if (value->get() < least || value->get() > most)
            return refuse(node->source(), fmt::format("{} is {}: it is from {} to {}", key,
                                                      value->get(), least, most));
        return value->get();
    }

    [[nodiscard]] Result<std::optional<bool>> truth(const toml::table& table,
                                                    std::string_view key) const {
        const toml::node* node = table.get(key);
        if (node == nullptr) return std::nullopt;
        if (!node->is_boolean())
            return refuse(node->source(), fmt::format("{} is neither true nor false", key));
        return node->as_boolean()->get();
    }

    [[nodiscard]] Result<std::optional<std::string>> text(const toml::table& table,
                                                          std::string_view key) const {
        const toml::node* node = table.get(key);
        if (node == nullptr) return std::nullopt;
        if (!node->is_string())
            return refuse(node->source(), fmt::format("{} is not a text in quotes", key));
        return node->as_string()->get();
    }

private:
    std::string file_;
};

Result<Encoding> encoding_of(const Reader& reader, const toml::table& table) {
    auto text = reader.text(table, "encoding");
    if (!text) return pass_on(text);
    const std::string word = text->value_or("plain");
    std::vector<std::string> names;
    for (const auto& [name, encoding] : kEncodings) {
        if (name == word) return encoding;
        names.emplace_back(name);
    }
    const std::string meant = nearest(word, names);
    return reader.refuse(table.get("encoding")->source(), fmt::format("no encoding {}", word),
                         meant.empty() ? fmt::format("there are {}", fmt::join(names, ", "))
                                       : "did you mean " + meant + "?");
}

/// A number, or "window".
Result<std::optional<double>> divisor_of(const Reader& reader, const toml::table& table) {
    const toml::node* node = table.get("divisor");
    if (node == nullptr) return 1.0;
    if (node->is_string()) {
        if (node->as_string()->get() == "window") return std::nullopt;
        return reader.refuse(node->source(), "divisor is a number or \"window\"");
    }
    auto number = reader.number(table, "divisor", 1e-300, 1e300);
    if (!number) return pass_on(number);
    return *number;
}

Result<ProfileFeature> read_feature(const Reader& reader, const toml::table& table) {
    const std::vector<std::string> known = {"name", "encoding", "factor", "divisor",
                                            "log",  "shift",    "mask",   "missing"};
    if (auto r = reader.check_keys(table, known); !r) return pass_on(r);
    auto name = reader.text(table, "name");
    if (!name) return pass_on(name);
    const std::string called = name->value_or("");
    if (called.empty()) return reader.refuse(table.source(), "a feature has no name");
    auto encoding = encoding_of(reader, table);
    if (!encoding) return pass_on(encoding);
    auto factor = reader.number(table, "factor", -1e300, 1e300);
    if (!factor) return pass_on(factor);
    auto divisor = divisor_of(reader, table);
    if (!divisor) return pass_on(divisor);
    auto shift = reader.integer(table, "shift", 0, 63);
    if (!shift) return pass_on(shift);
    auto mask = reader.integer(table, "mask", 1, std::numeric_limits<std::int64_t>::max());
    if (!mask) return pass_on(mask);
    auto missing = reader.number(table, "missing", -1e300, 1e300);
    if (!missing) return pass_on(missing);
    auto is_log = reader.truth(table, "log");
    if (!is_log) return pass_on(is_log);
    const bool is_plain = *encoding == Encoding::Plain;
    const bool has_bits = *shift || *mask;
    if (!is_plain && has_bits)
        return reader.refuse(table.source(), "shift and mask go with the encoding plain alone");
    if (is_log->value_or(false) && (has_bits || (!is_plain && *encoding != Encoding::SinceFirst)))
        return reader.refuse(
            table.source(),
            "log goes with the encodings plain and since_first, and not with shift and mask");
    if (context_number(called) && (!is_plain || has_bits))
        return reader.refuse(table.source(),
                             called +
                                 " is a number of the flow: its encoding is plain, without "
                                 "shift and mask");
    return ProfileFeature{.name = called,
                          .encoding = *encoding,
                          .factor = factor->value_or(1),
                          .divisor = *divisor,
                          .is_log = is_log->value_or(false),
                          .shift = static_cast<std::uint32_t>(shift->value_or(0)),
                          .mask = static_cast<std::uint64_t>(mask->value_or(0)),
                          .missing = *missing};
}

Result<std::vector<ProfileFeature>> read_features(const Reader& reader, const toml::node& node) {
    const toml::array* tables = node.as_array();
    if (tables == nullptr || !tables->is_homogeneous<toml::table>())
        return reader.refuse(node.source(), "features are written [[feature]]");
    if (tables->size() > kMaxFeatures)
        return reader.refuse(node.source(), fmt::format("{} features are too many, {} is the most",
                                                        tables->size(), kMaxFeatures));
    std::vector<ProfileFeature> features;
    for (const toml::node& table : *tables) {
        auto feature = read_feature(reader, *table.as_table());
        if (!feature) return pass_on(feature);
        features.push_back(std::move(*feature));
    }
    return features;
}

/// The features: a built-in profile's, or the file's own.
Result<Profile> read_base(const Reader& reader, const toml::table& root) {
    const toml::node* own = root.get("feature");
    auto base = reader.text(root, "profile");
    if (!base) return pass_on(base);
    if (own != nullptr && *base)
        return reader.refuse(root.get("profile")->source(),
                             "profile and [[feature]] do not go together");
    if (own != nullptr) {
        auto features = read_features(reader, *own);
        if (!features) return pass_on(features);
        return Profile{.name = "the file", .features = std::move(*features)};
    }
    if (!*base)
        return reader.refuse(root.source(), "neither a profile nor a [[feature]]",
                             "profile = \"lucid11\"");
    const std::string name = base->value_or("");
    if (auto profile = built_in_profile(name)) return std::move(*profile);
    return reader.refuse(root.get("profile")->source(), fmt::format("no profile {}", name),
                         fmt::format("there are {}", built_in_names()));
}

Result<> read_options(const Reader& reader, const toml::table& root, Profile& profile) {
    constexpr std::int64_t kMaxField = 0xffff;
    const auto at = [&](std::string_view key, Error error) {
        return reader.refuse(root.get(key)->source(), error.message, std::move(error.hint));
    };
    auto ip_flags = reader.integer(root, "ip_flags", 0, kMaxField);
    if (!ip_flags) return pass_on(ip_flags);
    if (const auto df = *ip_flags)
        if (auto r = set_ip_flags(profile, *df); !r) return at("ip_flags", std::move(r.error()));
    auto ack = reader.text(root, "ack");
    if (!ack) return pass_on(ack);
    if (const auto kind = *ack)
        if (auto r = set_ack(profile, *kind); !r) return at("ack", std::move(r.error()));
    auto threshold = reader.number(root, "threshold", 0, 1);
    if (!threshold) return pass_on(threshold);
    profile.threshold = *threshold;
    auto window = reader.number(root, "window", 1e-9, kMaxWindowSeconds);
    if (!window) return pass_on(window);
    if (const auto seconds = *window)
        profile.window = std::chrono::nanoseconds(std::llround(*seconds * 1e9));
    return {};
}

/// The one place where toml++ throws.
Result<toml::table> parse(const std::string& text, const std::string& file) {
    try {
        return toml::parse(text, file);
    } catch (const toml::parse_error& error) {
        return fail(Errc::Invalid,
                    fmt::format("{}:{}: {}", file, error.source().begin.line, error.description()));
    }
}

}  // namespace

Result<Profile> read_profile(const std::filesystem::path& file) {
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored))
        return fail(Errc::Invalid, fmt::format("profile {}: a folder", file.string()));
    if (std::filesystem::is_regular_file(file, ignored) &&
        std::filesystem::file_size(file, ignored) > kMaxBytes)
        return fail(Errc::Invalid,
                    fmt::format("profile {}: too long to be a profile", file.string()));
    auto text = read_text(file);
    if (!text) return wrap(text, "profile");
    auto root = parse(*text, file.string());
    if (!root) return wrap(root, "profile");
    const Reader reader(file.string());
    const std::vector<std::string> known = {"profile", "ip_flags", "ack",
                                            "window",  "feature",  "threshold"};
    if (auto r = reader.check_keys(*root, known); !r) return wrap(r, "profile");
    auto profile = read_base(reader, *root);
    if (!profile) return wrap(profile, "profile");
    if (auto r = read_options(reader, *root, *profile); !r) return wrap(r, "profile");
    profile->name = file.filename().string();
    return profile;
}

}  // namespace weir::model
