// SPDX-License-Identifier: Apache-2.0
#include "policy/option_words.h"

#include <cmath>
#include <limits>
#include <utility>

#include "weir/window.h"

namespace weir::policy {
namespace {

constexpr double kMostSeconds = 1e6;
constexpr std::size_t kTextRows = 100;
constexpr std::size_t kTextAlerts = 10;
constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

}  // namespace

Result<std::chrono::nanoseconds> window_length(double seconds) {
    if (!std::isfinite(seconds)) return fail(Errc::Invalid, "not a number of seconds");
    if (seconds < std::chrono::duration<double>(kMinWindow).count())
        return fail(Errc::Invalid, "a window is 0.05 s at least");
    if (seconds > kMostSeconds) return fail(Errc::Invalid, "a window is 1,000,000 s at most");
    return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

Result<std::vector<std::string>> split_words(const std::string& text) {
    std::vector<std::string> words;
    std::string word;
    char quote = 0;
    bool is_in_word = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
            word += text[++i];
            is_in_word = true;
        } else if (quote != 0) {
            if (c == quote)
                quote = 0;
            else
                word += c;
        } else if (c == '\'' || c == '"') {
            quote = c;
            is_in_word = true;
        } else if (c == ' ' || c == '\t' || c == '\n') {
            if (is_in_word) words.push_back(std::exchange(word, {}));
            is_in_word = false;
        } else {
            word += c;
            is_in_word = true;
        }
    }
    if (quote != 0) return fail(Errc::Invalid, text + ": a quote is not closed");
    if (is_in_word) words.push_back(word);
    return words;
}

Analysis assign_model(const std::string& extractor, ModelOptions model) {
    if (model.file == "none") model.file.clear();
    Analysis analysis;
    analysis.extractor.file = extractor == "auto" ? "" : extractor;
    analysis.extractor.model = model.file;
    if (!model.file.empty() && !extractor.ends_with(".py")) analysis.model = std::move(model);
    return analysis;
}

std::size_t row_limit(const std::optional<std::size_t>& wanted, bool as_json) {
    return wanted.value_or(as_json ? kAll : kTextRows);
}

std::size_t alert_limit(const std::optional<std::size_t>& wanted, bool as_json, bool lists_all) {
    return wanted.value_or(as_json || lists_all ? kAll : kTextAlerts);
}

}  // namespace weir::policy
