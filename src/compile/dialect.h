// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the text of a source says before any compiler has seen it: the dialect it is written in.
//
//     const Clues clues = read_clues(text, path);
//
// Ownership: plain values. Thread-safe.
#include <filesystem>
#include <string_view>

#include "compile/compiler.h"

namespace weir::compile {

struct Clues {
    Dialect dialect = Dialect::Bcc;
    bool includes_vmlinux = false;
    // The most parameters that stand behind the name anywhere; 0: it does not occur.
    unsigned handle_rx_parameters = 0;
    unsigned handler_parameters = 0;
    bool logs = false;   // calls dp_log() or pcn_log()
    bool punts = false;  // calls pkt_to_controller() or pcn_pkt_controller()
};

/// Native: includes <weir/...> (but <weir/bcc/...>). Libbpf: a section attribute, bpf_helpers.h or
/// vmlinux.h. Else BCC. Comments do not count; files included with quotes do, where they lie beside
/// it.
[[nodiscard]] Clues read_clues(std::string_view text, const std::filesystem::path& path);

}  // namespace weir::compile
