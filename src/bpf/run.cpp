// SPDX-License-Identifier: Apache-2.0
#include "bpf/run.h"

#include <bpf/bpf.h>

#include "util/errno.h"

namespace weir::bpf {

Result<std::uint32_t> run(const Program& program, std::array<std::uint64_t, 2> arguments) {
    LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = arguments.data(),
                .ctx_size_in = sizeof(arguments));
    const int rc = bpf_prog_test_run_opts(program.fd, &options);
    if (auto r = check(rc, "run " + program.function); !r) return pass_on(r);
    return options.retval;
}

}  // namespace weir::bpf
