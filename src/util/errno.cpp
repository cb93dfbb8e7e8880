// SPDX-License-Identifier: Apache-2.0
#include "util/errno.h"

#include <cerrno>
#include <cstring>

namespace weir {
namespace {

constexpr int kNotSupported =
    524;  // ENOTSUPP: include/linux/errno.h, not for user space, yet it gets there

}  // namespace

Errc errc_from_errno(int number) {
    switch (number) {
        case EPERM:
        case EACCES: return Errc::Permission;
        case ENOENT:
        case ENODEV:
        case ESRCH: return Errc::NotFound;
        case EBUSY:
        case EEXIST: return Errc::Busy;
        case kNotSupported:
        case EOPNOTSUPP:
        case ENOSYS: return Errc::Unsupported;
        case EINVAL:
        case E2BIG:
        case ERANGE: return Errc::Invalid;
        default: return Errc::Io;
    }
}

std::string errno_name(int number) {
    if (number == kNotSupported) return "ENOTSUPP";
    const char* name = strerrorname_np(number);
    return name != nullptr ? name : std::to_string(number);
}

Result<> check(long rc, std::string_view what) {
    if (rc >= 0) return {};
    const int number = static_cast<int>(-rc);
    return fail(errc_from_errno(number), std::string(what) + ": " + errno_name(number));
}

Result<> check_errno(long rc, std::string_view what) { return check(rc < 0 ? -errno : rc, what); }

}  // namespace weir
