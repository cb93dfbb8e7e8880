// SPDX-License-Identifier: Apache-2.0
// The small programs and maps behind bpf::probe(). Every one closes what it made before it returns.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include "bpf/capture.h"
#include "bpf/features.h"
#include "bpf/handles.h"
#include "bpf/hook_probes.h"
#include "bpf/insn.h"
#include "bpf/map.h"
#include "bpf/probe_kit.h"
#include "bpf/probe_places.h"
#include "util/fd.h"

namespace weir::bpf {
namespace {

using namespace probe_kit;

Outcome probe_syscall() {
    const int rc = create(BPF_MAP_TYPE_ARRAY);
    if (rc < 0) return failed(rc, "map create");
    const UniqueFd map(rc);
    return works("array map created");
}

Outcome probe_object_btf() {
    const BtfHandle btf(btf__new_empty());
    btf__add_int(btf.get(), "int", 4, BTF_INT_SIGNED);
    const int rc = btf__load_into_kernel(btf.get());
    if (rc < 0) return failed(rc, "BTF load");
    return works("BTF loaded");
}

Outcome probe_decl_tags() {
    const BtfHandle btf(btf__new_empty());
    const int base = btf__add_int(btf.get(), "int", 4, BTF_INT_SIGNED);
    const int type = btf__add_typedef(btf.get(), "tagged", base);
    btf__add_decl_tag(btf.get(), "weir:doctor", type, -1);
    const int rc = btf__load_into_kernel(btf.get());
    if (rc < 0) return failed(rc, "BTF load");
    return works("tagged BTF loaded");
}

Outcome probe_jit() {
    const int rc = load(returns(kXdpPass));
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd program(rc);
    bpf_prog_info details{};
    std::uint32_t bytes = sizeof details;
    const int asked = bpf_prog_get_info_by_fd(program.get(), &details, &bytes);
    if (asked < 0) return failed(asked, "program info");
    if (details.jited_prog_len == 0) return wrong("the program was not compiled");
    return works(fmt::format("2 instructions became {} bytes", details.jited_prog_len));
}

Outcome probe_map_memory() {
    constexpr std::uint32_t kMebibytes = 16;  // twice the usual limit of 8 MiB
    const int rc = create(BPF_MAP_TYPE_ARRAY, {.value_bytes = 1024, .entries = kMebibytes * 1024});
    if (rc < 0) return failed(rc, fmt::format("array of {} MiB", kMebibytes));
    const UniqueFd map(rc);
    rlimit limit{};
    ::getrlimit(RLIMIT_MEMLOCK, &limit);
    const std::string allowed = limit.rlim_cur == RLIM_INFINITY
                                    ? "no limit"
                                    : fmt::format("a limit of {} KiB", limit.rlim_cur / 1024);
    return works(fmt::format("array of {} MiB created under {}", kMebibytes, allowed));
}

Outcome probe_xdp_program() {
    const int rc = load(returns(kXdpPass));
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd program(rc);
    return works("program loaded");
}

Outcome probe_frags() {
    const int rc = load(returns(kXdpPass), {.flags = BPF_F_XDP_HAS_FRAGS});
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd program(rc);
    return works("program loaded with frags");
}

Outcome probe_tail_call() {
    int rc = create(BPF_MAP_TYPE_PROG_ARRAY, {.value_bytes = 4, .entries = 1});
    if (rc < 0) return failed(rc, "program array");
    const UniqueFd chain(rc);
    rc = load(returns(kXdpDrop));
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd target(rc);
    rc = load({insn::load_map(BPF_REG_2, chain.get()), insn::wide_end(), insn::set(BPF_REG_3, 0),
               insn::call(BPF_FUNC_tail_call), insn::set(BPF_REG_0, kXdpPass), insn::leave()});
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd entry(rc);
    const std::uint32_t index = 0;
    const int fd = target.get();
    rc = bpf_map_update_elem(chain.get(), &index, &fd, BPF_ANY);
    if (rc < 0) return failed(rc, "program array update");
    return expect_return(run_on_packet(entry.get()), kXdpDrop, "called one program from another");
}

/// Works on every kernel: it only tells whether the rule is the kernel's as well.
Outcome probe_attach_type_rule() {
    int rc = create(BPF_MAP_TYPE_PROG_ARRAY, {.value_bytes = 4, .entries = 2});
    if (rc < 0) return failed(rc, "program array");
    const UniqueFd chain(rc);
    std::uint32_t index = 0;
    for (const bpf_attach_type type : {BPF_XDP, BPF_XDP_CPUMAP}) {
        rc = load(returns(kXdpPass), {.attach_type = type});
        if (rc < 0) return failed(rc, "program load");
        const UniqueFd program(rc);
        const int fd = program.get();
        rc = bpf_map_update_elem(chain.get(), &index, &fd, BPF_ANY);
        if (rc < 0 && index == 0) return failed(rc, "program array update");
        index += 1;
    }
    if (rc == -EINVAL) return works("the kernel refuses a second attach type (EINVAL)");
    if (rc < 0) return failed(rc, "program array update");
    return works("the kernel takes programs of two attach types");
}

Outcome probe_bpf_loop() {
    // libbpf takes any refusal that does not name the helper for "supported", EPERM too: a program
    // that needs nothing goes first.
    int rc = load(returns(kXdpPass));
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd program(rc);
    rc = libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_loop, nullptr);
    if (rc < 0) return failed(rc, "program load");
    return rc == 1 ? works("the verifier knows the call")
                   : wrong("the verifier does not know the call");
}

Outcome probe_ringbuf() {
    const auto page = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE));
    const int rc =
        create(BPF_MAP_TYPE_RINGBUF, {.key_bytes = 0, .value_bytes = 0, .entries = page});
    if (rc < 0) return failed(rc, "map create");
    const UniqueFd map(rc);
    return works("ring buffer created");
}

