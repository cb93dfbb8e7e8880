// SPDX-License-Identifier: Apache-2.0
#include "util/file_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <set>

#include "util/clock.h"
#include "util/errno.h"
#include "util/file.h"
#include "util/hash.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

constexpr int kQuietMs = 100;
constexpr Nanoseconds kLongest = 2'000'000'000;  // somebody may write for ever
// Not IN_MODIFY: a log that grows in the same folder would wake us at each line.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                  IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

/// The folder, or the nearest one above that exists: one that is deleted may come back.
fs::path existing(fs::path folder) {
    std::error_code ignored;
    while (!fs::is_directory(folder, ignored) && folder.has_relative_path())
        folder = folder.parent_path();
    return folder.empty() ? fs::path(".") : folder;
}

std::set<fs::path> folders_of(const fs::path& file) {
    std::error_code ignored;
    std::set<fs::path> folders = {existing(file.parent_path())};
    const fs::path target = fs::weakly_canonical(file, ignored);
    if (!target.empty()) folders.insert(existing(target.parent_path()));
    return folders;
}

bool is_readable(int fd, int timeout_ms) {
    pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&ready, 1, timeout_ms) > 0;
}

}  // namespace

Result<FileWatch> FileWatch::open() {
    UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (auto r = check_errno(fd.get(), "inotify"); !r) return pass_on(r);
    return FileWatch(std::move(fd));
}

FileWatch::Seen FileWatch::look(const fs::path& file, const Seen& before) {
    struct stat status = {};
    if (::stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
    Seen seen{.inode = status.st_ino,
              .bytes = static_cast<std::uint64_t>(status.st_size),
              .changed_ns = status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec,
              .hash = before.hash};
    if (!before.hash.empty() && seen.inode == before.inode && seen.bytes == before.bytes &&
        seen.changed_ns == before.changed_ns)
        return seen;
    const auto content = read_bytes(file);
    seen.hash = content ? content_hash(*content) : "";
    return seen;
}

Result<> FileWatch::watch_folders() {
    std::set<fs::path> wanted;
    for (const auto& [file, seen] : files_) wanted.merge(folders_of(file));
    std::map<int, fs::path> watched;
    for (const fs::path& folder : wanted) {
        const int id = ::inotify_add_watch(fd_.get(), folder.c_str(), kEvents);
        if (id < 0 && (errno == ENOENT || errno == ENOTDIR)) continue;  // deleted since
        if (auto r = check_errno(id, "watch " + folder.string()); !r) return r;
        watched.emplace(id, folder);
    }
    for (const auto& [id, folder] : folders_)
        if (!watched.contains(id)) ::inotify_rm_watch(fd_.get(), id);  // may be gone already
    folders_ = std::move(watched);
    return {};
}

Result<> FileWatch::watch(const std::vector<fs::path>& files) {
    const auto before = std::exchange(files_, {});
    for (const fs::path& file : files) {
        const auto known = before.find(file);
        files_.emplace(file, known != before.end() ? known->second : Seen{});
    }
    // Before the content is looked at, so that no change falls between the two.
    if (auto r = watch_folders(); !r) return r;
    for (auto& [file, seen] : files_)
        if (!before.contains(file)) seen = look(file, {});
    return {};
}

Result<> FileWatch::drain() {
    std::array<char, 16384> events{};
    for (;;) {
        const ssize_t n = ::read(fd_.get(), events.data(), events.size());
        if (n > 0 || (n < 0 && errno == EINTR)) continue;
        if (n < 0 && errno == EAGAIN) return {};
        return check_errno(n, "inotify");
    }
}

Result<bool> FileWatch::has_changed() {
    const Nanoseconds end = monotonic_ns() + kLongest;
    do {
        if (auto r = drain(); !r) return pass_on(r);
    } while (is_readable(fd_.get(), kQuietMs) && monotonic_ns() < end);
    // Folders may be others now: deleted and made again, or links to elsewhere.
    if (auto r = watch_folders(); !r) return pass_on(r);
    if (auto r = drain(); !r) return pass_on(r);  // that a watch is gone is an event too
    bool is_other = false;
    for (auto& [file, seen] : files_) {
        Seen now = look(file, seen);
        is_other |= now.hash != seen.hash;
        seen = std::move(now);
    }
    return is_other;
}

}  // namespace weir
