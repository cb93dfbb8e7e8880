# SPDX-License-Identifier: Apache-2.0
"""Stands in for tensorflow where it is not installed: tensorflow.keras.models.load_model."""
from weir._shims import only

from . import keras

__getattr__ = only("tensorflow", "tensorflow.keras.models.load_model")
