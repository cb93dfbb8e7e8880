// SPDX-License-Identifier: Apache-2.0
// A BPF_ARRAY_OF_MAPS, whose inner map is named by a string. Nobody puts a map in, so no packet finds one.
BPF_HASH(per_tenant, u32, u64, 64);
BPF_ARRAY_OF_MAPS(tenants, "per_tenant", 8);
BPF_ARRAY(missed, u64, 1);

int handle_rx(struct CTXTYPE *ctx)
{
    int tenant = 3;
    void *inner = tenants.lookup(&tenant);
    if (!inner) {
        missed.increment(0);
        return RX_OK;
    }
    u32 key = 0;
    u64 *packets = bpf_map_lookup_elem(inner, &key);
    if (packets)
        lock_xadd(packets, 1);
    return RX_OK;
}
