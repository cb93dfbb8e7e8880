// SPDX-License-Identifier: Apache-2.0
#include "table/quote.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "table/render.h"

namespace weir::table {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

unsigned byte_at(std::string_view text, std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
}

/// Bytes of the UTF-8 sequence at `i`; 0 where there is none. Source: Unicode 15, table 3-7.
std::size_t sequence_at(std::string_view text, std::size_t i) {
    const unsigned first = byte_at(text, i);
    const unsigned second = byte_at(text, i + 1);
    const auto is_tail = [&](std::size_t at) { return (byte_at(text, at) & 0xc0) == 0x80; };
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return is_tail(i + 1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        if (first == 0xe0 && second < 0xa0) return 0;  // overlong
        if (first == 0xed && second > 0x9f) return 0;  // surrogates
        return is_tail(i + 1) && is_tail(i + 2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        if (first == 0xf0 && second < 0x90) return 0;  // overlong
        if (first == 0xf4 && second > 0x8f) return 0;  // beyond U+10FFFF
        return is_tail(i + 1) && is_tail(i + 2) && is_tail(i + 3) ? 4 : 0;
    }
    return 0;
}

bool is_ordinary(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

void append_json_escape(std::string& out, char c) {
    switch (c) {
        case '"': out.append("\\\""); return;
        case '\\': out.append("\\\\"); return;
        case '\n': out.append("\\n"); return;
        case '\r': out.append("\\r"); return;
        case '\t': out.append("\\t"); return;
        default:
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    out.push_back('"');
    for (std::size_t i = 0; i < text.size();) {
        const auto stop = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(i),
                                           text.end(), is_ordinary);
        const auto end = static_cast<std::size_t>(stop - text.begin());
        out.append(text.substr(i, end - i));
        i = end;
        if (i == text.size()) break;
        const std::size_t length = sequence_at(text, i);
        if (length == 0) out.append(kReplacement);
        if (length == 1) append_json_escape(out, text[i]);
        if (length > 1) out.append(text.substr(i, length));
        i += std::max<std::size_t>(length, 1);
    }
    out.push_back('"');
}

void append_plain_text(std::string& out, std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = sequence_at(text, i);
        const unsigned first = byte_at(text, i);
        const bool is_control = first < 0x20 || first == 0x7f;
        const bool is_wide_control =
            first == 0xc2 && byte_at(text, i + 1) < 0xa0;  // U+0080 to U+009F
        if (length == 0 || is_wide_control) {
            out.append(kReplacement);
        } else if (is_control) {
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", first);
        } else {
            out.append(text.substr(i, length));
        }
        i += std::max<std::size_t>(length, 1);
    }
}

std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace weir::table
