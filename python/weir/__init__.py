# SPDX-License-Identifier: Apache-2.0
"""weir for Python. A program of your own puts a probe on an interface and looks at its windows:

    import weir
    with weir.inject("eth0", probe="ddos", window=1) as probe:
        for window in probe:
            print(window.packets, len(window.tables["flows"]))

In a script that `weir inject -e script.py` runs:

    def on_window(window):
        flows = window.tables["flows"]                # a numpy array in place, types from the probe's BTF
        if len(flows) > 1000:
            window.alert(reason="many flows")
        return {"packets": int(flows["value"]["packets"].sum())}

The window: weir._window.Window. Optional: setup(context), weir._window.Context;
on_packet(packet), weir._window.Packet, for packets that the probe copies; teardown().
"""
from weir._errors import Error, Overrun
from weir._probe import Probe, inject
from weir._window import Window

__all__ = ["Error", "Overrun", "Probe", "Window", "inject"]
