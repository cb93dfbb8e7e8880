# SPDX-License-Identifier: Apache-2.0
"""A flow tensor: the first packets of every flow, features side by side, as the probe wrote them."""
from collections import namedtuple

import numpy as np

from weir._dtype import dtype_of

Feature = namedtuple("Feature", "name unit encoding")


class Tensor:
    """Of window.tensor.

    flows: shape (flows,), the rows: key, counters, packets; the same array as window.tables[NAME].
    packets: shape (flows, packets_per_flow), a field for each feature; zeros behind a flow's last packet.
    recorded: shape (flows,), how many packets of each flow are in it.
    features: Feature(name, unit, encoding), in order; packets_per_flow.
    """

    def __init__(self, raw, rows):
        layout = raw.flows
        self._raw, self._layout = raw, layout
        self.flows = rows
        self.packets_per_flow = layout["packets_per_flow"]
        self.features = [Feature(*each) for each in layout["features"]]

    def __len__(self):
        return len(self.flows)

    @property
    def packets(self):
        kind = self._layout["packet"]
        dtype = dtype_of(kind, kind["size"], self._layout["packet_bytes"])
        array = np.ndarray((len(self.flows), self.packets_per_flow), dtype, self.flows, self._layout["packet_offset"],
                           (self.flows.strides[0] if len(self.flows) else 0, self._layout["packet_bytes"]))
        array.flags.writeable = False
        return array

    @property
    def recorded(self):
        return np.minimum(self.flows["packets"], self.packets_per_flow)

    def to_float32(self, *columns):
        """A model's input in one pass: float32, shape (flows, packets_per_flow, columns).

        A column is the name of a feature, or (name, scale), or (name, scale, "first_packet") for a number that is
        counted from the flow's least one: (value - origin) * scale. Without columns: every feature. Packets that are
        not there are 0. Errors: KeyError (no such feature), ValueError; weir.Error after the callback.
        Cost: 1 to 2 ns a value.
        """
        wanted = [_column(each) for each in columns or [feature.name for feature in self.features]]
        out = np.empty((len(self.flows), self.packets_per_flow, len(wanted)), np.float32)
        self._raw.to_float32(wanted, out)
        return out


def _column(column):
    name, scale, origin = (column, 1.0, "") if isinstance(column, str) else (*column, "")[:3]
    if origin not in ("", "first_packet"):
        raise ValueError(f"a column is counted from \"first_packet\" or from zero, not from {origin!r}")
    return name, float(scale), origin == "first_packet"