Outcome probe_xdp_test_run() {
    const int rc = load(returns(kXdpDrop));
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd program(rc);
    return expect_return(run_on_packet(program.get()), kXdpDrop, "program run on one packet");
}

Outcome probe_live_frames() {
    const int rc = load(returns(kXdpDrop));  // dropped: the frame reaches no interface
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd program(rc);
    const RunResult run = run_on_packet(program.get(), BPF_F_TEST_XDP_LIVE_FRAMES);
    if (run.rc < 0) return failed(run.rc, "test run");
    return works("program run on one live frame");
}

Outcome probe_mmap_array() {
    int rc = create(BPF_MAP_TYPE_ARRAY, {.flags = BPF_F_MMAPABLE});
    if (rc < 0) return failed(rc, "map create");
    const UniqueFd map(rc);
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* address = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, map.get(), 0);
    if (address == MAP_FAILED) return failed(-errno, "mmap");
    const Mapping mapping({static_cast<std::byte*>(address), page});
    const std::uint64_t written = 0x77656972;
    std::memcpy(mapping.bytes().data(), &written, sizeof written);
    const std::uint32_t index = 0;
    std::uint64_t read = 0;
    rc = bpf_map_lookup_elem(map.get(), &index, &read);
    if (rc < 0) return failed(rc, "map lookup");
    return read == written ? works("store through a mapping seen by a lookup")
                           : wrong("a store through the mapping did not reach the map");
}

/// One entry, read back by a batch.
Outcome probe_batch(bpf_map_type type, const MapOptions& options = {}) {
    int rc = create(type, options);
    if (rc < 0) return failed(rc, "map create");
    const UniqueFd map(rc);
    // For the LPM trie the first four bytes are the prefix length: 0 fits every trie.
    const std::uint64_t key = 0;
    std::vector<std::uint64_t> value(possible_cpus(), 1);
    rc = bpf_map_update_elem(map.get(), &key, value.data(), BPF_ANY);
    if (rc < 0) return failed(rc, "map update");
    std::uint64_t cursor = 0;
    std::vector<std::uint64_t> keys(options.entries);
    std::vector<std::uint64_t> values(std::size_t{options.entries} * possible_cpus());
    std::uint32_t rows = options.entries;
    rc = bpf_map_lookup_batch(map.get(), nullptr, &cursor, keys.data(), values.data(), &rows,
                              nullptr);
    if (rc < 0 && rc != -ENOENT)
        return failed(rc, "batch lookup");  // ENOENT: that was the last row
    if (rows == 0) return wrong("the batch gave no row");
    return works(fmt::format("{} row{} read by one call", rows, rows == 1 ? "" : "s"));
}

Outcome probe_syscall_program() {
    const int rc = load(returns(7), {.type = BPF_PROG_TYPE_SYSCALL, .flags = BPF_F_SLEEPABLE});
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd program(rc);
    return expect_return(run_without_input(program.get()), 7, "program run from user space");
}

