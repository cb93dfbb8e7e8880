// SPDX-License-Identifier: Apache-2.0
#include "model/keras_zip.h"

#include <fmt/format.h>
#include <zip.h>

#include <system_error>

namespace weir::model::keras {
namespace {

// Keras packs nothing; what others packed again becomes a tenth at best. Beyond it is a bomb.
constexpr std::uint64_t kMostGrowth = 100;

struct CloseMember {
    void operator()(zip_file_t* member) const noexcept { zip_fclose(member); }
};

std::string words(int code) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    return text;
}

}  // namespace

void ZipFile::Close::operator()(zip* file) const noexcept { zip_discard(file); }

Result<ZipFile> ZipFile::open(const std::filesystem::path& path) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(path, error);
    if (error) return fail(Errc::Io, error.message());
    int code = 0;
    zip_t* file = zip_open(path.c_str(), ZIP_RDONLY, &code);
    if (file == nullptr) return fail(Errc::Invalid, "zip: " + words(code));
    return ZipFile(file, bytes);
}

Result<std::optional<std::string>> ZipFile::read(const std::string& name,
                                                 std::uint64_t most_bytes) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    if (zip_stat(file_.get(), name.c_str(), 0, &stat) != 0) return std::nullopt;
    if ((stat.valid & ZIP_STAT_SIZE) == 0)
        return fail(Errc::Invalid, fmt::format("{}: it does not say its size", name));
    if (stat.size > most_bytes || stat.size / kMostGrowth > bytes_)
        return fail(Errc::Invalid,
                    fmt::format("{}: {} bytes are more than any model's", name, stat.size));
    const std::unique_ptr<zip_file_t, CloseMember> member(
        zip_fopen_index(file_.get(), stat.index, 0));
    if (!member) return fail(Errc::Invalid, fmt::format("{}: {}", name, zip_strerror(file_.get())));
    std::string content(stat.size, '\0');
    std::uint64_t done = 0;
    while (done < stat.size) {
        const zip_int64_t n = zip_fread(member.get(), content.data() + done, stat.size - done);
        if (n <= 0)
            return fail(Errc::Invalid,
                        fmt::format("{}: zip: {}", name,
                                    n == 0 ? "it is cut" : zip_file_strerror(member.get())));
        done += static_cast<std::uint64_t>(n);
    }
    // libzip compares the checksum when it meets the end.
    char more = 0;
    if (zip_fread(member.get(), &more, 1) != 0)
        return fail(Errc::Invalid, fmt::format("{}: zip: it is not as long as it says, or its "
                                               "checksum is wrong",
                                               name));
    return content;
}

}  // namespace weir::model::keras
