// SPDX-License-Identifier: Apache-2.0
// A function that takes the skb, without any section, and reads it by load_byte().
BPF_ARRAY(protocols, u64, 256);

int classify(struct __sk_buff *skb)
{
    protocols.increment((int)load_byte(skb, 23));
    return TC_ACT_OK;
}
