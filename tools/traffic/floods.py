# SPDX-License-Identifier: Apache-2.0
"""All floods of the laboratory: labelled training and test traffic for a detector.

    flood = random.choice([flood for flood in FLOODS if not flood.is_held_out])
    argv = flood.command(random.Random(7), target, seconds=5)  # to run inside the attacker's namespace

Programs of held-out floods appear in no training flood: they tell how a detector does on what it never saw.
"""
from flood_held_out import HELD_OUT_FLOODS
from flood_http import HTTP_FLOODS
from flood_model import Flood, Target
from flood_packets import PACKET_FLOODS

__all__ = ["FLOODS", "Flood", "Target"]

FLOODS = (*PACKET_FLOODS, *HTTP_FLOODS, *HELD_OUT_FLOODS)