Outcome probe_syscall_pop() {
    int rc = create(BPF_MAP_TYPE_QUEUE, {.key_bytes = 0});
    if (rc < 0) return failed(rc, "queue");
    const UniqueFd queue(rc);
    const std::uint64_t pushed = 42;
    rc = bpf_map_update_elem(queue.get(), nullptr, &pushed, BPF_ANY);
    if (rc < 0) return failed(rc, "queue push");
    rc = load(
        {insn::store64(BPF_REG_10, -8, 0), insn::load_map(BPF_REG_1, queue.get()), insn::wide_end(),
         insn::copy(BPF_REG_2, BPF_REG_10), insn::add(BPF_REG_2, -8),
         insn::call(BPF_FUNC_map_pop_elem), insn::load64(BPF_REG_0, BPF_REG_10, -8), insn::leave()},
        {.type = BPF_PROG_TYPE_SYSCALL, .flags = BPF_F_SLEEPABLE});
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd program(rc);
    return expect_return(run_without_input(program.get()), pushed,
                         "program popped what was pushed");
}

Outcome probe_raw_tp_run() {
    const int rc = load(returns(7), {.type = BPF_PROG_TYPE_RAW_TRACEPOINT});
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd program(rc);
    return expect_return(run_without_input(program.get()), 7, "program run from user space");
}

Outcome probe_map_in_map_grace() {
    int rc = create(BPF_MAP_TYPE_ARRAY);
    if (rc < 0) return failed(rc, "map create");
    const UniqueFd inner(rc);
    rc = create(BPF_MAP_TYPE_ARRAY_OF_MAPS,
                {.value_bytes = 4, .entries = 1, .inner_fd = inner.get()});
    if (rc < 0) return failed(rc, "map of maps");
    const UniqueFd outer(rc);
    const std::uint32_t index = 0;
    const int fd = inner.get();
    const auto start = std::chrono::steady_clock::now();
    rc = bpf_map_update_elem(outer.get(), &index, &fd, BPF_ANY);
    if (rc < 0) return failed(rc, "map of maps update");
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    return works(fmt::format("an update waited {:.1f} ms", took.count()));
}

Outcome probe_one(Feature feature) {
    switch (feature) {
        case Feature::Syscall: return probe_syscall();
        case Feature::KernelBtf: return probe_kernel_btf();
        case Feature::ObjectBtf: return probe_object_btf();
        case Feature::DeclTags: return probe_decl_tags();
        case Feature::Jit: return probe_jit();
        case Feature::MapMemory: return probe_map_memory();
        case Feature::XdpProgram: return probe_xdp_program();
        case Feature::XdpLink: return in_private_network(try_xdp_link);
        case Feature::XdpFrags: return probe_frags();
        case Feature::TailCall: return probe_tail_call();
        case Feature::AttachTypeRule: return probe_attach_type_rule();
        case Feature::BpfLoop: return probe_bpf_loop();
        case Feature::Ringbuf: return probe_ringbuf();
        case Feature::XdpTestRun: return probe_xdp_test_run();
        case Feature::LiveFrames: return probe_live_frames();
        case Feature::Tcx: return in_private_network(try_tcx);
        case Feature::Clsact: return in_private_network(try_clsact);
        case Feature::NetworkNamespace:
            return in_private_network([](int) { return works("made one"); });
        case Feature::MmapArray: return probe_mmap_array();
        case Feature::BatchHash: return probe_batch(BPF_MAP_TYPE_HASH);
        case Feature::BatchLru: return probe_batch(BPF_MAP_TYPE_LRU_HASH);
        case Feature::BatchPercpuHash: return probe_batch(BPF_MAP_TYPE_PERCPU_HASH);
        case Feature::BatchPercpuArray: return probe_batch(BPF_MAP_TYPE_PERCPU_ARRAY);
        case Feature::BatchLpm:
            return probe_batch(BPF_MAP_TYPE_LPM_TRIE, {.key_bytes = 8, .flags = BPF_F_NO_PREALLOC});
        case Feature::SyscallProgram: return probe_syscall_program();
        case Feature::SyscallPop: return probe_syscall_pop();
        case Feature::RawTpRun: return probe_raw_tp_run();
        case Feature::MapInMapGrace: return probe_map_in_map_grace();
        case Feature::VisitCpus: return probe_visit_cpus();
        case Feature::Count: break;
    }
    return {};
}

}  // namespace

Outcome probe(Feature feature) {
    const LogCapture quiet;  // libbpf's words on a failed probe are of no use to anybody
    return probe_one(feature);
}

}  // namespace weir::bpf
