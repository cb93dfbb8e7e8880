// SPDX-License-Identifier: Apache-2.0
#include "bpf/features.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <array>
#include <cassert>
#include <charconv>

#include "util/privileges.h"

namespace weir::bpf {
namespace {

constexpr std::string_view kKernel = "kernel";
constexpr std::string_view kDataPath = "data path";
constexpr std::string_view kReading = "reading";

// Versions are those of the mainline release that first had the code named in `source`.
constexpr std::array<FeatureInfo, static_cast<std::size_t>(Feature::Count)> kFeatures{{
    {.feature = Feature::Syscall,
     .group = kKernel,
     .name = "bpf() system call",
     .used_for = "everything",
     .without = "",
     .since = {.version = 3, .patchlevel = 18},
     .source = "kernel/bpf/syscall.c, 99c55f7d47c0"},
    {.feature = Feature::KernelBtf,
     .group = kKernel,
     .name = "BTF of the kernel",
     .used_for = "sources that include <vmlinux.h>",
     .without = "such sources do not compile",
     .since = {.version = 5, .patchlevel = 4},
     .source = "kernel/bpf/sysfs_btf.c"},
    {.feature = Feature::ObjectBtf,
     .group = kKernel,
     .name = "BTF of programs",
     .used_for = "types of tables; maps without types",
     .without = "",
     .since = {.version = 4, .patchlevel = 18},
     .source = "kernel/bpf/btf.c:btf_new_fd, 69b693f0aefa"},
    {.feature = Feature::DeclTags,
     .group = kKernel,
     .name = "BTF declaration tags",
     .used_for = "map attributes, shown by other tools",
     .without = "weir reads them from the object all the same",
     .since = {.version = 5, .patchlevel = 16},
     .source = "kernel/bpf/btf.c:decl_tag_ops"},
    {.feature = Feature::Jit,
     .group = kKernel,
     .name = "just-in-time compiler",
     .used_for = "speed",
     .without = "programs are interpreted, many times slower: sysctl net.core.bpf_jit_enable=1",
     .since = {.version = 3, .patchlevel = 18},
     .source = "kernel/bpf/core.c:bpf_prog_select_runtime"},
    {.feature = Feature::MapMemory,
     .group = kKernel,
     .name = "memory of large maps",
     .used_for = "maps beyond RLIMIT_MEMLOCK",
     .without = "raise the limit: ulimit -l unlimited",
     .since = {.version = 5, .patchlevel = 11},
     .source = "kernel/bpf/syscall.c:bpf_map_save_memcg"},

    {.feature = Feature::XdpProgram,
     .group = kDataPath,
     .name = "XDP programs",
     .used_for = "probes",
     .without = "",
     .since = {.version = 4, .patchlevel = 8},
     .source = "net/core/filter.c:xdp_verifier_ops, 6a773a15a1e8"},
    {.feature = Feature::XdpLink,
     .group = kDataPath,
     .name = "XDP links",
     .used_for = "attaching; detached when weir dies",
     .without = "",
     .since = {.version = 5, .patchlevel = 9},
     .source = "net/core/dev.c:bpf_xdp_link_attach"},
    {.feature = Feature::XdpFrags,
     .group = kDataPath,
     .name = "XDP frags",
     .used_for = "drv mode with a large MTU",
     .without = "drv mode is refused for a large MTU: use skb",
     .since = {.version = 5, .patchlevel = 18},
     .source = "include/uapi/linux/bpf.h:BPF_F_XDP_HAS_FRAGS"},
    {.feature = Feature::TailCall,
     .group = kDataPath,
     .name = "tail calls",
     .used_for = "the chain of probes",
     .without = "",
     .since = {.version = 4, .patchlevel = 2},
     .source = "kernel/bpf/arraymap.c:prog_array_map_ops, 04fd61ab36ec"},
    {.feature = Feature::AttachTypeRule,
     .group = kDataPath,
     .name = "one attach type per chain",
     .used_for = "a rule that weir keeps on every kernel",
     .without = "nothing to do: weir keeps the rule itself",
     .since = {.version = 6, .patchlevel = 18},
     .source = "kernel/bpf/core.c:__bpf_prog_map_compatible"},
    {.feature = Feature::BpfLoop,
     .group = kDataPath,
     .name = "bpf_loop",
     .used_for = "draining in the kernel; probes that call it",
     .without = "one system call per entry; such probes are rejected",
     .since = {.version = 5, .patchlevel = 17},
     .source = "kernel/bpf/bpf_iter.c:bpf_loop"},
    {.feature = Feature::Ringbuf,
     .group = kDataPath,
     .name = "ring buffers",
     .used_for = "probes that have one",
     .without = "such probes do not load",
     .since = {.version = 5, .patchlevel = 8},
     .source = "kernel/bpf/ringbuf.c:ringbuf_map_ops"},
    {.feature = Feature::XdpTestRun,
     .group = kDataPath,
     .name = "XDP test run",
     .used_for = "replay (later), tests",
     .without = "no replay",
     .since = {.version = 4, .patchlevel = 12},
     .source = "net/bpf/test_run.c:bpf_prog_test_run_xdp, 1cf1cae963c2"},
    {.feature = Feature::LiveFrames,
     .group = kDataPath,
     .name = "live frames",
     .used_for = "load for tests and benchmarks",
     .without = "those tests do not run",
     .since = {.version = 5, .patchlevel = 18},
     .source = "net/bpf/test_run.c:bpf_test_run_xdp_live"},
    {.feature = Feature::Tcx,
     .group = kDataPath,
     .name = "TCX links",
     .used_for = "tc hooks; detached when weir dies",
     .without = "clsact filters; those of a killed weir go at the next start",
     .since = {.version = 6, .patchlevel = 6},
     .source = "kernel/bpf/tcx.c:tcx_link_attach"},
    {.feature = Feature::Clsact,
     .group = kDataPath,
     .name = "clsact filters",
     .used_for = "tc hooks where there is no TCX",
     .without = "TCX links",
     .since = {.version = 4, .patchlevel = 5},
     .source = "net/sched/sch_ingress.c:clsact_qdisc_ops, 1f211a1b929c"},
    {.feature = Feature::NetworkNamespace,
     .group = kDataPath,
     .name = "network namespaces",
     .used_for = "demo, tests; replay (later)",
     .without = "no demo, no tests",
     .since = {.version = 2, .patchlevel = 6},
     .source = "kernel/nsproxy.c:unshare_nsproxy_namespaces"},

    {.feature = Feature::MmapArray,
     .group = kReading,
     .name = "mmap-able arrays",
     .used_for = "the flip; reading arrays without a system call",
     .without = "",
     .since = {.version = 5, .patchlevel = 5},
     .source = "kernel/bpf/arraymap.c:array_map_mmap"},
    {.feature = Feature::BatchHash,
     .group = kReading,
     .name = "batches: hash",
     .used_for = "reading hash tables",
     .without = "one system call per row",
     .since = {.version = 5, .patchlevel = 6},
     .source = "kernel/bpf/hashtab.c:__htab_map_lookup_and_delete_batch"},
    {.feature = Feature::BatchLru,
     .group = kReading,
     .name = "batches: LRU hash",
     .used_for = "reading LRU hash tables",
     .without = "one system call per row",
     .since = {.version = 5, .patchlevel = 6},
     .source = "kernel/bpf/hashtab.c:htab_lru_map_lookup_batch"},
    {.feature = Feature::BatchPercpuHash,
     .group = kReading,
     .name = "batches: per-CPU hash",
     .used_for = "reading per-CPU hash tables",
     .without = "one system call per row",
     .since = {.version = 5, .patchlevel = 6},
     .source = "kernel/bpf/hashtab.c:htab_percpu_map_lookup_batch"},
    {.feature = Feature::BatchPercpuArray,
     .group = kReading,
     .name = "batches: per-CPU array",
     .used_for = "reading per-CPU arrays",
     .without = "one system call per row",
     .since = {.version = 5, .patchlevel = 13},
     .source = "kernel/bpf/arraymap.c:percpu_array_map_ops, f008d732ab18"},
    {.feature = Feature::BatchLpm,
     .group = kReading,
     .name = "batches: LPM trie",
     .used_for = "reading LPM tries",
     .without = "one system call per row",
     .since = {.version = 5, .patchlevel = 13},
     .source = "kernel/bpf/lpm_trie.c:trie_map_ops"},
    {.feature = Feature::SyscallProgram,
     .group = kReading,
     .name = "syscall programs",
     .used_for = "draining in the kernel",
     .without = "raw tracepoint programs through test run",
     .since = {.version = 5, .patchlevel = 14},
     .source = "kernel/bpf/syscall.c:bpf_syscall_prog_ops"},
    {.feature = Feature::SyscallPop,
     .group = kReading,
     .name = "queue pop in syscall programs",
     .used_for = "draining queues and stacks",
     .without = "raw tracepoint programs through test run",
     .since = {.version = 6, .patchlevel = 9},
     .source = "kernel/bpf/verifier.c:check_map_prog_compatibility"},
    {.feature = Feature::RawTpRun,
     .group = kReading,
     .name = "raw tracepoint test run",
     .used_for = "draining where syscall programs may not pop",
     .without = "one system call per entry",
     .since = {.version = 5, .patchlevel = 10},
     .source = "net/bpf/test_run.c:bpf_prog_test_run_raw_tp"},
    {.feature = Feature::MapInMapGrace,
     .group = kReading,
     .name = "map-in-map grace",
     .used_for = "waiting for the retired clones",
     .without = "",
     .since = {.version = 4, .patchlevel = 20},
     .source = "kernel/bpf/syscall.c:maybe_wait_bpf_programs"},
    {.feature = Feature::VisitCpus,
     .group = kReading,
     .name = "visiting every CPU",
     .used_for = "a shorter wait for the retired clones",
     .without = "the wait is a map-in-map update",
     .since = {.version = 2, .patchlevel = 6},
     .source = "kernel/sched/syscalls.c:sched_setaffinity"},
}};

unsigned leading_number(std::string_view& text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return 0;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

std::string reason(const FeatureInfo& feature, KernelVersion running, const Outcome& outcome) {
    if (running < feature.since) {
        return fmt::format("needs Linux >= {} ({}); this is {}", to_string(feature.since),
                           feature.name, to_string(running));
    }
    return fmt::format("needs {}, which this Linux {} was built without ({})", feature.name,
                       to_string(running), outcome.what);
}

// The others are answers of a kernel that understood the call.
bool may_be_a_missing_feature(Errc code) {
    return code == Errc::Unsupported || code == Errc::Invalid || code == Errc::Rejected ||
           code == Errc::Io;
}

}  // namespace

std::string to_string(KernelVersion version) {
    return fmt::format("{}.{}", version.version, version.patchlevel);
}

KernelVersion parse_kernel_version(std::string_view release) {
    const unsigned version = leading_number(release);
    if (version == 0 || !release.starts_with('.')) return {};
    release.remove_prefix(1);
    return {.version = version, .patchlevel = leading_number(release)};
}

KernelVersion running_kernel() {
    utsname names{};
    if (::uname(&names) != 0) return {};
    return parse_kernel_version(names.release);
}

std::span<const FeatureInfo> features() { return kFeatures; }

const FeatureInfo& info(Feature feature) {
    assert(feature < Feature::Count);
    return kFeatures[static_cast<std::size_t>(feature)];
}

Error explain(Error error, std::span<const Feature> needed) {
    if (error.code == Errc::Permission) {
        if (auto r = require_inject_privileges(); !r) {
            error.message += ": " + r.error().message;
            error.hint = r.error().hint;
        }
        return error;
    }
    return explain(std::move(error), needed, running_kernel(), probe);
}

Error explain(Error error, std::span<const Feature> needed, KernelVersion running,
              const Prober& prober) {
    if (!may_be_a_missing_feature(error.code)) return error;
    for (const Feature feature : needed) {
        const Outcome outcome = prober(feature);
        if (outcome.state != Outcome::State::Missing) continue;
        error.code = Errc::Unsupported;
        error.message += ": " + reason(info(feature), running, outcome);
        error.hint = "weir doctor lists what works on this kernel";
        return error;
    }
    return error;
}

}  // namespace weir::bpf
