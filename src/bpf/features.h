// SPDX-License-Identifier: Apache-2.0
#pragma once
// What this kernel can do, each answer being the outcome of a small program loaded, map created or
// call made now, and what a kernel must be for it. Do the call first; ask here only to explain why
// it failed:
//
//     auto link = attach(...);
//     if (!link) return std::unexpected(explain(link.error(), {{Feature::XdpLink}}));
//
// Ownership: plain values; a probe leaves nothing in the kernel. Attaching is tried in a network
// namespace made for it, never on an interface that exists. Thread rule: thread-safe.
#include <compare>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "weir/result.h"

namespace weir::bpf {

/// 6.18 is {6, 18}.
struct KernelVersion {
    unsigned version = 0;
    unsigned patchlevel = 0;
    auto operator<=>(const KernelVersion&) const = default;
};

[[nodiscard]] std::string to_string(KernelVersion version);
/// {0, 0} where the release does not start with two numbers.
[[nodiscard]] KernelVersion parse_kernel_version(std::string_view release);
[[nodiscard]] KernelVersion running_kernel();

/// Older kernels are not tried and not supported.
constexpr KernelVersion kMinimumKernel{.version = 5, .patchlevel = 15};

enum class Feature {
    Syscall,
    KernelBtf,
    ObjectBtf,
    DeclTags,
    Jit,
    MapMemory,
    XdpProgram,
    XdpLink,
    XdpFrags,
    TailCall,
    AttachTypeRule,
    BpfLoop,
    Ringbuf,
    XdpTestRun,
    LiveFrames,
    Tcx,
    Clsact,
    NetworkNamespace,
    MmapArray,
    BatchHash,
    BatchLru,
    BatchPercpuHash,
    BatchPercpuArray,
    BatchLpm,
    SyscallProgram,
    SyscallPop,
    RawTpRun,
    MapInMapGrace,
    VisitCpus,
    Count,  // how many there are
};

struct FeatureInfo {
    Feature feature{};
    std::string_view group;     // "kernel", "data path", "reading"
    std::string_view name;      // "XDP links"
    std::string_view used_for;  // what weir does with it
    std::string_view
        without;  // what weir does where it is missing; empty: `weir inject` cannot work
    KernelVersion since;
    std::string_view source;  // where the kernel does it, or the commit that brought it
    [[nodiscard]] bool is_required() const { return without.empty(); }
};

/// One entry per feature, in the order of the enumeration.
[[nodiscard]] std::span<const FeatureInfo> features();
[[nodiscard]] const FeatureInfo& info(Feature feature);

struct Outcome {
    enum class State {
        Works,
        Missing,   // the kernel does not know it
        Denied,    // the kernel does not let us (EPERM): says nothing about the kernel
        NotTried,  // trying it was not possible here
    };
    State state = State::NotTried;
    std::string what;  // what was done and seen, or the call that failed with its errno
};

/// Tries it now. Cost: 0.1 to 20 ms. Prints nothing.
[[nodiscard]] Outcome probe(Feature feature);

using Prober = std::function<Outcome(Feature)>;

/// Says why a call failed that needs these features: "...: needs Linux >= 5.9 (XDP links); this
/// is 5.4", code Unsupported. An error that no missing feature explains comes back as it was;
/// Permission gains what is missing of the privileges.
[[nodiscard]] Error explain(Error error, std::span<const Feature> needed);
/// The same with another machine's answers; knows nothing of privileges.
[[nodiscard]] Error explain(Error error, std::span<const Feature> needed, KernelVersion running,
                            const Prober& prober);

}  // namespace weir::bpf
