// SPDX-License-Identifier: Apache-2.0
#pragma once
// A message from a probe's data plane (weir_log, bpf/weir/log.h). Plain value.
#include <cstdint>
#include <string>

namespace weir {

struct LogRecord {
    std::string probe = {};
    std::uint32_t cpu = 0;
    std::uint32_t level = 20;  ///< as Python's logging: 10 debug, 20 info, 30 warning, 40 error
    std::int64_t unix_ns = 0;  ///< in a replay the capture's time
    std::string text = {};
};

}  // namespace weir
