// SPDX-License-Identifier: Apache-2.0
// Whose is a BPF object that is new? The kernel does not say which process made it (a program knows
// its user id only). Every live object is held by somebody, though: a descriptor, an attachment or
// a pin. Those that another process of the machine holds by a descriptor are that process's and not
// counted; those of kinds that weir never loads (systemd attaches cgroup programs at any time) are
// not counted either. What is new and left over is held by this process, its children, a pin or an
// attachment: a leak of ours.
#include "leak_check.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include "util/fd.h"

namespace weir::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kLinkTypeTcx = 11;  // BPF_LINK_TYPE_TCX; newer than Debian 12's headers

// ------------------------------------------------------------ processes
bool is_number(const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

std::vector<std::string> entries_of(const fs::path& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        names.push_back(it->path().filename().string());
    return names;
}

/// Field 4 of /proc/PID/stat; 0 where the process is gone. The name in field 2 may hold anything.
int parent_of(int pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(stat, line);
    const auto name_end = line.rfind(')');
    if (name_end == std::string::npos || name_end + 4 >= line.size()) return 0;
    return std::atoi(line.c_str() + name_end + 4);
}

bool is_ours(int pid) {
    while (pid > 1) {
        if (pid == ::getpid()) return true;
        pid = parent_of(pid);
    }
    return false;
}

/// tools/netpair.py names them weir-NAME-PID-END: those of a process outside our tree, as long as
/// it lives.
bool is_namespace_of_others(const std::string& name) {
    const auto end = name.rfind('-');
    const auto start = end == std::string::npos ? end : name.rfind('-', end - 1);
    if (start == std::string::npos) return false;
    const std::string pid = name.substr(start + 1, end - start - 1);
    std::error_code error;
    return is_number(pid) && fs::exists("/proc/" + pid, error) && !is_ours(std::atoi(pid.c_str()));
}

// ------------------------------------------------------------ BPF objects
/// "prog_id 17" and the like, of every descriptor that processes outside our tree hold.
std::set<std::string> held_by_others() {
    std::set<std::string> held;
    for (const auto& pid : entries_of("/proc")) {
        if (!is_number(pid) || is_ours(std::atoi(pid.c_str()))) continue;
        const fs::path folder = "/proc/" + pid + "/fdinfo";
        for (const auto& fd : entries_of(folder)) {
            std::ifstream info(folder / fd);
            for (std::string line; std::getline(info, line);) {
                const auto colon = line.find(":\t");
                const auto key = line.substr(0, colon);
                if (key == "prog_id" || key == "map_id" || key == "link_id")
                    held.insert(key + " " + line.substr(colon + 2));
            }
        }
    }
    return held;
}

const char* kind_of_program(std::uint32_t type) {
    switch (type) {
        case BPF_PROG_TYPE_XDP: return "xdp";
        case BPF_PROG_TYPE_SCHED_CLS: return "tc";
        case BPF_PROG_TYPE_SYSCALL: return "syscall";
        case BPF_PROG_TYPE_RAW_TRACEPOINT: return "raw_tp";
        case BPF_PROG_TYPE_SOCKET_FILTER: return "socket_filter";
        default: return nullptr;  // weir never loads these
    }
}

/// Lists objects by their ids alone. Opening one (bpf_map_get_fd_by_id) while its last owner closes
/// it makes a program array leak in the kernel: kernel/bpf/arraymap.c:prog_array_map_clear takes a
/// reference each time the last descriptor goes, and gives back only one when both times fall
/// before its work runs (seen on 6.18).
template <auto NextId>
void add_ids(Inventory& out, const std::set<std::string>& foreign, const char* word,
             const std::string& key) {
    for (std::uint32_t id = 0; NextId(id, &id) == 0;)
        if (!foreign.contains(fmt::format("{} {}", key, id)))
            out.insert(fmt::format("{} {}", word, id));
}

/// Without CAP_SYS_ADMIN the kernel lists nothing, and nothing could have been loaded either.
void add_bpf_objects(Inventory& out) {
    const auto foreign = held_by_others();
    add_ids<bpf_prog_get_next_id>(out, foreign, "program", "prog_id");
    add_ids<bpf_map_get_next_id>(out, foreign, "map", "map_id");
    add_ids<bpf_link_get_next_id>(out, foreign, "link", "link_id");
}

struct ProgramFacts {
    const char* kind = nullptr;  // null: not of a kind that weir loads
    std::string name;
    std::vector<std::uint32_t> maps;
};

ProgramFacts program_facts(std::uint32_t id) {
    const UniqueFd fd(bpf_prog_get_fd_by_id(id));
    std::array<std::uint32_t, 64> maps{};
    bpf_prog_info info{};
    info.nr_map_ids = maps.size();
    info.map_ids = reinterpret_cast<std::uintptr_t>(maps.data());
    std::uint32_t bytes = sizeof info;
    if (!fd.is_open() || bpf_obj_get_info_by_fd(fd.get(), &info, &bytes) != 0) return {};
    const std::size_t used = std::min<std::size_t>(info.nr_map_ids, maps.size());
    return {.kind = kind_of_program(info.type),
            .name = info.name,
            .maps = {maps.begin(), maps.begin() + used}};
}

std::string map_name(std::uint32_t id) {
    const UniqueFd fd(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    std::uint32_t bytes = sizeof info;
    if (!fd.is_open() || bpf_obj_get_info_by_fd(fd.get(), &info, &bytes) != 0) return "?";
    return info.name;
}

bool is_our_kind_of_link(std::uint32_t id) {
    const UniqueFd fd(bpf_link_get_fd_by_id(id));
    bpf_link_info info{};
    std::uint32_t bytes = sizeof info;
    if (!fd.is_open() || bpf_obj_get_info_by_fd(fd.get(), &info, &bytes) != 0) return false;
    return info.type == BPF_LINK_TYPE_XDP || info.type == kLinkTypeTcx;
}

/// "program 17" and N; nothing for lines of other kinds.
std::optional<std::uint32_t> id_after(const std::string& line, std::string_view word) {
    if (!line.starts_with(word)) return std::nullopt;
    return static_cast<std::uint32_t>(std::strtoul(line.c_str() + word.size(), nullptr, 10));
}

/// Now that nothing is about to be freed: gives objects their names, and leaves out those that
/// others made.
std::vector<std::string> name_objects(const std::vector<std::string>& lines) {
    std::vector<std::string> named;
    std::set<std::uint32_t> foreign_maps;
    for (const auto& line : lines) {
        if (const auto program = id_after(line, "program ")) {
            const ProgramFacts facts = program_facts(*program);
            if (facts.kind != nullptr)
                named.push_back(fmt::format("{} ({} {})", line, facts.kind, facts.name));
            else
                foreign_maps.insert(facts.maps.begin(), facts.maps.end());
        }
    }
    for (const auto& line : lines) {
        if (id_after(line, "program ")) continue;
        if (const auto link = id_after(line, "link ")) {
            if (is_our_kind_of_link(*link)) named.push_back(line);
        } else if (const auto map = id_after(line, "map ")) {
            if (!foreign_maps.contains(*map))
                named.push_back(fmt::format("{} ({})", line, map_name(*map)));
        } else {
            named.push_back(line);
        }
    }
    return named;
}

// ------------------------------------------------------------ the rest
void add_descriptors(Inventory& out) {
    for (const auto& fd : entries_of("/proc/self/fd")) {
        std::error_code error;
        const auto target = fs::read_symlink("/proc/self/fd/" + fd, error);
        if (error || target == "/proc/" + std::to_string(::getpid()) + "/fd")
            continue;  // the listing's own
        out.insert(fmt::format("descriptor {} -> {}", fd, target.string()));
    }
}

void add_pins(Inventory& out) {
    std::error_code error;
    for (fs::recursive_directory_iterator it("/sys/fs/bpf", error), end; !error && it != end;
         it.increment(error))
        out.insert("pin " + it->path().string());
}

void add_network(Inventory& out) {
    for (const auto& name : entries_of("/run/netns"))
        if (name.starts_with("weir") && !is_namespace_of_others(name))
            out.insert("network namespace " + name);
    std::error_code error;
    const auto own = fs::read_symlink("/proc/self/ns/net", error);
    out.insert("being in network namespace " + own.string());

    if (auto* list = ::if_nameindex(); list != nullptr) {
        for (auto* i = list; i->if_index != 0; ++i)
            out.insert(std::string("interface ") + i->if_name);
        ::if_freenameindex(list);
    }
    struct Close {
        void operator()(FILE* f) const { ::pclose(f); }
    };
    const std::unique_ptr<FILE, Close> tc(::popen("tc qdisc show 2>/dev/null", "re"));
    std::array<char, 512> line{};
    while (tc != nullptr && std::fgets(line.data(), line.size(), tc.get()) != nullptr) {
        const std::string_view text(line.data());
        out.insert("qdisc " + std::string(text.substr(0, text.find('\n'))));
    }
}

void add_children(Inventory& out) {
    for (const auto& pid : entries_of("/proc")) {
        if (!is_number(pid) || parent_of(std::atoi(pid.c_str())) != ::getpid()) continue;
        std::ifstream comm("/proc/" + pid + "/comm");
        std::string name;
        std::getline(comm, name);
        // A sanitizer's own, left by a child of the test that was made to break down.
        if (name == "llvm-symbolizer") continue;
        out.insert(fmt::format("child process {} ({})", pid, name));
    }
}

}  // namespace

void adopt_orphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

Inventory take_inventory() {
    Inventory out;
    add_descriptors(out);
    add_bpf_objects(out);
    add_pins(out);
    add_network(out);
    add_children(out);
    return out;
}

std::vector<std::string> leaks_since(const Inventory& before, std::chrono::milliseconds grace) {
    const auto deadline = std::chrono::steady_clock::now() + grace;
    std::optional<Inventory> seen;  // each time until now: what others make and drop comes and goes
    for (;;) {
        std::vector<std::string> left;
        const Inventory now = take_inventory();
        for (const auto& line : now)
            if (!before.contains(line) && (!seen || seen->contains(line))) left.push_back(line);
        seen = Inventory(left.begin(), left.end());
        if (left.empty()) return left;
        if (std::chrono::steady_clock::now() >= deadline) return name_objects(left);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

}  // namespace weir::test
