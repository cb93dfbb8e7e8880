// SPDX-License-Identifier: Apache-2.0
#include "util/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "util/errno.h"
#include "util/fd.h"

namespace weir {
namespace {

template <class Buffer>
Result<Buffer> read_whole(const std::filesystem::path& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.is_open()) {
        if (errno == ENOENT || errno == ENOTDIR)
            return fail(Errc::NotFound, path.string() + ": no such file");
        auto r = check_errno(-1, path.string());
        return pass_on(r);
    }
    struct stat status = {};
    if (auto r = check_errno(::fstat(fd.get(), &status), path.string()); !r) return pass_on(r);
    Buffer content;
    std::size_t used = 0;
    // One read finds a regular file's end; files of /proc and /sys do not tell their length.
    for (std::size_t room = static_cast<std::size_t>(status.st_size) + 1;; room = 65536) {
        content.resize(used + room);
        const ssize_t n = ::read(fd.get(), content.data() + used, content.size() - used);
        if (auto r = check_errno(n, path.string()); !r) return pass_on(r);
        used += static_cast<std::size_t>(n);
        if (n == 0) break;
    }
    content.resize(used);
    return content;
}

Result<> write_all(int fd, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (auto r = check_errno(n, "write"); !r) return r;
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return {};
}

Result<> write_and_rename(const UniqueFd& fd, const std::string& temporary,
                          const std::filesystem::path& path, std::span<const std::byte> bytes) {
    if (auto r = check_errno(fd.get(), path.string()); !r) return r;
    auto written = write_all(fd.get(), bytes);
    if (written) written = check_errno(::rename(temporary.c_str(), path.c_str()), "rename");
    if (written) return {};
    ::unlink(temporary.c_str());
    return wrap(written, path.string());
}

}  // namespace

Result<std::string> read_text(const std::filesystem::path& path) {
    return read_whole<std::string>(path);
}

Result<std::vector<std::byte>> read_bytes(const std::filesystem::path& path) {
    return read_whole<std::vector<std::byte>>(path);
}

Result<std::uint64_t> regular_file_bytes(const std::filesystem::path& path) {
    struct stat status = {};
    if (::stat(path.c_str(), &status) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return fail(Errc::NotFound, path.string() + ": no such file");
        auto r = check_errno(-1, path.string());
        return pass_on(r);
    }
    if (S_ISDIR(status.st_mode)) return fail(Errc::Invalid, path.string() + ": a folder");
    if (!S_ISREG(status.st_mode))
        return fail(Errc::Invalid, path.string() + ": not a regular file");
    return static_cast<std::uint64_t>(status.st_size);
}

Result<> write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    std::string temporary = path.string() + ".XXXXXX";
    const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
    return write_and_rename(fd, temporary, path, bytes);
}

Result<> write_result(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    const std::string temporary = path.string() + "." + std::to_string(::getpid()) + ".part";
    const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    return write_and_rename(fd, temporary, path, bytes);
}

}  // namespace weir
