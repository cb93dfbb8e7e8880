// SPDX-License-Identifier: Apache-2.0
#include "table/scan.h"

#include <array>
#include <cstring>

namespace weir::table {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

std::uint64_t word_at(const std::byte* bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, kWord);  // SAFETY: the caller has checked that 8 bytes are there
    return word;
}

bool are_words_zero(const std::byte* bytes, std::size_t words) {
    for (; words >= 4; words -= 4, bytes += 4 * kWord) {
        const std::uint64_t any = word_at(bytes) | word_at(bytes + kWord) |
                                  word_at(bytes + 2 * kWord) | word_at(bytes + 3 * kWord);
        if (any != 0) return false;
    }
    std::uint64_t any = 0;
    for (std::size_t i = 0; i < words; ++i) any |= word_at(bytes + i * kWord);
    return any == 0;
}

}  // namespace

bool is_all_zero(const std::byte* bytes, std::size_t count) {
    if (!are_words_zero(bytes, count / kWord)) return false;
    for (std::size_t i = count / kWord * kWord; i < count; ++i) {
        if (bytes[i] != std::byte{0}) return false;
    }
    return true;
}

void find_entries(const std::byte* entries, std::size_t stride, std::size_t count,
                  std::vector<std::uint32_t>& indices) {
    // A block at a time without a branch per entry; the vector grows by what was found only.
    constexpr std::size_t kBlock = 1024;
    std::array<std::uint32_t, kBlock> found;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    indices.clear();
    for (std::size_t start = 0; start < count; start += kBlock) {
        const std::size_t end = start + kBlock < count ? start + kBlock : count;
        std::size_t n = 0;
        for (std::size_t i = start; i < end; ++i) {
            found[n] = static_cast<std::uint32_t>(i);
            n += are_words_zero(entries + i * stride, stride / kWord) ? 0 : 1;
        }
        indices.insert(indices.end(), found.begin(),
                       found.begin() + static_cast<std::ptrdiff_t>(n));
    }
}

}  // namespace weir::table
