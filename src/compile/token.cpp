// SPDX-License-Identifier: Apache-2.0
#include "compile/token.h"

#include <algorithm>
#include <charconv>
#include <memory>

namespace weir::compile {
namespace {

// Not <cctype>: that depends on the locale and is undefined for negative char.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word_start(char c) {
    // Bytes of UTF-8 sequences may stand in identifiers.
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
}
bool is_word_part(char c) { return is_word_start(c) || is_digit(c); }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }

/// The name in a line marker, its escapes undone.
std::string unescaped(std::string_view quoted) {
    std::string name;
    for (std::size_t i = 0; i < quoted.size(); ++i) {
        if (quoted[i] == '\\' && i + 1 < quoted.size()) ++i;
        name += quoted[i];
    }
    return name;
}

/// Whether the flags behind a line marker's file name contain this digit.
bool has_flag(std::string_view flags, char digit) { return flags.contains(digit); }

}  // namespace

TextFile* Lexer::file_named(const std::string& name) {
    if (auto known = files_by_name_.find(name); known != files_by_name_.end()) return known->second;
    files_.push_back({.name = name});
    return files_by_name_.emplace(name, &files_.back()).first->second;
}

/// `# 12 "file.h" 1 3`: the next line is line 12 of file.h; 1 = entered, 2 = returned to, 3 =
/// system.
/// `#line 12 "file.h"` means the same, in source that was not preprocessed.
void Lexer::read_marker(std::string_view directive) {
    const char* begin = std::to_address(directive.begin());
    unsigned line = 0;
    const auto number = std::from_chars(begin, begin + directive.size(), line);
    if (number.ec != std::errc{}) return;
    line_ = line - 1;  // the newline that ends the marker counts one
    directive.remove_prefix(static_cast<std::size_t>(number.ptr - begin));
    const auto open = directive.find('"');
    const auto close = directive.rfind('"');
    if (open == std::string_view::npos || close == open) return;
    TextFile* file = file_named(unescaped(directive.substr(open + 1, close - open - 1)));
    const auto flags = directive.substr(close + 1);
    file->is_system = has_flag(flags, '3');
    file->is_included = file->is_included || has_flag(flags, '1');
    file_ = file;
}

/// A whole line that starts with '#', without the newline that ends it.
void Lexer::read_directive() {
    const auto begin = position_ + 1;
    while (position_ < text_.size() && text_[position_] != '\n') {
        if (text_[position_] == '\\' && at(position_ + 1) == '\n') {
            ++line_;
            ++position_;
        }
        if (text_[position_] == '/' && at(position_ + 1) == '*')
            skip_comment();
        else
            ++position_;
    }
    auto directive = text_.substr(begin, std::min(position_, text_.size()) - begin);
    while (!directive.empty() && is_blank(directive[0])) directive.remove_prefix(1);
    if (directive.starts_with("line ")) directive.remove_prefix(5);
    if (!directive.empty() && is_digit(directive[0])) read_marker(directive);
}

void Lexer::skip_comment() {
    const auto close = text_.find("*/", position_ + 2);
    const auto end = close == std::string_view::npos ? text_.size() : close + 2;
    const auto comment = text_.substr(position_, end - position_);
    line_ += static_cast<unsigned>(std::ranges::count(comment, '\n'));
    position_ = end;
}

/// Moves past what stands between tokens; false at the end of the text.
bool Lexer::skip_blanks() {
    while (position_ < text_.size()) {
        const char c = text_[position_];
        if (c == '\n') {
            ++line_;
            ++position_;
            at_line_start_ = true;
        } else if (is_blank(c)) {
            ++position_;
        } else if (c == '\\' && at(position_ + 1) == '\n') {
            ++line_;
            position_ += 2;
        } else if (c == '/' && at(position_ + 1) == '*') {
            skip_comment();
        } else if (c == '/' && at(position_ + 1) == '/') {
            position_ = std::min(text_.find('\n', position_), text_.size());
        } else if (c == '#' && at_line_start_) {
            read_directive();
        } else {
            return true;
        }
    }
    return false;
}

Token Lexer::take(TokenKind kind, std::size_t length) {
    const Token token{
        .kind = kind, .text = text_.substr(position_, length), .file = file_, .line = line_};
    position_ += length;
    at_line_start_ = false;
    return token;
}

/// A string or character literal; one that does not end stops at its line.
Token Lexer::take_quoted(TokenKind kind, char quote) {
    const unsigned line = line_;
    const auto begin = ++position_;
    while (position_ < text_.size() && text_[position_] != quote && text_[position_] != '\n') {
        if (text_[position_] == '\\') {
            if (at(position_ + 1) == '\n') ++line_;
            ++position_;
        }
        ++position_;
    }
    position_ = std::min(position_, text_.size());
    const Token token{
        .kind = kind, .text = text_.substr(begin, position_ - begin), .file = file_, .line = line};
    if (at(position_) == quote) ++position_;
    at_line_start_ = false;
    return token;
}

Token Lexer::next() {
    if (!skip_blanks()) return {.kind = TokenKind::End, .text = {}, .file = file_, .line = line_};
    const char c = text_[position_];
    if (c == '"') return take_quoted(TokenKind::String, '"');
    if (c == '\'') return take_quoted(TokenKind::Char, '\'');
    std::size_t length = 1;
    if (is_word_start(c)) {
        while (is_word_part(at(position_ + length))) ++length;
        return take(TokenKind::Word, length);
    }
    if (is_digit(c) || (c == '.' && is_digit(at(position_ + 1)))) {
        while (is_word_part(at(position_ + length)) || at(position_ + length) == '.') ++length;
        return take(TokenKind::Number, length);
    }
    return take(TokenKind::Punctuation, 1);
}

}  // namespace weir::compile
