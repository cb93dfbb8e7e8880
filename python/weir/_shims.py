# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for modules that classic scripts import and weir does without: bcc, keras, tensorflow.

install() adds a finder behind all others, so that a real installation comes first, also one in a folder that the
script itself adds to sys.path. Nothing is imported until a script does.
"""
import importlib.machinery
import os
import sys

_NAMES = ("bcc", "keras", "tensorflow")
_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shims")


class ShimFinder:
    """Asked for what nobody else has found."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        return importlib.machinery.PathFinder.find_spec(name, [_FOLDER], target) if name in _NAMES else None


def install():
    """Harmless to repeat."""
    if ShimFinder not in sys.meta_path:
        sys.meta_path.append(ShimFinder)


def only(module, *names):
    """A module's __getattr__: what the stand-in lacks is an ImportError, as if the import had failed."""
    def missing(name):
        if name.startswith("__"):  # asked by Python itself: importlib, inspect, copy
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        raise ImportError(f"{module} is not installed; weir stands in for {', '.join(names)} alone, "
                          f"'{name}' needs the real one", name=f"{module}.{name}")
    return missing


def load_model(path, *_args, **_options):
    """keras.models.load_model. Errors: ImportError (weir runs no models yet)."""
    raise ImportError(f"cannot load {path}: keras is not installed, and weir does not run models yet", name="keras")
