// SPDX-License-Identifier: Apache-2.0
#include "bpf/probe_kit.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "bpf/insn.h"
#include "util/errno.h"

namespace weir::bpf::probe_kit {
namespace {

using State = Outcome::State;

}  // namespace

Outcome works(std::string what) { return {.state = State::Works, .what = std::move(what)}; }

Outcome failed(int rc, std::string_view what) {
    const int number = -rc;
    const std::string name = errno_name(number);
    State state = State::Missing;
    if (number == EPERM) state = State::Denied;
    if (number == ENOMEM || number == EMFILE || number == ENFILE || number == EAGAIN) {
        state = State::NotTried;
    }
    return {.state = state, .what = fmt::format("{}: {}", what, name)};
}

Outcome wrong(std::string what) { return {.state = State::Missing, .what = std::move(what)}; }

int load(const Code& code, const LoadOptions& options) {
    bpf_prog_load_opts opts{};
    opts.sz = sizeof opts;
    opts.prog_flags = options.flags;
    if (options.type == BPF_PROG_TYPE_XDP) opts.expected_attach_type = options.attach_type;
    return bpf_prog_load(options.type, "weir_doctor", "GPL", code.data(), code.size(), &opts);
}

Code returns(int value) { return {insn::set(BPF_REG_0, value), insn::leave()}; }

int create(bpf_map_type type, const MapOptions& options) {
    bpf_map_create_opts opts{};
    opts.sz = sizeof opts;
    opts.map_flags = options.flags;
    opts.inner_map_fd = static_cast<__u32>(options.inner_fd);
    return bpf_map_create(type, "weir_doctor", options.key_bytes, options.value_bytes,
                          options.entries, &opts);
}

RunResult run_on_packet(int program, std::uint32_t flags) {
    std::array<std::byte, 64> packet{};  // the kernel wants at least an Ethernet header
    bpf_test_run_opts opts{};
    opts.sz = sizeof opts;
    opts.data_in = packet.data();
    opts.data_size_in = packet.size();
    opts.repeat = 1;
    opts.flags = flags;
    const int rc = bpf_prog_test_run_opts(program, &opts);
    return {.rc = rc, .returned = opts.retval};
}

RunResult run_without_input(int program) {
    bpf_test_run_opts opts{};
    opts.sz = sizeof opts;
    const int rc = bpf_prog_test_run_opts(program, &opts);
    return {.rc = rc, .returned = opts.retval};
}

Outcome expect_return(const RunResult& run, std::uint32_t expected, std::string_view what) {
    if (run.rc < 0) return failed(run.rc, "test run");
    if (run.returned != expected) {
        return wrong(fmt::format("returned {} instead of {}", run.returned, expected));
    }
    return works(std::string(what));
}

}  // namespace weir::bpf::probe_kit
