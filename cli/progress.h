// SPDX-License-Identifier: Apache-2.0
#pragma once
// One line on standard error that is written over and over, where a person looks on; else nothing.
// Ownership: a plain value. Thread rule: one thread.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

namespace weir::cli {

class ProgressLine {
public:
    /// "42 % TEXT()", when the number is another than before.
    template <class Text>
    void show(std::uint64_t percent, const Text& text) {
        if (!is_terminal_ || (is_shown_ && percent == percent_)) return;
        fmt::print(stderr, "\r{:3} % {}\033[K", percent, text());
        std::fflush(stderr);
        percent_ = percent;
        is_shown_ = true;
    }
    void erase() {
        if (is_shown_) fmt::print(stderr, "\r\033[K");
        is_shown_ = false;
    }

private:
    bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
    bool is_shown_ = false;
    std::uint64_t percent_ = 0;
};

}  // namespace weir::cli
