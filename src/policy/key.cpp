// SPDX-License-Identifier: Apache-2.0
#include "policy/key.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include "policy/option_words.h"
#include "policy/value.h"
#include "util/glob.h"
#include "util/paths.h"

namespace weir::policy {
namespace {

constexpr Range kAnyNumber = {.least = 0, .most = kAny};
constexpr Range kThreads = {.least = 1, .most = 256};
constexpr Range kScore = {.least = 0, .most = 1};
constexpr Range kPriorities = {.least = 0, .most = 1'000'000};
constexpr std::size_t kInterfaceLetters = 15;  // the kernel's IFNAMSIZ with its zero

/// None: it is one, or a glob.
std::string wrong_with_interface(const std::string& text) {
    const auto is_no_letter = [](unsigned char c) { return c <= ' ' || c == '/' || c == 0x7f; };
    if (text.empty() || std::ranges::any_of(text, is_no_letter))
        return "\"" + text + "\" is no name";
    if (!is_glob(text) && text.size() > kInterfaceLetters) return text + ": longer than 15 letters";
    return {};
}

/// A list of at least one, each once. Errors: Invalid.
Result<std::vector<std::string>> distinct(const Value& value) {
    auto all = value.texts();
    if (all.empty()) return value.refuse("is an empty list");
    for (std::size_t i = 0; i < all.size(); ++i)
        if (std::find(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i), all[i]) !=
            all.begin() + static_cast<std::ptrdiff_t>(i))
            return value.refuse("names " + all[i] + " twice");
    return all;
}

Result<> set_name(const Value& value, PolicyProbe& probe) {
    probe.name = value.text();
    if (is_probe_name(probe.name)) return {};
    return value.refuse("cannot be \"" + probe.name + "\"", "letters, digits, '_', '-' and '.'");
}

/// What lies beside the policy; else a shipped probe, if it is a plain word.
Result<> set_bpf(const Value& value, PolicyProbe& probe) {
    const std::string text = value.text();
    const bool is_word = text.find_first_of("/.") == std::string::npos;
    std::error_code ignored;
    const bool is_here = std::filesystem::exists(value.from_here(text), ignored);
    probe.probe.file = is_word && !is_here ? text : value.from_here(text);
    return {};
}

Result<> set_cflags(const Value& value, PolicyProbe& probe) {
    if (value.is_list()) {
        probe.probe.cflags = value.texts();
        return {};
    }
    auto words = split_words(value.text());
    if (!words) return value.refuse(words.error().message);
    probe.probe.cflags = std::move(*words);
    return {};
}

Result<> set_interfaces(const Value& value, PolicyProbe& probe) {
    auto names = distinct(value);
    if (!names) return pass_on(names);
    for (const std::string& name : *names)
        if (const std::string wrong = wrong_with_interface(name); !wrong.empty())
            return value.refuse(wrong);
    probe.interfaces = std::move(*names);
    return {};
}

Result<> set_hooks(const Value& value, PolicyProbe& probe) {
    auto names = distinct(value);
    if (!names) return pass_on(names);
    probe.hooks.clear();
    for (const std::string& name : *names)
        probe.hooks.push_back(parse_hook(name).value_or(Hook::Xdp));
    return {};
}

Result<> set_mode(const Value& value, PolicyProbe& probe) {
    const std::string text = value.text();
    probe.mode = text == "drv" ? AttachMode::Drv : text == "hw" ? AttachMode::Hw : AttachMode::Skb;
    return {};
}

Result<> set_window(const Value& value, PolicyProbe& probe) {
    auto length = window_length(value.number());
    if (!length)
        return value.refuse(fmt::format("is {}: {}", value.number(), length.error().message));
    probe.window = *length;
    return {};
}

/// FILE.toml[,OPTIONS], or the name of a built-in one, which is no path.
Result<> set_profile(const Value& value, PolicyProbe& probe) {
    const std::string text = value.text();
    const bool is_file = text.substr(0, text.find(',')).ends_with(".toml");
    probe.model.profile = is_file ? value.from_here(text) : text;
    return {};
}

Result<> set_extractor(const Value& value, PolicyProbe& probe) {
    const std::string text = value.text();
    probe.extractor.file = text == "auto" ? text : value.from_here(text);
    return {};
}

Result<> set_model(const Value& value, PolicyProbe& probe) {
    const std::string text = value.text();
    const std::string shipped = named_model(text);
    probe.model.file = text == "none" || shipped != text ? shipped : value.from_here(text);
    return {};
}

Result<> set_parameters(const Value& value, PolicyProbe& probe) {
    auto settings = value.settings();
    if (!settings) return pass_on(settings);
    probe.probe.settings = std::move(*settings);
    return {};
}

Result<> set_output(const Value& value, PolicyProbe& probe) {
    const std::string text = value.text();
    probe.report.output = text == "-" ? "" : value.from_here(text);
    return {};
}

/// For keys whose value is stored as it is.
template <auto Assign>
Result<> store(const Value& value, PolicyProbe& probe) {
    Assign(value, probe);
    return {};
}

constexpr std::array kKeys = {
    Key{.name = "bpf",
        .kind = Kind::Text,
        .fallback = "must be there",
        .meaning = "the probe, as -b: shipped name, folder, .c or .o",
        .apply = set_bpf},
    Key{.name = "name",
        .kind = Kind::Text,
        .fallback = "the file's, without its endings",
        .meaning = "how reports and messages call the probe; no two alike",
        .apply = set_name},
    Key{.name = "program",
        .kind = Kind::Text,
        .fallback = "the only one",
        .meaning = "entry function, where the source has several",
        .apply = store<[](const Value& v, PolicyProbe& p) { p.probe.program = v.text(); }>},
    Key{.name = "cflags",
        .is_common = true,
        .kind = Kind::Texts,
        .fallback = "none",
        .meaning = "more flags for clang; one text is split as a shell does",
        .apply = set_cflags},
    Key{.name = "interface",
        .is_common = true,
        .kind = Kind::Texts,
        .fallback = "must be there",
        .meaning = "names or globs: \"eth*\"",
        .apply = set_interfaces},
    Key{.name = "hook",
        .is_common = true,
        .kind = Kind::Texts,
        .choices = "xdp, tc-ingress, tc-egress",
        .fallback = "what the program is for",
        .meaning = "where packets are seen; a program for either stands on xdp",
        .apply = set_hooks},
    Key{.name = "mode",
        .is_common = true,
        .kind = Kind::Text,
        .choices = "skb, drv, hw",
        .fallback = "skb",
        .meaning = "of xdp; where it does not work skb is taken, with a notice",
        .apply = set_mode},
    Key{.name = "strict_mode",
        .is_common = true,
        .kind = Kind::Truth,
        .fallback = "false",
        .meaning = "fail rather than fall back to skb",
        .apply = store<[](const Value& v, PolicyProbe& p) { p.is_strict = v.truth(); }>},
    Key{.name = "priority",
        .is_common = true,
        .kind = Kind::Whole,
        .range = kPriorities,
        .fallback = "50",
        .meaning = "the lowest stands first in its chain; equal ones as in the file",
        .apply = store<[](const Value& v, PolicyProbe& p) {
            p.priority = static_cast<int>(v.whole());
        }>},
    Key{.name = "window",
        .is_common = true,
        .kind = Kind::Number,
        .range = kAnyNumber,
        .fallback = "10",
        .unit = "seconds",
        .meaning = "length of a window, at least 0.05",
        .apply = set_window},
    Key{.name = "parameters",
        .kind = Kind::Settings,
        .fallback = "the source's",
        .meaning = "as --set: PARAM = 5, MAP.max_entries = \"64k\"",
        .apply = set_parameters},
    Key{.name = "window_maps",
        .kind = Kind::Texts,
        .fallback = "by kind",
        .unit = "maps",
        .meaning = "cleared after each window",
        .apply = store<[](const Value& v, PolicyProbe& p) { p.probe.window_maps = v.texts(); }>},
    Key{.name = "persist_maps",
        .kind = Kind::Texts,
        .fallback = "by kind",
        .unit = "maps",
        .meaning = "never cleared, and kept when the probe is patched",
        .apply = store<[](const Value& v, PolicyProbe& p) { p.probe.persist_maps = v.texts(); }>},
    Key{.name = "drop_state",
        .is_common = true,
        .kind = Kind::Truth,
        .fallback = "false",
        .meaning = "a patch may lose persistent maps that do not fit",
        .apply = store<[](const Value& v, PolicyProbe& p) { p.may_drop_state = v.truth(); }>},
    Key{.name = "extractor",
        .kind = Kind::Text,
        .fallback = "none",
        .meaning = "a .py, .so or .cpp that looks at every window",
        .apply = set_extractor},
    Key{.name = "model",
        .kind = Kind::Text,
        .fallback = "none",
        .meaning = "a .h5, .keras or .onnx, or a shipped model's name, that scores every flow; a "
                   ".py extractor "
                   "gets it to itself",
        .apply = set_model},
    Key{.name = "profile",
        .kind = Kind::Text,
        .fallback = "model.toml, else by its features",
        .meaning = "features of the model: lucid11, lucid6, or FILE.toml",
        .apply = set_profile},
    Key{.name = "threshold",
        .is_common = true,
        .kind = Kind::Number,
        .range = kScore,
        .fallback = "the profile's, else 0.5",
        .unit = "score",
        .meaning = "a flow above it is an attack",
        .apply = store<[](const Value& v, PolicyProbe& p) { p.model.threshold = v.number(); }>},
    Key{.name = "threads",
        .is_common = true,
        .kind = Kind::Whole,
        .range = kThreads,
        .fallback = "1",
        .unit = "threads",
        .meaning = "that run the model",
        .apply = store<[](const Value& v, PolicyProbe& p) {
            p.model.threads = static_cast<int>(v.whole());
        }>},
    Key{.name = "device",
        .is_common = true,
        .kind = Kind::Text,
        .choices = "cpu, cuda",
        .fallback = "cpu",
        .meaning = "that the model runs on",
        .apply =
            store<[](const Value& v, PolicyProbe& p) { p.model.use_cuda = v.text() == "cuda"; }>},
    Key{.name = "alerts",
        .kind = Kind::Text,
        .choices = "all",
        .fallback = "attacks",
        .meaning = "all: every flow with its score",
        .apply = store<[](const Value&, PolicyProbe& p) { p.model.lists_all = true; }>},
    Key{.name = "max_alerts",
        .is_common = true,
        .kind = Kind::Whole,
        .range = kAnyNumber,
        .fallback = "10 in text, all in json",
        .unit = "alerts",
        .meaning = "shown of a window",
        .apply = store<[](const Value& v, PolicyProbe& p) { p.report.max_alerts = v.whole(); }>},
    Key{.name = "max_rows",
        .is_common = true,
        .kind = Kind::Whole,
        .range = kAnyNumber,
        .fallback = "100 in text, all in json",
        .unit = "rows",
        .meaning = "shown of a table",
        .apply = store<[](const Value& v, PolicyProbe& p) { p.report.max_rows = v.whole(); }>},
    Key{.name = "output",
        .is_common = true,
        .kind = Kind::Text,
        .fallback = "-",
        .meaning = "file that windows are written to; -: standard output",
        .apply = set_output},
    Key{.name = "format",
        .is_common = true,
        .kind = Kind::Text,
        .choices = "text, json",
        .fallback = "text",
        .meaning = "text for people, json for programs (one line a window)",
        .apply =
            store<[](const Value& v, PolicyProbe& p) { p.report.as_json = v.text() == "json"; }>},
};

std::string kind_name(Kind kind) {
    switch (kind) {
        case Kind::Text: return "text";
        case Kind::Texts: return "text or list";
        case Kind::Number: return "number";
        case Kind::Whole: return "whole number";
        case Kind::Truth: return "true or false";
        case Kind::Settings: return "table";
    }
    return "?";
}

}  // namespace

bool is_probe_name(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
    });
}

std::span<const Key> keys() { return kKeys; }

std::string value_text(const Key& key) {
    if (!key.choices.empty())
        return key.kind == Kind::Texts ? fmt::format("one or a list of {}", key.choices)
                                       : std::string(key.choices);
    const bool is_number = key.kind == Kind::Number || key.kind == Kind::Whole;
    if (!is_number || key.range.most == kAny) return kind_name(key.kind);
    return fmt::format("{}, {} to {}", kind_name(key.kind), key.range.least, key.range.most);
}

}  // namespace weir::policy
