// SPDX-License-Identifier: Apache-2.0
#include "policy/key.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include "policy/option_words.h"
#include "policy/value.h"

namespace weir::policy {
namespace {

constexpr Range kNoRange = {};
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
    const bool is_glob = text.find_first_of("*?[") != std::string::npos;
    if (!is_glob && text.size() > kInterfaceLetters) return text + ": longer than 15 letters";
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
    probe.model.file = text == "none" ? text : value.from_here(text);
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

// clang-format off: one key a line or three, name first
constexpr std::array kKeys = {
    Key{"bpf", false, Kind::Text, "", kNoRange, "must be there", "",
        "the probe, as -b: shipped name, folder, .c or .o", set_bpf},
    Key{"name", false, Kind::Text, "", kNoRange, "the file's, without its endings", "",
        "how reports and messages call the probe; no two alike", set_name},
    Key{"program", false, Kind::Text, "", kNoRange, "the only one", "",
        "entry function, where the source has several",
        store<[](const Value& v, PolicyProbe& p) { p.probe.program = v.text(); }>},
    Key{"cflags", true, Kind::Texts, "", kNoRange, "none", "",
        "more flags for clang; one text is split as a shell does", set_cflags},
    Key{"interface", true, Kind::Texts, "", kNoRange, "must be there", "",
        "names or globs: \"eth*\"", set_interfaces},
    Key{"hook", true, Kind::Texts, "xdp, tc-ingress, tc-egress", kNoRange, "what the program is for", "",
        "where packets are seen; a program for either stands on xdp", set_hooks},
    Key{"mode", true, Kind::Text, "skb, drv, hw", kNoRange, "skb", "",
        "of xdp; where it does not work skb is taken, with a notice", set_mode},
    Key{"strict_mode", true, Kind::Truth, "", kNoRange, "false", "",
        "fail rather than fall back to skb",
        store<[](const Value& v, PolicyProbe& p) { p.is_strict = v.truth(); }>},
    Key{"priority", true, Kind::Whole, "", kPriorities, "50", "",
        "the lowest stands first in its chain; equal ones as in the file",
        store<[](const Value& v, PolicyProbe& p) { p.priority = static_cast<int>(v.whole()); }>},
    Key{"window", true, Kind::Number, "", kAnyNumber, "10", "seconds",
        "length of a window, at least 0.05", set_window},
    Key{"parameters", false, Kind::Settings, "", kNoRange, "the source's", "",
        "as --set: PARAM = 5, MAP.max_entries = \"64k\"", set_parameters},
    Key{"window_maps", false, Kind::Texts, "", kNoRange, "by kind", "maps",
        "cleared after each window",
        store<[](const Value& v, PolicyProbe& p) { p.probe.window_maps = v.texts(); }>},
    Key{"persist_maps", false, Kind::Texts, "", kNoRange, "by kind", "maps",
        "never cleared, and kept when the probe is patched",
        store<[](const Value& v, PolicyProbe& p) { p.probe.persist_maps = v.texts(); }>},
    Key{"drop_state", true, Kind::Truth, "", kNoRange, "false", "",
        "a patch may lose persistent maps that do not fit",
        store<[](const Value& v, PolicyProbe& p) { p.may_drop_state = v.truth(); }>},
    Key{"extractor", false, Kind::Text, "", kNoRange, "none", "",
        "a .py, .so or .cpp that looks at every window", set_extractor},
    Key{"model", false, Kind::Text, "", kNoRange, "none", "",
        "a .h5, .keras or .onnx that scores every flow; a .py extractor gets it to itself", set_model},
    Key{"profile", false, Kind::Text, "", kNoRange, "model.toml, else by its features", "",
        "features of the model: lucid11, lucid6, or FILE.toml", set_profile},
    Key{"threshold", true, Kind::Number, "", kScore, "the profile's, else 0.5", "score",
        "a flow above it is an attack",
        store<[](const Value& v, PolicyProbe& p) { p.model.threshold = v.number(); }>},
    Key{"threads", true, Kind::Whole, "", kThreads, "1", "threads",
        "that run the model",
        store<[](const Value& v, PolicyProbe& p) { p.model.threads = static_cast<int>(v.whole()); }>},
    Key{"device", true, Kind::Text, "cpu, cuda", kNoRange, "cpu", "",
        "that the model runs on",
        store<[](const Value& v, PolicyProbe& p) { p.model.use_cuda = v.text() == "cuda"; }>},
    Key{"alerts", false, Kind::Text, "all", kNoRange, "attacks", "",
        "all: every flow with its score",
        store<[](const Value&, PolicyProbe& p) { p.model.lists_all = true; }>},
    Key{"max_alerts", true, Kind::Whole, "", kAnyNumber, "10 in text, all in json", "alerts",
        "shown of a window",
        store<[](const Value& v, PolicyProbe& p) { p.report.max_alerts = v.whole(); }>},
    Key{"max_rows", true, Kind::Whole, "", kAnyNumber, "100 in text, all in json", "rows",
        "shown of a table",
        store<[](const Value& v, PolicyProbe& p) { p.report.max_rows = v.whole(); }>},
    Key{"output", true, Kind::Text, "", kNoRange, "-", "",
        "file that windows are written to; -: standard output", set_output},
    Key{"format", true, Kind::Text, "text, json", kNoRange, "text", "",
        "text for people, json for programs (one line a window)",
        store<[](const Value& v, PolicyProbe& p) { p.report.as_json = v.text() == "json"; }>},
};
// clang-format on

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
