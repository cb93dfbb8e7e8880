/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* A parser for each header, from the outside in.
 *
 * One contract for all: weir_parse_x() returns the header and moves past it, or returns NULL and moves
 * nothing. NULL: another protocol, or the packet ends too early. Fields stay in network order; their types
 * (__be16, __be32) say so. The IP parsers may be called on a whole frame, they pass Ethernet by themselves.
 *
 *     struct iphdr *ip = weir_parse_ipv4(p);
 *     struct tcphdr *tcp = ip ? weir_parse_tcp(p) : NULL; */
#include "packet.h"
#include "parse_link.h"
#include "parse_ip.h"
#include "parse_transport.h"
