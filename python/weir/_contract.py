# SPDX-License-Identifier: Apache-2.0
"""Which contract an extractor follows, and the running of the classic one.

    contract_of(module)                        # "window" or "classic"
    runner = ClassicRunner(module); runner.start(None, 10.0)
    runner.window(raws)                        # JSON text of what read_program_maps() returned

A module with on_window(window) follows weir's own contract; one with init(model_path, time_window) and
read_program_maps(program) the classic one; one with both, weir's own.
"""
from weir._classic import ClassicProgram
from weir._errors import Error
from weir._json import to_json

__all__ = ["ClassicRunner", "classic_time_window", "contract_of", "to_json"]

_CLASSIC = ("init", "read_program_maps")


def contract_of(module):
    """"window" or "classic". Errors: weir.Error (neither; it says what is missing)."""
    has = {name: callable(getattr(module, name, None)) for name in ("on_window", *_CLASSIC)}
    if has["on_window"]:
        return "window"
    if all(has[name] for name in _CLASSIC):
        return "classic"
    name = getattr(module, "__file__", None) or getattr(module, "__name__", "the extractor")
    if any(has[name] for name in _CLASSIC):
        there, missing = sorted(_CLASSIC, key=lambda each: not has[each])
        raise Error(f"{name} has {there}() but no {missing}(): the classic contract is init(model_path, time_window) "
                    "and read_program_maps(program)")
    raise Error(f"{name} is no extractor: it has neither on_window(window) nor init(model_path, time_window) and "
                "read_program_maps(program)")


def classic_time_window(seconds):
    """As the classic injector passes -t: a whole number as int."""
    return int(seconds) if float(seconds).is_integer() else float(seconds)


class ClassicRunner:
    """A script of the classic contract. What it raises travels on. One thread calls; the script may have more."""

    def __init__(self, module):
        self._module, self._program = module, ClassicProgram()

    def start(self, model_path, seconds):
        """init(); without a model `model_path` is None."""
        self._module.init(model_path, classic_time_window(seconds))

    def window(self, raws):
        """One window: JSON text of what the script returned. `raws` (_rows.py) are good until this returns."""
        self._program.begin(raws)
        try:
            return to_json(self._module.read_program_maps(self._program))
        finally:
            self._program.end()
