// SPDX-License-Identifier: Apache-2.0
#pragma once
// A key's value in a policy file, and where it stands, for messages.
//
// Ownership: borrows the document. Thread rule: immutable.
#include <toml++/toml.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/key.h"
#include "weir/result.h"

namespace weir::policy {

/// The file that a value comes from.
struct Origin {
    std::string file;              // as the user calls it
    std::filesystem::path folder;  // paths in it are relative to this one

    /// "FILE:LINE: WHAT".
    [[nodiscard]] std::unexpected<Error> refuse(const toml::source_region& at,
                                                const std::string& what,
                                                std::string hint = {}) const;
};

class Value {
public:
    Value(const Key& key, const toml::node& node, const Origin& origin)
        : key_(key), node_(node), origin_(origin) {}

    /// That the value has the key's type and is one that the key allows; the rest counts on it.
    /// Errors: Invalid.
    [[nodiscard]] Result<> check() const;

    [[nodiscard]] std::string text() const;
    [[nodiscard]] std::vector<std::string> texts() const;  ///< of one text, or of a list
    [[nodiscard]] double number() const;
    [[nodiscard]] std::uint64_t whole() const;  ///< no key allows a number below 0
    [[nodiscard]] bool truth() const;
    [[nodiscard]] bool is_list() const { return node_.is_array(); }
    /// {"PARAM" or "MAP.max_entries", value} of a table. Errors: Invalid.
    [[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> settings() const;

    /// A path of the file's as one from here.
    [[nodiscard]] std::string from_here(const std::string& path) const;
    /// "FILE:LINE: KEY WHAT".
    [[nodiscard]] std::unexpected<Error> refuse(const std::string& what,
                                                std::string hint = {}) const;

private:
    [[nodiscard]] Result<> check_text(const toml::node& node) const;
    [[nodiscard]] Result<> check_texts() const;
    [[nodiscard]] Result<> check_number() const;
    [[nodiscard]] Result<> add_setting(
        const std::string& name, const toml::node& node,
        std::vector<std::pair<std::string, std::string>>& settings) const;

    const Key& key_;
    const toml::node& node_;
    const Origin& origin_;
};

/// "did you mean WINDOW?", or all that there are.
[[nodiscard]] std::string suggest(std::string_view word, const std::vector<std::string>& known);

}  // namespace weir::policy
