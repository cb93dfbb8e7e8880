// SPDX-License-Identifier: Apache-2.0
#pragma once
// A probe before it is in the kernel: the bytes of its object, which program is its entry, and what
// the command line says of its maps and parameters. Both clones are opened from these bytes.
//
// Ownership: plain values. Thread rule: immutable once built.
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bpf/object.h"
#include "compile/compiler.h"
#include "probe/classify.h"
#include "probe/locate.h"
#include "weir/result.h"

namespace weir {

/// --set PROBE.PARAM=VALUE and --set PROBE.MAP.max_entries=VALUE, without the probe's name.
struct Setting {
    std::string target;  // "PARAM" or "MAP.max_entries"
    std::string value;
};

struct ProbeSpec {
    ProbeFile file;
    std::optional<Hook> hook = {};  // none: what the program is for
    std::string program;
    std::vector<std::string> cflags;
    MapOverrides maps;
    std::vector<Setting> settings;
};

struct ProbeImage {
    std::string name;
    Hook hook = Hook::Xdp;  // on xdp, or on tc in either direction
    std::string function;   // the author's entry function
    std::string entry;  // the program that stands in the chain: weir_entry, or `function` itself
    bool is_wrapped = true;  // false: a foreign object, which stands last, behind the stub
    // A tail call out of the entry itself: control never comes back, and the probe ends its chain
    // as a foreign object does. (Out of a function that is not inlined, it comes back.)
    bool tail_calls_away = false;
    // At most so many tail calls of its own lie on a packet's way through it (probe/tail_calls.h).
    unsigned own_tail_calls = 0;
    std::optional<compile::Dialect> dialect;  // none: an object
    std::vector<std::byte> elf;
    std::vector<std::string> notices;
    MapOverrides maps;
    std::vector<Setting> settings;

    /// Compiles a source or reads an object, and finds the entry.
    /// Errors: those of compile::compile; for objects those of bpf::Object::open, Invalid (no
    /// program for the hook, several), Unsupported (built with headers of another ABI version).
    [[nodiscard]] static Result<ProbeImage> build(const ProbeSpec& spec,
                                                  const std::filesystem::path& share);

    /// Opens the object and applies entry, settings and constants; nothing is in the kernel yet.
    [[nodiscard]] Result<bpf::Object> open() const;
};

}  // namespace weir
