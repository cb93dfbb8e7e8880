// SPDX-License-Identifier: Apache-2.0
#include "util/fd.h"

#include <algorithm>
#include <cstring>

#include "util/errno.h"

namespace weir {

Result<> Mapping::make_private(std::size_t used) const {
    if (bytes_.empty()) return {};
    const std::size_t length = bytes_.size();
    void* copy =
        ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) return check_errno(-1, "memory for a copy");
    std::memcpy(copy, bytes_.data(), std::min(used, length));
    void* moved = ::mremap(copy, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, bytes_.data());
    if (moved != MAP_FAILED) return {};
    auto failed = check_errno(-1, "mremap");
    ::munmap(copy, length);
    return failed;
}

}  // namespace weir
