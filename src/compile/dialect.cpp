// SPDX-License-Identifier: Apache-2.0
#include "compile/dialect.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <vector>

#include "compile/token.h"
#include "util/file.h"

namespace weir::compile {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxFiles = 64;  // a source that includes more of its own is decided by these

/// The text without comments; what stands in strings stays.
std::string without_comments(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i, 2) == "/*") {
            const auto end = text.find("*/", i + 2);
            out += ' ';
            if (end == std::string_view::npos) break;
            i = end + 1;
        } else if (text.substr(i, 2) == "//") {
            i = text.find('\n', i);
            if (i == std::string_view::npos) break;
            out += '\n';
        } else if (text[i] == '"' || text[i] == '\'') {
            const char quote = text[i];
            do {
                out += text[i];
                if (text[i] == '\\' && i + 1 < text.size()) out += text[++i];
                ++i;
            } while (i < text.size() && text[i] != quote && text[i] != '\n');
            if (i < text.size()) out += text[i];
        } else {
            out += text[i];
        }
    }
    return out;
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r");
    return begin == std::string_view::npos ? std::string_view{} : text.substr(begin);
}

struct Include {
    std::string name;
    bool is_quoted = false;
};

/// `#include <a.h>` or `#include "a.h"`, given one line without comments.
std::vector<Include> includes_of(std::string_view text) {
    std::vector<Include> includes;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        auto line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!line.starts_with('#')) continue;
        line = trimmed(line.substr(1));
        if (!line.starts_with("include")) continue;
        line.remove_prefix(line.starts_with("include_next") ? 12 : 7);
        line = trimmed(line);
        if (line.empty() || (line[0] != '<' && line[0] != '"')) continue;
        const bool is_quoted = line[0] == '"';
        const auto close = line.find(is_quoted ? '"' : '>', 1);
        if (close == std::string_view::npos) continue;
        includes.push_back({std::string(line.substr(1, close - 1)), is_quoted});
    }
    return includes;
}

/// How many parameters stand up to the parenthesis that closes the one just read.
unsigned parameters_behind(Lexer lexer) {
    unsigned parameters = 1;
    for (unsigned depth = 1; depth > 0;) {
        const Token t = lexer.next();
        if (t.kind == TokenKind::End) break;
        if (t.is('(')) ++depth;
        if (t.is(')')) --depth;
        if (t.is(',') && depth == 1) ++parameters;
    }
    return parameters;
}

/// Whether a parenthesis follows the name somewhere, also in a macro, which the Lexer leaves out.
bool has_call(std::string_view text, std::string_view name) {
    const auto is_letter = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    };
    for (auto at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
        const bool begins = at == 0 || !is_letter(text[at - 1]);
        if (begins && trimmed(text.substr(at + name.size())).starts_with('(')) return true;
    }
    return false;
}

class Reader {
public:
    void read(std::string_view text, const fs::path& path);
    [[nodiscard]] Clues clues() const;

private:
    void read_words(std::string_view text);
    void read_include(const Include& include, const fs::path& from);

    bool is_native_ = false;
    bool is_libbpf_ = false;
    Clues clues_;
    std::set<fs::path> seen_;
};

void Reader::read(std::string_view text, const fs::path& path) {
    if (seen_.size() >= kMaxFiles || !seen_.insert(path).second) return;
    const std::string code = without_comments(text);
    read_words(code);
    clues_.logs |= has_call(code, "dp_log") || has_call(code, "pcn_log");
    clues_.punts |= has_call(code, "pkt_to_controller") || has_call(code, "pcn_pkt_controller");
    for (const auto& include : includes_of(code)) read_include(include, path);
}

void Reader::read_words(std::string_view text) {
    Lexer lexer(text);
    Token last;
    for (Token t = lexer.next(); t.kind != TokenKind::End; last = t, t = lexer.next()) {
        if (!t.is('(')) continue;
        if (last.is_word("SEC") || last.is_word("section") || last.is_word("__section__") ||
            last.is_word("__section"))
            is_libbpf_ = true;
        if (last.is_word("handle_rx"))
            clues_.handle_rx_parameters =
                std::max(clues_.handle_rx_parameters, parameters_behind(lexer));
        if (last.is_word("handler"))
            clues_.handler_parameters =
                std::max(clues_.handler_parameters, parameters_behind(lexer));
    }
}

void Reader::read_include(const Include& include, const fs::path& from) {
    const auto& name = include.name;
    if (name.starts_with("weir/") && !name.starts_with("weir/bcc/")) is_native_ = true;
    if (name.ends_with("bpf_helpers.h")) is_libbpf_ = true;
    if (name.ends_with("vmlinux.h")) {
        is_libbpf_ = true;
        clues_.includes_vmlinux = true;
        return;  // millions of characters that say nothing of the dialect
    }
    if (!include.is_quoted) return;
    const fs::path file = (from.parent_path() / name).lexically_normal();
    if (const auto text = read_text(file)) read(*text, file);
}

Clues Reader::clues() const {
    Clues clues = clues_;
    if (is_native_)
        clues.dialect = Dialect::Native;
    else if (is_libbpf_)
        clues.dialect = Dialect::Libbpf;
    return clues;
}

}  // namespace

const char* dialect_name(Dialect dialect) {
    switch (dialect) {
        case Dialect::Native: return "native";
        case Dialect::Libbpf: return "libbpf";
        case Dialect::Bcc: return "BCC";
    }
    return "?";
}

Clues read_clues(std::string_view text, const fs::path& path) {
    Reader reader;
    reader.read(text, path);
    return reader.clues();
}

}  // namespace weir::compile
