// SPDX-License-Identifier: Apache-2.0
#include "weir/result.h"

namespace weir {

int exit_code(Errc code) {
    switch (code) {
        case Errc::Invalid: return 2;
        case Errc::Permission: return 3;
        case Errc::NotFound: return 4;
        case Errc::Busy: return 5;
        case Errc::Rejected: return 6;
        case Errc::Unsupported: return 7;
        case Errc::Io: return 8;
    }
    return 8;
}

}  // namespace weir
