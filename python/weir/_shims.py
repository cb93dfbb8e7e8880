# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for modules that classic scripts import and weir does without: bcc, keras, tensorflow.

install() adds a finder behind all others, so that a real installation comes first, also one in a folder that the
script itself adds to sys.path. Nothing is imported until a script does.
"""
import importlib
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


def _native():
    """The module that has Network: the embedded one, else the package's own."""
    for name in ("_weir_host", "_weir_core"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError("keras is not installed, and weir's library is not there to stand in for it", name="keras")


class Model:
    """What load_model() gives: predict() and the shapes, on weir's own runner (ONNX Runtime)."""

    def __init__(self, path):
        self._network = _native().Network(os.fspath(path))
        self.input_shape = (None, *self._network.input)
        self.output_shape = (None, *self._network.output)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Shape: x [n, ...] -> float32 [n, outputs]. Batches are weir's own; the answer is the same.

        Errors: weir.Error where x has another shape; ImportError for steps and callbacks, which need Keras."""
        del batch_size, verbose
        if steps is not None or callbacks is not None:
            raise ImportError("predict() with steps or callbacks needs keras itself", name="keras")
        return self._network.predict(x)

    def __call__(self, x):
        return self.predict(x)

    def __getattr__(self, name):
        if name.startswith("_"):  # asked by Python itself: copy, pickle
            raise AttributeError(name)
        raise ImportError(f"keras is not installed; a model of weir's has predict() alone, '{name}' needs the real one",
                          name="keras")


def load_model(path, *_args, **_options):
    """keras.models.load_model: .h5, .keras or .onnx.

    Errors: ImportError for None (scripts ask so whether there is a model); weir.Error where it cannot be read."""
    if path is None:
        raise ImportError("no model was given (-m), and keras is not installed", name="keras")
    return Model(path)
