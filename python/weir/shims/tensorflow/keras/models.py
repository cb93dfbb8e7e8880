# SPDX-License-Identifier: Apache-2.0
"""Stands in for tensorflow.keras.models."""
from weir._shims import load_model, only

__getattr__ = only("tensorflow.keras.models", "load_model")
