// SPDX-License-Identifier: Apache-2.0
#include "compile/declaration.h"

#include <algorithm>
#include <array>

namespace weir::compile {
namespace {

bool is_one_of(const Token& token, std::span<const std::string_view> words) {
    return token.kind == TokenKind::Word && std::ranges::find(words, token.text) != words.end();
}

/// Words whose parentheses belong to themselves, not to a declarator.
bool takes_brackets(const Token& token) {
    static constexpr std::array<std::string_view, 13> kWords = {
        "__attribute__",  "__attribute",   "asm",      "__asm__",  "__asm",
        "typeof",         "__typeof__",    "__typeof", "_Alignas", "__declspec",
        "_Static_assert", "static_assert", "_Atomic"};
    return is_one_of(token, kWords);
}

/// Words that may stand before a parenthesis as a type: `int (*f(void))(int)`.
bool is_type_word(const Token& token) {
    static constexpr std::array<std::string_view, 16> kWords = {
        "void",     "char",       "short",      "int",          "long",     "float",
        "double",   "signed",     "_Bool",      "unsigned",     "volatile", "const",
        "restrict", "__restrict", "__signed__", "__extension__"};
    return is_one_of(token, kWords);
}

bool opens(const Token& t) { return t.is('(') || t.is('[') || t.is('{'); }
bool closes(const Token& t) { return t.is(')') || t.is(']') || t.is('}'); }

/// What stands between the bracket at `open` and its partner.
Tokens inside_bracket(Tokens tokens, std::size_t open) {
    const std::size_t end = behind_bracket(tokens, open);
    return tokens.subspan(open + 1, end - open - (end > open + 1 ? 2 : 1));
}

/// `(` at `open` begins a nested declarator, whose own parameters or suffix follow:
/// `(*f(int))(int)`.
std::optional<Declarator> nested_declarator(Tokens tokens, std::size_t open) {
    const Tokens inner = inside_bracket(tokens, open);
    if (auto function = function_declarator(inner)) {
        function->rest = tokens.subspan(behind_bracket(tokens, open));
        return function;
    }
    const std::size_t next = behind_bracket(tokens, open);
    if (inner.empty() || inner.back().kind != TokenKind::Word) return {};
    // `int (f)(void)` declares a function, `int (*f)(void)` a pointer to one.
    const bool is_pointer = std::ranges::any_of(inner, [](const Token& t) { return t.is('*'); });
    if (is_pointer || next >= tokens.size() || !tokens[next].is('(')) return {};
    return Declarator{.name = inner.back(),
                      .parameters = inside_bracket(tokens, next),
                      .rest = tokens.subspan(behind_bracket(tokens, next))};
}

/// Calls visit(token, index) for each token outside of brackets; stops when it returns true.
template <class Visit>
bool visit_outside(Tokens tokens, Visit visit) {
    for (std::size_t i = 0; i < tokens.size();) {
        if (visit(tokens[i], i)) return true;
        i = opens(tokens[i]) ? behind_bracket(tokens, i) : i + 1;
    }
    return false;
}

}  // namespace

std::size_t behind_bracket(Tokens tokens, std::size_t open) {
    std::size_t depth = 0;
    for (std::size_t i = open; i < tokens.size(); ++i) {
        if (opens(tokens[i])) ++depth;
        if (closes(tokens[i]) && --depth == 0) return i + 1;
    }
    return tokens.size();
}

std::optional<Declarator> function_declarator(Tokens declaration) {
    for (std::size_t i = 0; i < declaration.size();) {
        const Token& token = declaration[i];
        if (token.is('=')) return {};  // what follows is an initialiser
        if (takes_brackets(token) && i + 1 < declaration.size() && declaration[i + 1].is('(')) {
            i = behind_bracket(declaration, i + 1);
            continue;
        }
        if (!token.is('(')) {
            i = opens(token) ? behind_bracket(declaration, i) : i + 1;
            continue;
        }
        const std::size_t next = behind_bracket(declaration, i);
        const bool is_nested = i == 0 || declaration[i - 1].kind != TokenKind::Word ||
                               is_type_word(declaration[i - 1]) ||
                               (next < declaration.size() && declaration[next].is('('));
        if (is_nested) return nested_declarator(declaration, i);
        return Declarator{.name = declaration[i - 1],
                          .parameters = inside_bracket(declaration, i),
                          .rest = declaration.subspan(next)};
    }
    return {};
}

std::string section_of(Tokens declaration) {
    for (std::size_t i = 0; i + 2 < declaration.size(); ++i) {
        const bool is_section =
            declaration[i].is_word("section") || declaration[i].is_word("__section__");
        if (!is_section || !declaration[i + 1].is('(')) continue;
        std::string section;
        for (i += 2; i < declaration.size() && declaration[i].kind == TokenKind::String; ++i)
            section += declaration[i].text;  // "a" "b" is one string
        if (!section.empty()) return section;
    }
    return {};
}

bool has_word(Tokens declaration, std::string_view word) {
    return visit_outside(declaration, [&](const Token& t, std::size_t) { return t.is_word(word); });
}

bool has_punctuation(Tokens declaration, char punctuation) {
    return visit_outside(declaration,
                         [&](const Token& t, std::size_t) { return t.is(punctuation); });
}

std::string_view declared_name(Tokens declaration) {
    std::string_view name;
    visit_outside(declaration, [&](const Token& t, std::size_t i) {
        if (t.is('=') || t.is(',') || t.is(':')) return true;
        if (t.kind == TokenKind::Word && !takes_brackets(t)) name = t.text;
        // `typedef int (*name)(int)`: the name stands in the first brackets behind the type.
        const bool is_pointer =
            t.is('(') && i + 1 < declaration.size() && declaration[i + 1].is('*');
        if (is_pointer) name = declared_name(inside_bracket(declaration, i));
        return is_pointer;
    });
    return name;
}

bool is_old_style_head(Tokens declaration) {
    const auto function = function_declarator(declaration);
    if (!function || function->parameters.empty() || function->rest.empty()) return false;
    const Token& next = function->rest[0];
    if (next.kind != TokenKind::Word || takes_brackets(next)) return false;
    for (std::size_t i = 0; i < function->parameters.size(); ++i) {
        const Token& token = function->parameters[i];
        if (i % 2 == 0 ? token.kind != TokenKind::Word : !token.is(',')) return false;
    }
    return true;
}

}  // namespace weir::compile
