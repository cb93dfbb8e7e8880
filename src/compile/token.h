// SPDX-License-Identifier: Apache-2.0
#pragma once
// A small tokeniser for C that the preprocessor has been over: enough to tell words, literals and
// punctuation apart, and to say where each stands by the line markers (`# 12 "file.h" 1 3`). It
// takes source that was not preprocessed as well: comments and other directives are skipped.
//
//     Lexer lexer(text);
//     for (Token t = lexer.next(); t.kind != TokenKind::End; t = lexer.next()) ...
//
// Ownership: tokens borrow from the text and files from the lexer. One thread.
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace weir::compile {

/// A file that the text came from.
struct TextFile {
    std::string name;
    bool is_system = false;    // found in a system folder
    bool is_included = false;  // entered by #include, hence a file that really exists
};

enum class TokenKind { End, Word, Number, String, Char, Punctuation };

struct Token {
    TokenKind kind = TokenKind::End;
    std::string_view text;           // a string's without its quotes; punctuation is one character
    const TextFile* file = nullptr;  // null before the first line marker
    unsigned line = 0;

    [[nodiscard]] bool is(char punctuation) const {
        return kind == TokenKind::Punctuation && text[0] == punctuation;
    }
    [[nodiscard]] bool is_word(std::string_view word) const {
        return kind == TokenKind::Word && text == word;
    }
};

class Lexer {
public:
    explicit Lexer(std::string_view text) : text_(text) {}
    [[nodiscard]] Token next();
    /// Every file named so far, in order of first appearance.
    [[nodiscard]] const std::deque<TextFile>& files() const { return files_; }

private:
    [[nodiscard]] bool skip_blanks();
    void skip_comment();
    void read_directive();
    void read_marker(std::string_view directive);
    [[nodiscard]] TextFile* file_named(const std::string& name);
    [[nodiscard]] Token take(TokenKind kind, std::size_t length);
    [[nodiscard]] Token take_quoted(TokenKind kind, char quote);
    [[nodiscard]] char at(std::size_t index) const {
        return index < text_.size() ? text_[index] : '\0';
    }

    std::string_view text_;
    std::size_t position_ = 0;
    unsigned line_ = 1;
    bool at_line_start_ = true;
    const TextFile* file_ = nullptr;
    std::deque<TextFile> files_;  // tokens point into it: addresses stay
    std::map<std::string, TextFile*, std::less<>> files_by_name_;
};

}  // namespace weir::compile
