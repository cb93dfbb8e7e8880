// SPDX-License-Identifier: Apache-2.0
// BPF_STACK, BPF_QUEUE and the LRU tables.
BPF_STACK(last, u32, 4096);
BPF_QUEUE(first, u32, 4096);
BPF_TABLE("lru_hash", u32, u64, recent, 128);
BPF_TABLE("lru_percpu_hash", u32, u64, recent_by_cpu, 128);

int handle_rx(struct CTXTYPE *ctx)
{
    u32 bytes = ctx->data_end - ctx->data;
    last.push(&bytes, 0);
    first.push(&bytes, BPF_EXIST);
    recent.increment(bytes);
    recent_by_cpu.increment(bytes, 2);
    return RX_OK;
}
