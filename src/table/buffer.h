// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bytes that grow and are not set to anything first: the kernel fills them. Kept from window to
// window. Owns its memory. One thread.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

namespace weir::table {

class Buffer {
public:
    [[nodiscard]] std::byte* data() const { return bytes_.get(); }

    /// Makes room for `bytes`; the first `used` bytes keep their content.
    void reserve(std::size_t bytes, std::size_t used) {
        if (bytes <= capacity_) return;
        const std::size_t larger = std::max(bytes, capacity_ + capacity_ / 2);
        // NOLINTNEXTLINE(modernize-avoid-c-arrays): a vector would set every byte first
        auto grown = std::make_unique_for_overwrite<std::byte[]>(larger);
        if (used > 0) std::memcpy(grown.get(), bytes_.get(), used);
        bytes_ = std::move(grown);
        capacity_ = larger;
    }

    /// Gives the memory away; what stays is a copy of its first `used` bytes.
    [[nodiscard]] Buffer leave(std::size_t used) {
        used = std::min(used, capacity_);
        Buffer left = std::move(*this);
        capacity_ = 0;
        reserve(used, 0);
        if (used > 0) std::memcpy(bytes_.get(), left.data(), used);
        return left;
    }

private:
    std::unique_ptr<std::byte[]> bytes_;  // NOLINT(modernize-avoid-c-arrays)
    std::size_t capacity_ = 0;
};

}  // namespace weir::table
