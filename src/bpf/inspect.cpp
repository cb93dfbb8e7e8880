// SPDX-License-Identifier: Apache-2.0
#include "bpf/inspect.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <charconv>

#include "util/errno.h"
#include "util/file.h"

namespace weir::bpf {

Result<ProgramFacts> program_facts(const Program& program) {
    bpf_prog_info info = {};
    std::uint32_t bytes = sizeof(info);
    if (auto r = check(bpf_prog_get_info_by_fd(program.fd, &info, &bytes), "program info"); !r)
        return pass_on(r);
    return ProgramFacts{
        .id = info.id,
        .instructions = info.xlated_prog_len / static_cast<std::uint32_t>(sizeof(bpf_insn)),
        .verified_instructions = info.verified_insns,
        .native_bytes = info.jited_prog_len,
    };
}

bool is_link_attached(int link_fd) {
    bpf_link_info info = {};
    std::uint32_t bytes = sizeof(info);
    // Of both kinds the interface is the first of what follows; older headers lack `tcx`.
    return bpf_link_get_info_by_fd(link_fd, &info, &bytes) == 0 && info.xdp.ifindex != 0;
}

Result<std::uint64_t> map_memory_bytes(const Map& map) {
    auto text = read_text(fmt::format("/proc/self/fdinfo/{}", map.fd()));
    if (!text) return pass_on(text);
    constexpr std::string_view kKey = "memlock:";
    const std::size_t at = text->find(kKey);
    if (at == std::string::npos) return fail(Errc::Io, "fdinfo has no memlock");
    const std::size_t digits = text->find_first_of("0123456789", at);
    std::uint64_t value = 0;
    if (digits != std::string::npos)
        std::from_chars(text->data() + digits, text->data() + text->size(), value);
    return value;
}

}  // namespace weir::bpf
