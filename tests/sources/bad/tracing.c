// SPDX-License-Identifier: Apache-2.0
// A BCC source for tracing: refused by the name of its macro.
BPF_HASH(calls, u32);

TRACEPOINT_PROBE(raw_syscalls, sys_enter)
{
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    calls.increment(pid);
    return 0;
}
