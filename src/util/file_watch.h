// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tells when files get another content: saved in place, replaced by a rename, deleted, created.
//
//     auto watch = FileWatch::open();
//     watch->watch({"chain.toml", "count.bpf.c"});
//     poll(watch->fd()) ... if (watch->has_changed()) ...
//
// The folders are watched, as an editor that renames leaves another file in the old one's place; of
// a symbolic link, those of the link and of its target. Ownership: owns the inotify descriptor.
// Thread rule: one thread at a time; fd() may be polled from another.
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "util/fd.h"
#include "weir/result.h"

namespace weir {

class FileWatch {
public:
    /// Errors: Io (no inotify instance is left).
    [[nodiscard]] static Result<FileWatch> open();

    /// Watches these files and no others; one that was watched already keeps the content that was
    /// seen, so that no change is lost. A file need not exist. Errors: Io (no inotify watch is
    /// left). Cost: reads files that are new here.
    [[nodiscard]] Result<> watch(const std::vector<std::filesystem::path>& files);

    /// Readable when something happened in a folder that is watched. Borrowed.
    [[nodiscard]] int fd() const { return fd_.get(); }

    /// Whether a file has another content than when this was last asked. Waits until nothing has
    /// happened for 100 ms, since editors write several times, but 2 s at most; fd() is not
    /// readable any more then. Errors: Io. Cost: reads files whose time or length is another.
    [[nodiscard]] Result<bool> has_changed();

private:
    /// What a file was: its hash is compared where the rest is another.
    struct Seen {
        std::uint64_t inode = 0, bytes = 0;
        std::int64_t changed_ns = 0;
        std::string hash;  // empty: it could not be read
    };

    explicit FileWatch(UniqueFd fd) : fd_(std::move(fd)) {}
    [[nodiscard]] static Seen look(const std::filesystem::path& file, const Seen& before);
    [[nodiscard]] Result<> watch_folders();
    [[nodiscard]] Result<> drain();

    UniqueFd fd_;
    std::map<std::filesystem::path, Seen> files_;
    std::map<int, std::filesystem::path> folders_;  // by watch descriptor
};

}  // namespace weir
