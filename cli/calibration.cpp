// SPDX-License-Identifier: Apache-2.0
#include "cli/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/columns.h"
#include "table/number.h"

namespace weir::cli {
namespace {

constexpr double kSteps = 10000;  // thresholds have four digits
constexpr double kHour = 3600;
constexpr std::array kTable = {0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.999};

std::string count(std::size_t n) { return table::with_separators(std::to_string(n)); }

std::string percent(double share) { return fmt::format("{:.3g} %", share * 100); }

std::size_t above(const std::vector<float>& scores, double threshold) {
    return static_cast<std::size_t>(
        std::ranges::count_if(scores, [&](float score) { return score > threshold; }));
}

/// The upper end of the 95 % interval of a share. Source: Wilson, "Probable inference, the law of
/// succession, and statistical inference", 1927.
double upper_bound(std::size_t hits, std::size_t all) {
    constexpr double kZ = 1.96;
    if (all == 0) return 1;
    const auto n = static_cast<double>(all);
    const double p = static_cast<double>(hits) / n;
    return (p + kZ * kZ / (2 * n) + kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n))) /
           (1 + kZ * kZ / n);
}

nlohmann::ordered_json as_json(const FalseAlarms& f) {
    return {{"threshold", f.threshold},
            {"flows", f.flows},
            {"share", f.share},
            {"share_at_most", f.most},
            {"windows", f.windows},
            {"flows_per_hour", f.flows_per_hour},
            {"windows_per_hour", f.windows_per_hour}};
}

std::string sentence(const FalseAlarms& f, std::size_t flows) {
    return fmt::format(
        "{} of {} flows above it ({}, at most {}), {:.3g} an hour; an alarm in {:.3g} windows an "
        "hour",
        count(f.flows), count(flows), percent(f.share), percent(f.most), f.flows_per_hour,
        f.windows_per_hour);
}

}  // namespace

const FalseAlarms* Suggestion::taken() const {
    if (!least) return nullptr;
    return own.threshold >= least->threshold ? &own : &*least;
}

void Calibration::add(const Window& window) {
    const double seconds = static_cast<double>(window.end_ns - window.start_ns) / 1e9;
    if (window.skipped != 0 && seconds > kHour) return;  // no traffic, but a gap in the capture
    ++windows_;
    seconds_ += seconds;
    untracked_ += window.packets.untracked;
    if (!window.detection) return;
    own_ = window.detection->threshold;
    const auto& scores = window.detection->scores;
    if (scores.empty()) return;
    scores_.insert(scores_.end(), scores.begin(), scores.end());
    highest_.push_back(*std::ranges::max_element(scores));
}

FalseAlarms Calibration::at(double threshold) const {
    FalseAlarms f{.threshold = threshold,
                  .flows = above(scores_, threshold),
                  .windows = above(highest_, threshold)};
    const double per_hour = seconds_ > 0 ? kHour / seconds_ : 0;
    if (!scores_.empty())
        f.share = static_cast<double>(f.flows) / static_cast<double>(scores_.size());
    f.most = upper_bound(f.flows, scores_.size());
    f.flows_per_hour = static_cast<double>(f.flows) * per_hour;
    f.windows_per_hour = static_cast<double>(f.windows) * per_hour;
    return f;
}

Suggestion Calibration::suggest(double share) {
    Suggestion s{.least = {}, .own = at(own_)};
    std::ranges::sort(scores_, std::greater<>());
    const auto allowed =
        static_cast<std::size_t>(std::floor(share * static_cast<double>(scores_.size())));
    // So many may lie above: the next one below is the least threshold, rounded up.
    const double least = allowed < scores_.size() ? scores_[allowed] : 0;
    const double rounded = std::ceil(least * kSteps) / kSteps;
    if (rounded < 1) s.least = at(rounded);
    return s;
}

CalibrationReport report_of(Calibration& seen, double wanted) {
    CalibrationReport report{.model = {},
                             .wanted = wanted,
                             .flows = seen.flows(),
                             .windows = seen.windows(),
                             .seconds = seen.seconds(),
                             .untracked = seen.untracked(),
                             .suggestion = seen.suggest(wanted),
                             .table = {}};
    for (const double threshold : kTable) report.table.push_back(seen.at(threshold));
    return report;
}

std::string calibration_text(const CalibrationReport& r) {
    std::string text = fmt::format("model {}, windows of {:g} s\n", r.model, r.window_s);
    text +=
        fmt::format("{} flows in {} windows, {:.1f} minutes of traffic that is taken for benign\n",
                    count(r.flows), count(r.windows), r.seconds / 60);
    if (r.untracked != 0)
        text += fmt::format("! {} packets of flows for which there was no room are not in it\n",
                            count(r.untracked));
    std::vector<Row> rows = {{"threshold", "flows above", "share", "per hour", "windows per hour"}};
    for (const FalseAlarms& f : r.table)
        rows.push_back({fmt::format("{:g}", f.threshold), count(f.flows), percent(f.share),
                        fmt::format("{:.3g}", f.flows_per_hour),
                        fmt::format("{:.3g}", f.windows_per_hour)});
    text += "\n" + aligned(rows) + "\n";
    const Suggestion& s = r.suggestion;
    text += fmt::format("the model's own, {:g}: {}\n", s.own.threshold, sentence(s.own, r.flows));
    text += fmt::format("wanted: at most {} of benign flows\n", percent(r.wanted));
    if (const FalseAlarms* taken = s.taken()) {
        if (taken == &s.own && s.least)
            text += fmt::format(
                "the model's own threshold keeps to that; the least that does is {:g}\n"
                "threshold {:g}\n",
                s.least->threshold, s.own.threshold);
        else
            text +=
                fmt::format("threshold {:g}: {}\n", taken->threshold, sentence(*taken, r.flows));
        text += fmt::format("--threshold {0:g}, or in the model's .toml: threshold = {0:g}\n",
                            taken->threshold);
    } else {
        text += fmt::format(
            "no threshold keeps to that: more of the flows than wanted have the highest score. "
            "Look "
            "at them (--threshold 0.9999, weir replay or inject), or train on such traffic\n");
    }
    if (r.wanted * static_cast<double>(r.flows) < 1)
        text += fmt::format("! so few flows tell no shares under {}: look longer\n",
                            percent(r.flows == 0 ? 1 : 1 / static_cast<double>(r.flows)));
    return text;
}

std::string calibration_json(const CalibrationReport& r) {
    nlohmann::ordered_json json = {{"model", r.model},     {"window_s", r.window_s},
                                   {"flows", r.flows},     {"windows", r.windows},
                                   {"seconds", r.seconds}, {"untracked", r.untracked},
                                   {"wanted", r.wanted}};
    const Suggestion& s = r.suggestion;
    json["threshold"] =
        s.taken() != nullptr ? nlohmann::ordered_json(s.taken()->threshold) : nullptr;
    json["own"] = as_json(s.own);
    json["least"] = s.least ? as_json(*s.least) : nullptr;
    for (const FalseAlarms& f : r.table) json["table"].push_back(as_json(f));
    return json.dump() + "\n";
}

}  // namespace weir::cli
