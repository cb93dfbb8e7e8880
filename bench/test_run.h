// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the benchmarks of packets share: how programs are loaded, and nanoseconds a packet by
// BPF_PROG_TEST_RUN.
#include <bpf/bpf.h>

#include <array>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "chain/chain.h"
#include "need.h"
#include "probe/image.h"
#include "probe/locate.h"
#include "table/table.h"
#include "util/file.h"
#include "util/paths.h"

namespace weir::bench {

using Frame = std::array<unsigned char, 64>;

/// Ethernet, IPv4, and TCP with SYN: 10.0.0.1:40000 to 10.0.0.2:80.
inline Frame tcp_frame() {
    Frame frame{};
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[17] = 40;
    frame[22] = 64;
    frame[23] = 6;
    frame[26] = 10;
    frame[29] = 1;
    frame[30] = 10;
    frame[33] = 2;
    frame[34] = 0x9c;
    frame[35] = 0x40;
    frame[37] = 80;
    frame[46] = 0x50;
    frame[47] = 2;
    return frame;
}

/// Nanoseconds of one run of a program, by the kernel's own clock around `repeat` runs.
inline double run_ns(int program_fd, int repeat, Frame frame = tcp_frame()) {
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = frame.size(),
                .repeat = repeat);
    if (bpf_prog_test_run_opts(program_fd, &options) != 0) std::abort();
    return options.duration;
}

using Settings = std::vector<Setting>;

/// The shipped ddos probe.
inline ProbeSpec ddos_spec(Settings settings) {
    return {.file = need(locate_probe("ddos", need(share_dir()))),
            .program = {},
            .cflags = {},
            .maps = {},
            .settings = std::move(settings)};
}

/// A probe behind the pivot, as `weir inject` stands it.
inline Chain load_chain(const ProbeSpec& spec) {
    const auto image = need(ProbeImage::build(spec, need(share_dir())));
    auto chain = need(Chain::create());
    auto pair = need(ClonePair::load(image, need(chain.next_binding())));
    need(chain.append(std::move(pair)));
    return chain;
}

/// The window's map of that name.
inline table::Reader reader_of(const Clone& clone, const std::string& map) {
    for (const CloneMap& m : clone.maps())
        if (m.map.name() == map)
            return need(table::Reader::create(m.map, m.policy, m.image, m.flow_heads));
    give_up({.code = Errc::NotFound, .message = "map " + map});
}

/// One program of an object, loaded as it is.
inline bpf::LoadedObject load_alone(const std::string& path, const std::string& function) {
    auto object = need(bpf::Object::open(need(read_bytes(path)), "bench"));
    for (bpf::ProgramSpec& p : object.programs()) p.set_autoload(p.function == function);
    return need(std::move(object).load());
}

/// Its descriptor, borrowed.
inline int need_program(const bpf::LoadedObject& object, const std::string& function) {
    const auto program = object.program(function);
    if (!program) give_up({.code = Errc::NotFound, .message = "program " + function});
    return program->fd;
}

}  // namespace weir::bench
