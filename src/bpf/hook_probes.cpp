// SPDX-License-Identifier: Apache-2.0
#include "bpf/hook_probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/probe_kit.h"
#include "util/fd.h"

namespace weir::bpf {

using namespace probe_kit;

Outcome try_xdp_link(int interface) {
    int rc = load(returns(kXdpPass));
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd program(rc);
    bpf_link_create_opts opts{};
    opts.sz = sizeof opts;
    opts.flags = 1U << 1;  // XDP_FLAGS_SKB_MODE: loopback has no driver mode
    rc = bpf_link_create(program.get(), interface, BPF_XDP, &opts);
    if (rc < 0) return failed(rc, "link create");
    const UniqueFd link(rc);
    return works("program attached in a private namespace");
}

Outcome try_tcx(int interface) {
    // include/uapi/linux/bpf.h, v6.6: headers of older distributions lack it.
    constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
    int rc = load(returns(0), {.type = BPF_PROG_TYPE_SCHED_CLS});
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd program(rc);
    rc = bpf_link_create(program.get(), interface, kTcxIngress, nullptr);
    if (rc < 0) return failed(rc, "link create");
    const UniqueFd link(rc);
    return works("program attached in a private namespace");
}

Outcome try_clsact(int interface) {
    int rc = load(returns(0), {.type = BPF_PROG_TYPE_SCHED_CLS});
    if (rc < 0) return failed(rc, "program load");
    const UniqueFd program(rc);
    bpf_tc_hook hook{};
    hook.sz = sizeof hook;
    hook.ifindex = interface;
    hook.attach_point = BPF_TC_INGRESS;
    rc = bpf_tc_hook_create(&hook);
    if (rc < 0) return failed(rc, "clsact qdisc");
    bpf_tc_opts opts{};
    opts.sz = sizeof opts;
    opts.prog_fd = program.get();
    rc = bpf_tc_attach(&hook, &opts);
    if (rc < 0) return failed(rc, "filter");
    return works("filter attached in a private namespace");  // it goes with the namespace
}

}  // namespace weir::bpf
