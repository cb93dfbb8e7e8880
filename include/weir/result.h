// SPDX-License-Identifier: Apache-2.0
#pragma once
// Start here: every function of weir that can fail returns Result<T>; nothing throws.
//
//     auto probe = ProbeImage::open(path);
//     if (!probe) return wrap(probe, "probe " + name);
//
// Ownership: plain values. Thread rule: immutable once returned.
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

enum class Errc { NotFound, Permission, Busy, Unsupported, Invalid, Rejected, Io };

struct Error {
    Errc code;
    std::string message;    // outermost context first: "probe syn: attach eth0: EBUSY"
    std::string log = {};   // compiler's or verifier's whole output, else empty
    std::string hint = {};  // what the user can do about it, one line, else empty
};

template <class T = void>
using Result = std::expected<T, Error>;

/// Makes the failure that a Result<T> is returned as.
[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string message,
                                                 std::string hint = {}) {
    return std::unexpected(
        Error{.code = code, .message = std::move(message), .log = {}, .hint = std::move(hint)});
}

/// Prefixes what this caller knows; code, log and hint travel on unchanged.
template <class T>
[[nodiscard]] std::unexpected<Error> wrap(Result<T>& r, std::string_view what) {
    r.error().message.insert(0, std::string(what) + ": ");
    return std::unexpected(std::move(r).error());
}

/// Hands a failure on as it is, as a Result of another type.
template <class T>
[[nodiscard]] std::unexpected<Error> pass_on(Result<T>& r) {
    return std::unexpected(std::move(r).error());
}

/// The exit code of the command line for each kind of error.
[[nodiscard]] int exit_code(Errc code);

}  // namespace weir
