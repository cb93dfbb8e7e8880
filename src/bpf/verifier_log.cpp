// SPDX-License-Identifier: Apache-2.0
#include "bpf/verifier_log.h"

#include <cctype>
#include <vector>

namespace weir::bpf {
namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        lines.push_back(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return lines;
}

/// "12: (61) r0 = *(u32 *)(r1 +0) ; R0_w=..." and the register dumps "12: R1=ctx() R10=fp0".
bool is_trace(std::string_view line) {
    std::size_t digits = 0;
    while (digits < line.size() && std::isdigit(static_cast<unsigned char>(line[digits])) != 0)
        ++digits;
    return digits > 0 && digits < line.size() && line[digits] == ':';
}

bool is_noise(std::string_view line) {
    return line.empty() || line.starts_with("processed ") ||
           line.starts_with("verification time") || line.starts_with("stack depth") ||
           line.starts_with("mark_precise") || line.starts_with("from ") ||
           line.starts_with("last_idx") || line.starts_with("libbpf:") || line.starts_with("-- ");
}

}  // namespace

std::string essence(std::string_view log) {
    // libbpf prints the log between two markers; the last pair is the program that failed.
    if (const std::size_t begin = log.rfind("-- BEGIN PROG LOAD LOG --\n");
        begin != std::string_view::npos)
        log = log.substr(log.find('\n', begin) + 1);
    if (const std::size_t end = log.find("-- END PROG LOAD LOG --"); end != std::string_view::npos)
        log = log.substr(0, end);
    std::string_view source;
    std::string_view instruction;
    std::vector<std::string_view> complaint;
    for (const std::string_view line : lines_of(log)) {
        if (line.starts_with("; ")) {
            source = line.substr(2);
            complaint.clear();
        } else if (is_trace(line)) {
            instruction = line;
            complaint.clear();
        } else if (!is_noise(line)) {
            complaint.push_back(line);
        }
    }
    std::string out;
    const std::string_view place = source.empty() ? instruction : source;
    if (!place.empty()) out += "  at: " + std::string(place) + "\n";
    for (const std::string_view line : complaint) out += "  " + std::string(line) + "\n";
    if (!out.empty()) out.pop_back();
    return out;
}

}  // namespace weir::bpf
