// SPDX-License-Identifier: Apache-2.0
// A call through a BPF_PROG_ARRAY that nobody has filled: control comes back.
BPF_PROG_ARRAY(programs, 4);
BPF_ARRAY(calls, u64, 2);

int handle_rx(struct CTXTYPE *ctx)
{
    calls.increment(0);
    programs.call(ctx, 2);
    calls.increment(1);
    return RX_OK;
}
