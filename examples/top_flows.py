# SPDX-License-Identifier: Apache-2.0
"""The flows with the most bytes in each window, and an alert where one has more than half of all.

    weir inject -b flows -e examples/top_flows.py eth0
"""
import ipaddress

TOP = 3


def on_window(window):
    flows = window.tables["flows"]  # a numpy array, in place: fields key and value, as the probe's structs are
    total = int(flows["value"]["bytes"].sum())
    top = flows[flows["value"]["bytes"].argsort()[::-1][:TOP]]
    if len(top) and int(top[0]["value"]["bytes"]) * 2 > total:
        key = top[0]["key"]
        window.alert(src=key["source"], dst=key["destination"], sport=key["source_port"],
                     dport=key["destination_port"], packets=top[0]["value"]["packets"],
                     reason="more than half of all bytes")
    return {
        "flows": len(flows),
        "bytes": total,
        "top": [{"source": str(ipaddress.ip_address(int(each["key"]["source"]))),
                 "destination": str(ipaddress.ip_address(int(each["key"]["destination"]))),
                 "bytes": each["value"]["bytes"]} for each in top],
    }
