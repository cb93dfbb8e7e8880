# SPDX-License-Identifier: Apache-2.0
"""Runs an extractor's script inside weir; the library that embeds Python (python/host) is the only caller.

    host = Host(script, python_dir)
    host.setup(facts)                      # None, or the text of what went wrong
    host.window(facts, raws)               # (error text or None, JSON text, alerts)

Nothing that a script raises leaves this module, SystemExit included: it becomes text, with the script's lines.
What costs time or memory is imported where it is needed.
"""
import os
import sys

from weir import _shims
from weir._window import Context, Packet, Window

_FOLDER = os.path.dirname(os.path.abspath(__file__))


class Host:
    """One script. Thread rule: the thread that made it; the script may have more."""

    def __init__(self, script, python_dir):
        self._script, self._module, self._classic = os.path.abspath(script), None, None
        _set_path(os.path.dirname(self._script), python_dir)

    @property
    def is_classic(self):
        return self._classic is not None

    @property
    def takes_packets(self):
        return self._classic is None and callable(getattr(self._module, "on_packet", None))

    def setup(self, facts):
        """Imports the script and calls its setup(context), or init() of the classic contract."""
        try:
            self._module = _import(self._script)
            self._start(facts)
        except BaseException as error:
            return describe(error)
        finally:
            _after_script()
        return None

    def _start(self, facts):
        if not callable(getattr(self._module, "on_window", None)):
            from weir._contract import ClassicRunner, contract_of
            contract_of(self._module)  # or what is missing
            self._classic = ClassicRunner(self._module)
            self._classic.start(facts["model"], facts["window"])
        elif callable(getattr(self._module, "setup", None)):
            self._module.setup(Context(facts))

    def window(self, facts, raws):
        if self._classic is not None:
            return self._run(lambda: (self._classic.window(raws), []))
        window = Window(facts, raws)
        try:
            return self._run(lambda: (_to_json(self._module.on_window(window)), window._alerts))
        finally:
            window._close()

    @staticmethod
    def _run(call):
        _before_script()
        try:
            return (None, *call())
        except BaseException as error:
            return describe(error), "null", []
        finally:
            _after_script()

    def packet(self, time_ns, length, data):
        """None, or the text of what went wrong."""
        try:
            self._module.on_packet(Packet(time_ns, length, data))
        except BaseException as error:
            return describe(error)
        return None

    def teardown(self):
        """Calls the script's teardown(); what it raises is printed."""
        try:
            if callable(getattr(self._module, "teardown", None)):
                self._module.teardown()
        except BaseException as error:
            print(f"weir: {describe(error)}", file=sys.stderr)
        finally:
            _after_script()


def describe(error):
    """The traceback as Python prints it, without the frames of this package."""
    import traceback
    try:
        told = traceback.TracebackException.from_exception(error)
        for each in _chain(told):
            each.stack[:] = [frame for frame in each.stack if not _is_ours(frame.filename)]
        return "".join(told.format()).rstrip()
    except Exception:  # an exception whose own __str__ raises, for instance
        return type(error).__name__
    finally:
        while error is not None:  # its frames would keep the window's arrays alive
            error.__traceback__, error = None, error.__cause__ or error.__context__


def _is_ours(filename):
    return filename.startswith(_FOLDER + os.sep)


def _chain(told):
    found = []
    while told is not None:
        found.append(told)
        told = told.__cause__ or told.__context__
    return found


# ------------------------------------------------------------------------------------------ the script
def _set_path(folder, python_dir):
    """The script's folder first, as `python3 script.py` has it; the package last; stand-ins behind all."""
    sys.path[:] = [folder] + [entry for entry in sys.path if entry not in (folder, python_dir)] + [python_dir]
    _shims.install()


def _import(path):
    """Runs the file as a module of its own name, with the path that tracebacks show."""
    name = os.path.splitext(os.path.basename(path))[0]
    if name in sys.modules or not name.isidentifier():  # "json.py" must not be everybody's json
        name = f"script_{abs(hash(path))}"
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    module = type(sys)(name)
    module.__file__ = path
    sys.modules[name] = module
    exec(code, module.__dict__)
    return module


def _before_script():
    subprocess = sys.modules.get("subprocess")
    if subprocess is not None:
        # A vfork()ed child would keep weir's blocked signals: nobody could terminate() it.
        subprocess._USE_VFORK = False


def _after_script():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # closed by the script, or its reader is gone: the script's loss
            pass


# ------------------------------------------------------------------------------------------ what it returned
def _to_json(value):
    """JSON text. Errors: TypeError, which names what is no JSON; numpy's values are, and not-a-numbers are null."""
    if value is None:
        return "null"
    import json
    try:
        try:
            return json.dumps(value, default=_plain, allow_nan=False)
        except ValueError as error:
            if "Circular" in str(error):
                raise
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"on_window() returned what is no JSON: {error}") from None
    from weir._json import to_json
    return to_json(value)


def _plain(value):
    for name in ("tolist", "_asdict"):
        if callable(getattr(value, name, None)) and not isinstance(value, type):
            return getattr(value, name)()
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    raise TypeError(f"Object of type {type(value).__name__}")
