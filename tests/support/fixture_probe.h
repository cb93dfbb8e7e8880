// SPDX-License-Identifier: Apache-2.0
#pragma once
// Probes of tests/fixtures/ in a chain. Thread rule: that of the chain.
#include <string>

#include "chain/chain.h"
#include "weir/result.h"

namespace weir::test {

/// Loads tests/fixtures/FIXTURE.bpf.c as a probe called `name` and appends it.
[[nodiscard]] Result<> append_fixture(Chain& chain, const std::string& fixture,
                                      const std::string& name);

/// Until the clone of slot 0 that packets enter has counted one more; false after 5 s without.
[[nodiscard]] bool wait_for_a_packet(const Chain& chain);

}  // namespace weir::test
