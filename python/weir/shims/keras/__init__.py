# SPDX-License-Identifier: Apache-2.0
"""Stands in for keras where it is not installed: keras.models.load_model."""
from weir._shims import only

from . import models

__getattr__ = only("keras", "keras.models.load_model")
