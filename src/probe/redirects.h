// SPDX-License-Identifier: Apache-2.0
#pragma once
// The interfaces that a probe sends packets to by name (bpf/weir/redirect.h). Their numbers are put
// into the object before it is loaded, and into both clones when an interface comes or goes.
//
//     auto redirects = Redirects::open(pair);
//     redirects->follow("eth1", index);          // there it is
//     redirects->follow("eth1", std::nullopt);   // gone: packets pass, and are counted
//
// Ownership: maps the clones' memory; the pair may move, but must live. Thread rule: one thread;
// packets may run meanwhile.
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bpf/interface.h"
#include "bpf/object.h"
#include "probe/clone_pair.h"
#include "util/fd.h"
#include "weir/result.h"

namespace weir {

/// Puts the numbers of the interfaces of the calling thread's network namespace into an object that
/// is about to be loaded; 0 for those that are not there. In a replay, which sends nothing, every
/// interface is there. Errors: those of bpf::MapSpec::make_mmapable().
[[nodiscard]] Result<> resolve_redirects(bpf::Object& object, bool is_replay);

/// What the author should know of an object for which that is done: interfaces that are not there.
[[nodiscard]] std::vector<std::string> redirect_notices(bpf::Object& object);

class Redirects {
public:
    /// Errors: Io, Permission.
    [[nodiscard]] static Result<Redirects> open(const ClonePair& pair);

    /// The interfaces that the probe names, each once, sorted; empty: it redirects by no name.
    [[nodiscard]] std::vector<std::string> names() const;
    /// Those that are not there now.
    [[nodiscard]] std::vector<std::string> missing() const;
    /// From here on `name` is this interface; none: it is gone. A name that the probe does not use
    /// is no mistake. Cost: one store for each use and clone.
    void follow(const std::string& name, std::optional<bpf::IfIndex> interface);

private:
    struct Target {  // one use of weir_redirect() in one clone
        std::string name;
        std::uint32_t* ifindex = nullptr;  // in memory_
    };
    std::vector<Mapping> memory_;
    std::vector<Target> targets_;
};

}  // namespace weir
