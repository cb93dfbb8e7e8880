// SPDX-License-Identifier: Apache-2.0
#pragma once
// Owners of what the kernel hands out: descriptors and mappings. One thread at a time.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <span>
#include <utility>

#include "weir/result.h"

namespace weir {

class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) noexcept : fd_(fd) {}
    UniqueFd(UniqueFd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& o) noexcept {
        std::swap(fd_, o.fd_);  // what was here is closed with the other
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }  ///< borrowed; -1 when empty
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

private:
    int fd_ = -1;
};

/// A mapping of memory; unmapped when destroyed.
class Mapping {
public:
    Mapping() = default;
    explicit Mapping(std::span<std::byte> bytes) noexcept : bytes_(bytes) {}
    Mapping(Mapping&& o) noexcept : bytes_(std::exchange(o.bytes_, {})) {}
    Mapping& operator=(Mapping&& o) noexcept {
        std::swap(bytes_, o.bytes_);
        return *this;
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() {
        if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
    }
    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

    /// Puts memory of this process's own in the same place, at once for all threads: the first
    /// `used` bytes as they are, zeros behind them. Errors: Io; nothing has changed then.
    [[nodiscard]] Result<> make_private(std::size_t used) const;

private:
    std::span<std::byte> bytes_;
};

}  // namespace weir
