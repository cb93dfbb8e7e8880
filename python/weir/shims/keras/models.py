# SPDX-License-Identifier: Apache-2.0
"""Stands in for keras.models."""
from weir._shims import load_model, only

__getattr__ = only("keras.models", "load_model")
