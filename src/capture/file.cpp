// SPDX-License-Identifier: Apache-2.0
#include "capture/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>

#include "util/errno.h"

namespace weir::capture {
namespace {

constexpr unsigned kBufferBytes = 1 << 18;  // few system calls; the same again as stdio's buffer

ssize_t read_gzip(void* file, char* to, std::size_t bytes) {
    return gzread(static_cast<gzFile>(file), to, static_cast<unsigned>(bytes));
}

int close_gzip(void* file) { return gzclose(static_cast<gzFile>(file)) == Z_OK ? 0 : -1; }

bool is_gzip(int fd) {
    std::array<unsigned char, 2> magic{};
    return ::pread(fd, magic.data(), magic.size(), 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

/// On failure the descriptor stays open.
std::FILE* open_gzip(int fd) {
    gzFile file = gzdopen(fd, "rb");
    if (file == nullptr) return nullptr;
    gzbuffer(file, kBufferBytes);
    // The GNU way to a stream of one's own: there is no seeking, and libpcap does none.
    return ::fopencookie(
        file, "rb", {.read = read_gzip, .write = nullptr, .seek = nullptr, .close = close_gzip});
}

}  // namespace

Result<File> File::open(const std::filesystem::path& path) {
    File file{.stream = nullptr,
              .position = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)),
              .bytes = 0};
    if (auto r = check_errno(file.position.get(), "open"); !r) return pass_on(r);
    struct stat facts{};
    if (auto r = check_errno(::fstat(file.position.get(), &facts), "stat"); !r) return pass_on(r);
    if (S_ISDIR(facts.st_mode)) return fail(Errc::Invalid, "is a directory");
    file.bytes = static_cast<std::uint64_t>(facts.st_size);
    const int fd = ::fcntl(file.position.get(), F_DUPFD_CLOEXEC, 3);
    if (auto r = check_errno(fd, "dup"); !r) return pass_on(r);
    file.stream = is_gzip(fd) ? open_gzip(fd) : ::fdopen(fd, "rb");
    if (file.stream == nullptr) {
        ::close(fd);
        return fail(Errc::Io, "out of memory");
    }
    std::setvbuf(file.stream, nullptr, _IOFBF, kBufferBytes);
    return file;
}

}  // namespace weir::capture
