// SPDX-License-Identifier: Apache-2.0
#include "compile/scan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "compile/declaration.h"
#include "compile/token.h"

namespace weir::compile {
namespace {

/// What an earlier declaration of a function said: it holds for the definition too.
struct Prototype {
    std::string section;
    bool is_static = false;
};

class Scanner {
public:
    Scanner(std::string_view text, const ScanOptions& options)
        : lexer_(text), weir_headers_(options.weir_headers.string() + "/") {}
    Scan run();

private:
    void add(const Token& token);
    void skip_braces();
    void end_declaration();
    void end_function(const Declarator& function);
    void learn_typedef();
    [[nodiscard]] Context context_of(Tokens type) const;
    [[nodiscard]] Context first_parameter(const Declarator& function) const;
    [[nodiscard]] bool is_own(const TextFile* file) const;

    Lexer lexer_;
    std::string weir_headers_;
    std::vector<Token> declaration_;
    std::size_t depth_ = 0;  // of ( and [ within the declaration
    std::map<std::string, Prototype, std::less<>> prototypes_;
    std::map<std::string, Context, std::less<>> typedefs_;
    Scan scan_;
};

Scan Scanner::run() {
    for (Token t = lexer_.next(); t.kind != TokenKind::End; t = lexer_.next()) add(t);
    for (const auto& file : lexer_.files())
        if (file.is_included && !file.name.starts_with('<'))  // <built-in>
            scan_.files.push_back(file.name);
    return std::move(scan_);
}

void Scanner::add(const Token& token) {
    if (token.is('(') || token.is('[')) ++depth_;
    if ((token.is(')') || token.is(']')) && depth_ > 0) --depth_;
    if (depth_ > 0 || !(token.is('{') || token.is(';'))) {
        declaration_.push_back(token);
        return;
    }
    if (token.is(';')) {
        if (is_old_style_head(declaration_))
            declaration_.push_back(token);
        else
            end_declaration();
        return;
    }
    skip_braces();
    const bool is_initialiser = has_punctuation(declaration_, '=');
    const auto function = is_initialiser ? std::nullopt : function_declarator(declaration_);
    if (function) {
        end_function(*function);
        return;
    }
    // The body of a struct or an initialiser: the declaration goes on behind it.
    Token close = token;
    close.text = "}";
    declaration_.push_back(token);
    declaration_.push_back(close);
}

/// Past the partner of a `{` that was just read.
void Scanner::skip_braces() {
    std::size_t open = 1;
    while (open > 0) {
        const Token token = lexer_.next();
        if (token.kind == TokenKind::End) return;
        if (token.is('{')) ++open;
        if (token.is('}')) --open;
    }
}

void Scanner::end_declaration() {
    if (has_word(declaration_, "typedef")) {
        learn_typedef();
    } else if (const auto function = function_declarator(declaration_)) {
        Prototype seen{.section = section_of(declaration_),
                       .is_static = has_word(declaration_, "static")};
        if (seen.is_static || !seen.section.empty())
            prototypes_.insert_or_assign(std::string(function->name.text), std::move(seen));
    } else if (const auto section = section_of(declaration_);
               section == "maps" || section.starts_with("maps/")) {
        scan_.old_maps.emplace_back(declared_name(declaration_));
    }
    declaration_.clear();
}

void Scanner::end_function(const Declarator& function) {
    Function found;
    found.name = function.name.text;
    found.section = section_of(declaration_);
    found.is_static = has_word(declaration_, "static");
    found.is_inline = has_word(declaration_, "inline") || has_word(declaration_, "__inline") ||
                      has_word(declaration_, "__inline__");
    if (const auto earlier = prototypes_.find(found.name); earlier != prototypes_.end()) {
        if (found.section.empty()) found.section = earlier->second.section;
        found.is_static = found.is_static || earlier->second.is_static;
    }
    if (found.section.starts_with('?')) found.section.erase(0, 1);
    found.context = first_parameter(function);
    const bool is_empty = function.parameters.empty() || (function.parameters.size() == 1 &&
                                                          function.parameters[0].is_word("void"));
    if (!is_empty) {
        found.parameters = 1;
        for (std::size_t i = 0; i < function.parameters.size();) {
            const Token& t = function.parameters[i];
            if (t.is(',')) ++found.parameters;
            i = t.is('(') || t.is('[') ? behind_bracket(function.parameters, i) : i + 1;
        }
    }
    found.is_own = is_own(function.name.file);
    if (function.name.file != nullptr) found.file = function.name.file->name;
    found.line = function.name.line;
    scan_.functions.push_back(std::move(found));
    declaration_.clear();
}

void Scanner::learn_typedef() {
    const Context context = context_of(declaration_);
    if (context != Context::None)
        typedefs_.insert_or_assign(std::string(declared_name(declaration_)), context);
}

Context Scanner::context_of(Tokens type) const {
    if (has_word(type, "xdp_md")) return Context::Xdp;
    if (has_word(type, "__sk_buff")) return Context::Tc;
    for (const Token& token : type) {
        if (token.kind != TokenKind::Word) continue;
        if (const auto known = typedefs_.find(token.text); known != typedefs_.end())
            return known->second;
    }
    return Context::None;
}

Context Scanner::first_parameter(const Declarator& function) const {
    const auto parameters = function.parameters;
    const auto comma = std::ranges::find_if(parameters, [](const Token& t) { return t.is(','); });
    const Tokens first(parameters.begin(), comma);
    if (const Context context = context_of(first); context != Context::None) return context;
    if (first.size() != 1) return Context::None;
    // The old style: `int f(ctx) struct xdp_md *ctx;`. Find the declaration that names it.
    for (Tokens rest = function.rest; !rest.empty();) {
        const auto end = std::ranges::find_if(rest, [](const Token& t) { return t.is(';'); });
        const Tokens one(rest.begin(), end);
        if (has_word(one, first[0].text)) return context_of(one);
        rest = Tokens(end == rest.end() ? end : end + 1, rest.end());
    }
    return Context::None;
}

bool Scanner::is_own(const TextFile* file) const {
    if (file == nullptr) return true;
    return !file->is_system && !file->name.starts_with(weir_headers_) &&
           !file->name.starts_with("/usr/include/");
}

}  // namespace

Scan scan_source(std::string_view preprocessed, const ScanOptions& options) {
    return Scanner(preprocessed, options).run();
}

}  // namespace weir::compile
