# SPDX-License-Identifier: Apache-2.0
"""Stands in for tensorflow.keras."""
from weir._shims import only

from . import models

__getattr__ = only("tensorflow.keras", "tensorflow.keras.models.load_model")
