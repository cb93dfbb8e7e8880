// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>

#include "policy/key.h"
#include "policy/option_words.h"
#include "policy/value.h"
#include "util/file.h"
#include "util/paths.h"

namespace weir::policy {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 20;  // a policy of a hundred probes has some 20 kB
constexpr const char* kProbes = "probe";

/// What stands in the file, once each.
struct Entry {
    const toml::key* key;
    const toml::node* node;
};

/// As a person reads them, so that the first mistake is told first; toml++ sorts by name.
std::vector<Entry> in_order(const toml::table& table) {
    std::vector<Entry> entries;
    for (const auto& [key, node] : table) entries.push_back({&key, &node});
    std::ranges::sort(entries, {}, [](const Entry& e) {
        const auto& at = e.key->source().begin;
        return std::pair(at.line, at.column);
    });
    return entries;
}

enum class Place { Top, Probe };

const Key* find_key(std::string_view name) {
    const auto found = std::ranges::find(keys(), name, &Key::name);
    return found == keys().end() ? nullptr : &*found;
}

std::vector<std::string> names_at(Place place) {
    std::vector<std::string> names;
    for (const Key& key : keys())
        if (place == Place::Probe || key.is_common) names.emplace_back(key.name);
    if (place == Place::Top) names.emplace_back(kProbes);
    return names;
}

Result<> apply(const Entry& entry, Place place, const Origin& origin, PolicyProbe& probe) {
    const std::string_view name = entry.key->str();
    const Key* key = find_key(name);
    if (key == nullptr)
        return origin.refuse(entry.key->source(), fmt::format("unknown key {}", name),
                             suggest(name, names_at(place)));
    if (place == Place::Top && !key->is_common)
        return origin.refuse(entry.key->source(),
                             fmt::format("{} is a probe's own: it stands under [[probe]]", name));
    const Value value(*key, *entry.node, origin);
    if (auto r = value.check(); !r) return r;
    return key->apply(value, probe);
}

/// What only all keys together tell.
Result<> complete(PolicyProbe& p, const toml::source_region& at, const Origin& origin) {
    if (p.probe.file.empty()) return origin.refuse(at, "a probe has no bpf", "bpf = \"ddos\"");
    if (p.name.empty()) p.name = probe_name(p.probe.file);
    if (!is_probe_name(p.name))
        return origin.refuse(at, fmt::format("\"{}\" cannot be a probe's name", p.name),
                             "name = \"...\" gives it another");
    if (p.interfaces.empty())
        return origin.refuse(at, fmt::format("probe {} has no interface", p.name),
                             "interface = \"eth0\", here or at the top");
    p.probe.name = p.name;
    for (auto& [target, value] : p.probe.settings) target.insert(0, p.name + ".");
    p.model.max_alerts = alert_limit(p.report.max_alerts, p.report.as_json, p.model.lists_all);
    Analysis analysis = assign_model(p.extractor.file, std::move(p.model));
    p.extractor = std::move(analysis.extractor);
    p.model = std::move(analysis.model);
    return {};
}

/// The probes of a file, and the line that each begins in.
struct Reading {
    Policy policy;
    std::vector<toml::source_index> lines;
};

Result<> add_probe(const toml::table& table, const Origin& origin, PolicyProbe probe,
                   Reading& reading) {
    probe.probe.file.clear();
    for (const Entry& entry : in_order(table))
        if (auto r = apply(entry, Place::Probe, origin, probe); !r) return r;
    if (auto r = complete(probe, table.source(), origin); !r) return r;
    const auto& probes = reading.policy.probes;
    const auto twin = std::ranges::find(probes, probe.name, &PolicyProbe::name);
    if (twin != probes.end()) {
        const auto line = reading.lines[static_cast<std::size_t>(twin - probes.begin())];
        const toml::node* name = table.get("name");
        return origin.refuse(name != nullptr ? name->source() : table.source(),
                             fmt::format("two probes are called {}: see line {}", probe.name, line),
                             "name = \"...\" gives one of them another");
    }
    reading.lines.push_back(table.source().begin.line);
    reading.policy.probes.push_back(std::move(probe));
    return {};
}

Result<Policy> read_tables(const toml::table& root, const Origin& origin) {
    PolicyProbe defaults;
    const toml::node* probes = nullptr;
    for (const Entry& entry : in_order(root)) {
        if (entry.key->str() == kProbes) {
            probes = entry.node;
            continue;
        }
        if (auto r = apply(entry, Place::Top, origin, defaults); !r) return pass_on(r);
    }
    if (probes == nullptr) return origin.refuse(root.source(), "no probe", "[[probe]] begins one");
    const toml::array* tables = probes->as_array();
    if (tables == nullptr) return origin.refuse(probes->source(), "probes are written [[probe]]");
    if (tables->empty()) return origin.refuse(probes->source(), "no probe", "[[probe]] begins one");
    Reading reading;
    for (const toml::node& node : *tables) {
        const toml::table* table = node.as_table();
        if (table == nullptr) return origin.refuse(node.source(), "probes are written [[probe]]");
        if (auto r = add_probe(*table, origin, defaults, reading); !r) return pass_on(r);
    }
    return std::move(reading.policy);
}

/// The one place where toml++ throws.
Result<toml::table> parse(const std::string& text, const std::string& file) {
    try {
        return toml::parse(text, file);
    } catch (const toml::parse_error& error) {
        const auto& at = error.source().begin;
        return fail(Errc::Invalid,
                    fmt::format("{}:{}:{}: {}", file, at.line, at.column, error.description()));
    }
}

}  // namespace

Result<Policy> read_policy(const std::filesystem::path& file) {
    auto bytes = regular_file_bytes(file);
    if (!bytes) return wrap(bytes, "policy");
    if (*bytes > kMostBytes)
        return fail(Errc::Invalid,
                    fmt::format("policy {}: too long to be a policy", file.string()));
    auto text = read_text(file);
    if (!text) return wrap(text, "policy");
    auto root = parse(*text, file.string());
    if (!root) return pass_on(root);
    return read_tables(*root, {.file = file.string(), .folder = file.parent_path()});
}

}  // namespace weir::policy
