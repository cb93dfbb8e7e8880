// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads one top-level C declaration, given as its tokens: up to the `;` that ends it or the `{` of
// its body. Used by scan.cpp only. Ownership: results borrow from the tokens. Thread-safe.
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "compile/token.h"

namespace weir::compile {

using Tokens = std::span<const Token>;

/// The name of a function and what stands between the parentheses of its parameters.
struct Declarator {
    Token name;
    Tokens parameters;
    Tokens rest;  // behind the parameters
};

/// The index behind the bracket that closes the one at `open`; tokens.size() when none does.
[[nodiscard]] std::size_t behind_bracket(Tokens tokens, std::size_t open);

/// Finds `name(parameters)`, also within `int (*name(parameters))(int)` and `int
/// (name)(parameters)`. Attributes, asm labels and typeof are no declarators. Empty: no function is
/// declared.
[[nodiscard]] std::optional<Declarator> function_declarator(Tokens declaration);

/// The argument of __attribute__((section("..."))), wherever it stands; empty when there is none.
[[nodiscard]] std::string section_of(Tokens declaration);

/// Whether the word stands outside of all brackets.
[[nodiscard]] bool has_word(Tokens declaration, std::string_view word);

/// Whether the punctuation stands outside of all brackets.
[[nodiscard]] bool has_punctuation(Tokens declaration, char punctuation);

/// The name that a declaration of a variable or a type introduces; empty when it has none.
[[nodiscard]] std::string_view declared_name(Tokens declaration);

/// Whether this is the head of a definition in the old style, `int f(ctx) struct xdp_md *ctx`,
/// whose parameters are declared between the parentheses and the body.
[[nodiscard]] bool is_old_style_head(Tokens declaration);

}  // namespace weir::compile
