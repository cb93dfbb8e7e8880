// SPDX-License-Identifier: Apache-2.0
#include "compile/cache.h"

#include <charconv>
#include <chrono>
#include <memory>
#include <span>
#include <string_view>

#include "bpf/vmlinux_header.h"
#include "util/file.h"
#include "util/hash.h"

namespace weir::compile {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kMagic = "weir probe 2\n";
constexpr std::size_t kChecksumBytes = 32;
constexpr std::chrono::days kKeptUnused{30};

fs::path entry_path(const fs::path& folder, const std::string& key) {
    return folder / (key + ".probe");
}

/// Fields one after the other, each as "LENGTH:BYTES".
class Writer {
public:
    void field(std::string_view bytes) {
        text_ += std::to_string(bytes.size()) + ':';
        text_ += bytes;
    }
    void count(std::size_t number) { field(std::to_string(number)); }
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string text_;
};

/// Reads what Writer wrote; after a malformed field is_good() is false and all further ones are
/// empty.
class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}
    std::string_view field() {
        const auto colon = text_.find(':');
        std::size_t bytes = 0;
        const bool is_number =
            colon != std::string_view::npos && parse(text_.substr(0, colon), bytes);
        if (!is_number || bytes > text_.size() - colon - 1) {
            is_good_ = false;
            text_ = {};
            return {};
        }
        const auto value = text_.substr(colon + 1, bytes);
        text_.remove_prefix(colon + 1 + bytes);
        return value;
    }
    std::size_t count() {
        std::size_t number = 0;
        if (!parse(field(), number) || number > text_.size()) {
            is_good_ = false;
            return 0;
        }
        return number;
    }
    [[nodiscard]] bool is_good() const { return is_good_; }

private:
    static bool parse(std::string_view digits, std::size_t& number) {
        const char* begin = std::to_address(digits.begin());
        const char* end = begin + digits.size();
        const auto parsed = std::from_chars(begin, end, number);
        return parsed.ec == std::errc{} && parsed.ptr == end;
    }
    std::string_view text_;
    bool is_good_ = true;
};

std::string encoded(const Compiled& compiled, const std::vector<InputFile>& inputs) {
    Writer out;
    out.count(inputs.size());
    for (const auto& input : inputs) {
        out.field(input.path);
        out.field(input.hash);
    }
    out.count(static_cast<std::size_t>(compiled.dialect));
    out.field(hook_name(compiled.hook));
    out.field(compiled.function);
    out.count(compiled.notices.size());
    for (const auto& notice : compiled.notices) out.field(notice);
    // SAFETY: any object may be read as char; the view ends before the vector does.
    out.field({reinterpret_cast<const char*>(compiled.elf.data()), compiled.elf.size()});
    return std::string(kMagic) + content_hash(out.text()) + out.text();
}

Result<std::string> current_hash(const std::string& path) {
    if (path == kKernelTypes) return bpf::kernel_types_identity();
    const auto content = read_bytes(path);
    if (!content) return std::unexpected(content.error());
    return content_hash(*content);
}

/// Whether the listed inputs, next in the entry, are as they were.
bool are_inputs_unchanged(Reader& in) {
    const std::size_t files = in.count();
    for (std::size_t i = 0; i < files; ++i) {
        const std::string path(in.field());
        const std::string_view hash = in.field();
        if (!in.is_good()) return false;
        const auto now = current_hash(path);
        if (!now || *now != hash) return false;
    }
    return in.is_good();
}

std::optional<Compiled> decoded(std::string_view entry) {
    if (!entry.starts_with(kMagic) || entry.size() < kMagic.size() + kChecksumBytes) return {};
    entry.remove_prefix(kMagic.size());
    const auto body = entry.substr(kChecksumBytes);
    if (content_hash(body) != entry.substr(0, kChecksumBytes)) return {};
    Reader in(body);
    if (!are_inputs_unchanged(in)) return {};
    Compiled compiled;
    compiled.from_cache = true;
    const std::size_t dialect = in.count();
    if (dialect > static_cast<std::size_t>(Dialect::Bcc)) return {};
    compiled.dialect = static_cast<Dialect>(dialect);
    const auto hook = parse_hook(in.field());
    if (!hook) return {};
    compiled.hook = *hook;
    compiled.function = in.field();
    const std::size_t notices = in.count();
    for (std::size_t i = 0; i < notices; ++i) compiled.notices.emplace_back(in.field());
    const auto elf = std::as_bytes(std::span(in.field()));
    compiled.elf.assign(elf.begin(), elf.end());
    if (!in.is_good()) return {};
    return compiled;
}

/// Entries, generated headers and the leavings of processes that died while they wrote.
void remove_unused(const fs::path& folder) {
    const auto oldest = fs::file_time_type::clock::now() - kKeptUnused;
    std::error_code ignored;  // what cannot be removed now is tried again at the next write
    for (const auto& item : fs::directory_iterator(folder, ignored)) {
        const auto name = item.path().filename().string();
        if (!name.contains(".probe") && !name.starts_with("vmlinux-")) continue;  // not ours
        if (item.last_write_time(ignored) < oldest && !ignored)
            fs::remove_all(item.path(), ignored);
    }
}

}  // namespace

Result<std::vector<InputFile>> hash_inputs(const std::vector<std::string>& paths) {
    std::vector<InputFile> inputs;
    for (const auto& path : paths) {
        auto hash = current_hash(path);
        if (!hash) return pass_on(hash);
        inputs.push_back({path, std::move(*hash)});
    }
    return inputs;
}

std::optional<Compiled> find_cached(const fs::path& folder, const std::string& key) {
    const auto path = entry_path(folder, key);
    const auto entry = read_text(path);
    if (!entry) return {};
    auto compiled = decoded(*entry);
    std::error_code ignored;  // an entry that looks older than it is goes too early, no more
    if (compiled) fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
    return compiled;
}

Result<> store_cached(const fs::path& folder, const std::string& key, const Compiled& compiled,
                      const std::vector<InputFile>& inputs) {
    const std::string entry = encoded(compiled, inputs);
    auto written = write_atomically(entry_path(folder, key), std::as_bytes(std::span(entry)));
    if (!written) return wrap(written, "cache");
    remove_unused(folder);
    return {};
}

}  // namespace weir::compile
