// SPDX-License-Identifier: Apache-2.0
#include "cli/model_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/columns.h"

namespace weir::cli {
namespace {

using nlohmann::ordered_json;

/// Names in a file may be anything; a terminal must not take them for commands.
std::string printable(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
    return text;
}

std::string kind_text(const model::ModelDescription& d) {
    const auto with = [](std::string_view text, const std::string& version) {
        return version.empty() ? std::string(text) : fmt::format("{} {}", text, version);
    };
    switch (d.kind) {
        case model::FileKind::KerasHdf5: return with("Keras", d.version) + " (HDF5)";
        case model::FileKind::KerasZip: return with("Keras", d.version) + " (.keras)";
        case model::FileKind::Onnx: break;
    }
    const std::string producer = d.producer.empty() ? "" : ", written by " + d.producer;
    return fmt::format("ONNX ({}{})", d.version, producer);
}

const char* kind_word(model::FileKind kind) {
    switch (kind) {
        case model::FileKind::KerasHdf5: return "keras-hdf5";
        case model::FileKind::KerasZip: return "keras-zip";
        case model::FileKind::Onnx: break;
    }
    return "onnx";
}

/// One line: the profile without --profile, or why there is none.
std::string profile_text(const Result<model::DetectorPlan>& plan) {
    if (!plan) return "none: " + plan.error().message;
    const model::ChosenProfile& chosen = plan->profile;
    const std::string source =
        chosen.assumed.empty() ? chosen.file.string() : chosen.assumed + ", assumed";
    return fmt::format("{}; threshold {:g}; {}", source, plan->threshold,
                       feature_names(chosen.profile));
}

ordered_json profile_json(const Result<model::DetectorPlan>& plan) {
    if (!plan) return {{"misfit", plan.error().message}};
    const model::ChosenProfile& chosen = plan->profile;
    ordered_json json{{"name", chosen.assumed.empty() ? chosen.profile.name : chosen.assumed},
                      {"assumed", !chosen.assumed.empty()}};
    if (!chosen.file.empty()) json["file"] = chosen.file.string();
    json["threshold"] = plan->threshold;
    json["features"] = ordered_json::array();
    for (const model::ProfileFeature& feature : chosen.profile.features)
        json["features"].push_back(feature.name);
    return json;
}

/// 2241: "2,241"
std::string thousands(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

std::string to_line(const ordered_json& json) {
    return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string one_score(const SetScore& s, double threshold) {
    std::string text = fmt::format("{}: {} samples", printable(s.set), thousands(s.samples));
    if (s.samples == 0) return text + "\n";
    if (s.has_labels) text += fmt::format(", accuracy {:.4f}", s.accuracy());
    text += fmt::format(", {:.4f} above {:g}", s.share_above(), threshold);
    text += fmt::format(", {:.0f} flows/s\n", s.flows_per_s());
    if (!s.has_labels) return text;
    return text + aligned({{"", "above", "not above"},
                           {"attack", thousands(s.true_positive), thousands(s.false_negative)},
                           {"benign", thousands(s.false_positive), thousands(s.true_negative)}});
}

ordered_json one_score_json(const SetScore& s) {
    ordered_json json{{"samples", s.samples},
                      {"above", s.above()},
                      {"share_above", s.share_above()},
                      {"flows_per_s", s.flows_per_s()}};
    if (!s.has_labels) return json;
    json["accuracy"] = s.accuracy();
    json["true_positive"] = s.true_positive;
    json["false_negative"] = s.false_negative;
    json["false_positive"] = s.false_positive;
    json["true_negative"] = s.true_negative;
    return json;
}

SetScore total(const std::vector<SetScore>& sets) {
    SetScore sum = sets.front();
    sum.set = "all";
    for (const SetScore& set : std::span(sets).subspan(1)) sum.add(set);
    return sum;
}

}  // namespace

std::string shape_text(const std::vector<std::int64_t>& sample) {
    std::string text = "[samples";
    for (const std::int64_t dimension : sample)
        text += dimension < 0 ? ", ?" : fmt::format(", {}", dimension);
    return text + "]";
}

std::string model_text(const ModelReport& report) {
    const model::ModelDescription& d = report.description;
    const std::string text = fmt::format(
        "{}\n  kind     {}\n  input    {}: float32 {}\n  output   {}: float32 {}\n  profile  "
        "{}\n  weights  {}\n\n",
        printable(report.file), printable(kind_text(d)), printable(d.signature.input_name),
        shape_text(d.signature.input), printable(d.signature.output_name),
        shape_text(d.signature.output), printable(profile_text(report.plan)), thousands(d.weights));
    std::vector<Row> rows{{"layer", "kind", "output", "weights"}};
    for (const model::LayerLine& layer : d.layers)
        rows.push_back({printable(layer.name), printable(layer.kind),
                        layer.has_output ? shape_text(layer.output) : "?",
                        layer.weights == 0 ? "" : thousands(layer.weights)});
    return text + aligned(rows);
}

std::string model_json(const ModelReport& report) {
    const model::ModelDescription& d = report.description;
    const auto value = [](const std::string& name, const std::vector<std::int64_t>& shape) {
        return ordered_json{{"name", name}, {"shape", shape}};
    };
    ordered_json json{{"file", report.file},
                      {"kind", kind_word(d.kind)},
                      {"version", d.version},
                      {"input", value(d.signature.input_name, d.signature.input)},
                      {"output", value(d.signature.output_name, d.signature.output)},
                      {"profile", profile_json(report.plan)},
                      {"weights", d.weights}};
    json["layers"] = ordered_json::array();
    for (const model::LayerLine& layer : d.layers) {
        ordered_json line{{"name", layer.name}, {"kind", layer.kind}, {"weights", layer.weights}};
        line["output"] = layer.has_output ? ordered_json(layer.output) : ordered_json(nullptr);
        json["layers"].push_back(std::move(line));
    }
    return to_line(json);
}

std::string score_text(const ScoreReport& report) {
    std::string text;
    for (const SetScore& set : report.sets) text += one_score(set, report.threshold);
    if (report.sets.size() > 1) text += one_score(total(report.sets), report.threshold);
    return text;
}

std::string score_json(const ScoreReport& report) {
    ordered_json json{{"model", report.model}, {"threshold", report.threshold}};
    json["sets"] = ordered_json::array();
    for (const SetScore& set : report.sets) {
        json["sets"].push_back({{"set", set.set}});
        json["sets"].back().update(one_score_json(set));
    }
    json["total"] = one_score_json(total(report.sets));
    return to_line(json);
}

}  // namespace weir::cli
