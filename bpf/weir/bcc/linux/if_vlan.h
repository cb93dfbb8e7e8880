/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* The kernel's own header of this name also has the tag itself. */
#include_next <linux/if_vlan.h>
#include <linux/types.h>

struct vlan_hdr {
    __be16 h_vlan_TCI;
    __be16 h_vlan_encapsulated_proto;
};

#define VLAN_HLEN 4
#define VLAN_ETH_HLEN 18
#define VLAN_VID_MASK 0x0fff
#define VLAN_PRIO_MASK 0xe000
#define VLAN_PRIO_SHIFT 13
