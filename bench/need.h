// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a benchmark does with errors: it prints them and ends.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "weir/result.h"

namespace weir::bench {

[[noreturn]] inline void give_up(const Error& error) {
    fmt::print(stderr, "bench: {}\n{}\n", error.message, error.log);
    std::exit(1);  // NOLINT(concurrency-mt-unsafe)
}

template <class T>
T need(Result<T> r) {
    if (!r) give_up(r.error());
    return std::move(*r);
}

inline void need(Result<> r) {
    if (!r) give_up(r.error());
}

}  // namespace weir::bench
