// SPDX-License-Identifier: Apache-2.0
#include "cli/model_score.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "model/set_file.h"
#include "util/clock.h"

namespace weir::cli {
namespace {

constexpr std::size_t kBatch = 1024;  // what lies between the layers stays in the cache

/// LUCID's own models have a channel behind the features, its sets have not.
std::vector<std::int64_t> without_ones(std::vector<std::int64_t> shape) {
    while (shape.size() > 1 && shape.back() == 1) shape.pop_back();
    return shape;
}

double ratio(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void count(SetScore& score, bool is_above, int label) {
    if (label == 1)
        ++(is_above ? score.true_positive : score.false_negative);
    else
        ++(is_above ? score.false_positive : score.true_negative);
}

}  // namespace

double SetScore::share_above() const { return ratio(above(), samples); }
double SetScore::accuracy() const { return ratio(true_positive + true_negative, samples); }
double SetScore::flows_per_s() const {
    return predict_ns == 0 ? 0
                           : static_cast<double>(samples) * 1e9 / static_cast<double>(predict_ns);
}

void SetScore::add(const SetScore& other) {
    samples += other.samples;
    has_labels = has_labels && other.has_labels;
    true_positive += other.true_positive;
    false_negative += other.false_negative;
    false_positive += other.false_positive;
    true_negative += other.true_negative;
    predict_ns += other.predict_ns;
}

Result<> check_sets(const std::string& model, const model::Runner& runner,
                    const std::vector<std::string>& sets) {
    const model::Signature& signature = runner.signature();
    if (signature.output_values() != 1)
        return fail(Errc::Rejected,
                    fmt::format("model {}: it gives [{}] for a sample, a score is one number",
                                model, fmt::join(signature.output, ", ")));
    for (const std::string& path : sets) {
        auto set = model::SetReader::open(path);
        if (!set) return wrap(set, "set");
        if (without_ones(set->shape()) != without_ones(signature.input))
            return fail(Errc::Rejected,
                        fmt::format("set {}: its samples are [{}], model {} takes [{}]", path,
                                    fmt::join(set->shape(), ", "), model,
                                    fmt::join(signature.input, ", ")));
    }
    return {};
}

Result<SetScore> score_set(const model::Runner& runner, const std::string& path,
                           const ScoreOptions& options) {
    auto set = model::SetReader::open(path);
    if (!set) return wrap(set, "set");
    SetScore score{.set = path, .samples = set->samples(), .has_labels = set->has_labels()};
    const std::size_t values = runner.signature().input_values();
    std::vector<float> x(std::min(kBatch, set->samples()) * values);
    std::vector<float> scores(std::min(kBatch, set->samples()));
    std::vector<std::uint8_t> labels(score.has_labels ? scores.size() : 0);
    for (std::size_t first = 0; first < set->samples(); first += kBatch) {
        const std::size_t n = std::min(kBatch, set->samples() - first);
        const auto y = std::span(labels).first(score.has_labels ? n : 0);
        if (auto r = set->read(first, n, std::span(x).first(n * values), y); !r)
            return wrap(r, "set " + path);
        const Nanoseconds begin = monotonic_ns();
        auto done = runner.predict(std::span(x).first(n * values), std::span(scores).first(n));
        if (!done) return pass_on(done);
        score.predict_ns += static_cast<std::uint64_t>(monotonic_ns() - begin);
        for (std::size_t i = 0; i < n; ++i) {
            const int label = score.has_labels ? y[i] : -1;
            if (!std::isfinite(scores[i]))
                return fail(Errc::Io, fmt::format("set {}: the score of sample {} is {}", path,
                                                  first + i, scores[i]));
            count(score, scores[i] > options.threshold, label);
            if (!options.on_score) continue;
            if (auto r = options.on_score(path, first + i, label, scores[i]); !r) return pass_on(r);
        }
        if (options.on_batch) options.on_batch(path, first + n, set->samples());
    }
    return score;
}

}  // namespace weir::cli
