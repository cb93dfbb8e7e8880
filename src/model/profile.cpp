// SPDX-License-Identifier: Apache-2.0
#include "model/profile.h"

#include <fmt/format.h>

#include <charconv>

#include "model/profile_file.h"
#include "model/profile_options.h"
#include "util/nearest.h"

namespace weir::model {
namespace {

constexpr std::string_view kForm = "NAME[,ip_flags=0x02|0x40|0x4000][,ack=relative|raw]";

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = text.find(at);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

/// "0x40" or "64".
std::optional<std::int64_t> number(std::string_view text) {
    const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
    if (is_hex) text.remove_prefix(2);
    std::int64_t value = 0;
    const auto [stop, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, is_hex ? 16 : 10);
    if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
    return value;
}

bool is_file(std::string_view name) {
    return name.ends_with(".toml") || name.find('/') != std::string_view::npos;
}

Result<Profile> find_base(std::string_view name) {
    if (is_file(name)) return read_profile(std::filesystem::path(name));
    if (auto profile = built_in_profile(name)) return std::move(*profile);
    const std::vector<std::string> known = {"lucid11", "lucid6"};
    const std::string meant = nearest(name, known);
    return fail(Errc::NotFound,
                fmt::format("no profile {}: there are {}, and files that end in .toml", name,
                            built_in_names()),
                meant.empty() ? "" : "did you mean " + meant + "?");
}

Result<> set_option(Profile& profile, std::string_view option) {
    const std::size_t equals = option.find('=');
    const std::string_view key = option.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? "" : option.substr(equals + 1);
    if (key == "ack") return set_ack(profile, value);
    if (key == "ip_flags") {
        const auto df = number(value);
        if (df) return set_ip_flags(profile, *df);
        return fail(Errc::Invalid,
                    fmt::format("ip_flags is {}: it is 0x02, 0x40 or 0x4000", value));
    }
    const std::vector<std::string> known = {"ip_flags", "ack"};
    const std::string meant = nearest(key, known);
    return fail(
        Errc::Invalid, fmt::format("unknown option {}", key),
        meant.empty() ? fmt::format("the form is {}", kForm) : "did you mean " + meant + "?");
}

/// The TOML file that goes with a model, if there is one.
std::optional<std::filesystem::path> file_beside(const std::filesystem::path& model) {
    std::filesystem::path same_name = model;
    same_name.replace_extension(".toml");
    for (const auto& file : {same_name, model.parent_path() / "model.toml"}) {
        std::error_code ignored;
        if (std::filesystem::is_regular_file(file, ignored)) return file;
    }
    return std::nullopt;
}

std::string assumption(const std::string& name, const std::string& assumed, std::size_t features) {
    const bool has_ack = name == "lucid11";
    return fmt::format(
        "the model takes {} features, so the profile {} is assumed. Nothing in a "
        "model's file tells how IP's \"don't fragment\" was written when it was trained, and with "
        "another way it misses attacks: if it does, try --profile {},ip_flags=0x4000 or 0x40{}, or "
        "put what is right into model.toml beside it",
        features, assumed, name, has_ack ? ", or ack=raw" : "");
}

}  // namespace

std::string feature_names(const Profile& profile) {
    std::string names;
    for (const ProfileFeature& f : profile.features) names += (names.empty() ? "" : ", ") + f.name;
    return names;
}

Result<Profile> find_profile(std::string_view text) {
    const auto parts = split(text, ',');
    auto profile = find_base(parts.front());
    if (!profile) return profile;
    for (std::size_t i = 1; i < parts.size(); ++i)
        if (auto r = set_option(*profile, parts[i]); !r)
            return wrap(r, fmt::format("profile {}", text));
    if (parts.size() > 1) profile->name = text;
    return profile;
}

Result<ChosenProfile> choose_profile(std::string_view text, const std::filesystem::path& model,
                                     std::size_t features) {
    if (!text.empty()) {
        auto named = find_profile(text);
        if (!named) return pass_on(named);
        return ChosenProfile{.profile = std::move(*named), .notice = {}};
    }
    if (const auto file = file_beside(model)) {
        auto beside = read_profile(*file);
        if (!beside) return pass_on(beside);
        return ChosenProfile{.profile = std::move(*beside),
                             .notice = fmt::format("the profile is {}", file->string()),
                             .file = *file};
    }
    const std::string name = features == 11 ? "lucid11" : features == 6 ? "lucid6" : "";
    auto profile = built_in_profile(name);
    if (!profile)
        return fail(Errc::Rejected,
                    fmt::format("the model takes {} features, and no built-in profile has so many "
                                "(lucid11: 11, lucid6: 6)",
                                features),
                    "say what they are in model.toml beside the model, or with --profile "
                    "FILE.toml (docs/models.md)");
    const std::string assumed = name + ",ip_flags=0x02" + (features == 11 ? ",ack=relative" : "");
    return ChosenProfile{.profile = std::move(*profile),
                         .notice = assumption(name, assumed, features),
                         .file = {},
                         .assumed = assumed};
}

}  // namespace weir::model
