#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The stand-ins for bcc, keras and tensorflow: what scripts import works or is an ImportError, and a real
installation comes first. Each case is a Python process of its own, as modules stay loaded."""
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

import numpy

import _raw
import _six

# -S keeps the machine's own site-packages out.
HEAD = f"""
import sys
sys.path.insert(0, {str(_raw.REPOSITORY / "python")!r})
sys.path[1:1] = EXTRA
sys.dont_write_bytecode = True
from weir._shims import ShimFinder, install
install()
install()
"""


def run(script, *folders):
    text = HEAD.replace("EXTRA", repr([str(folder) for folder in folders])) + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", text], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr.strip()[-2000:]


class Shims(unittest.TestCase):
    def check(self, script, expected, *folders):
        self.assertEqual(run(script, *folders).strip(), textwrap.dedent(expected).strip())

    def test_bcc_as_scripts_import_it(self):
        self.check("""
            from bcc import BPF, lib, table, utils
            from bcc.libbcc import lib as same
            from bcc.table import BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_QUEUE, BPF_MAP_TYPE_RINGBUF, HashTable, QueueStack
            import bcc
            assert lib is same is bcc.lib and table is bcc.table
            print(BPF.XDP, BPF.XDP_PASS, BPF.SCHED_CLS, BPF.XDP_FLAGS_SKB_MODE)
            print(BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_QUEUE, BPF_MAP_TYPE_RINGBUF)
            print(utils.get_possible_cpus()[0])
            def read(program: BPF): pass
            try:
                BPF(text="int x;")
            except Exception as error:
                print(error)
            """, """
            6 2 3 2
            1 22 27
            0
            weir compiles, loads and attaches the probe (weir inject -b SOURCE): read_program_maps() gets its maps; \
bcc itself is not installed
            """)

    def test_every_way_to_load_no_model_ends_in_an_import_error(self):
        for statement, name in (("from keras.models import load_model", "load_model"),
                                ("from tensorflow.keras.models import load_model", "load_model"),
                                ("import keras", "keras.models.load_model"),
                                ("from tensorflow import keras", "keras.models.load_model"),
                                ("import tensorflow as tf", "tf.keras.models.load_model"),
                                ("import tensorflow.keras.models as models", "models.load_model")):
            self.check(f"""
                {statement}
                try:
                    {name}(None, compile=False)
                except ImportError as error:
                    print(error)
                """, "no model was given (-m), and keras is not installed")

    def test_without_the_library_it_is_an_import_error_too(self):
        self.check("""
            from keras.models import load_model
            try:
                load_model("model.h5")
            except ImportError as error:
                print(error)
            """, "keras is not installed, and weir's library is not there to stand in for it")

    def test_a_model_predicts_and_does_nothing_else(self):
        library = _raw.BUILD / "share/weir/python"
        if not library.exists():
            self.skipTest(f"{library} is not built")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "six.h5"
            _six.write(path)
            rows = _six.random_rows(3000, 5)
            numpy.save(Path(folder) / "rows.npy", rows)
            answers = run(f"""
                sys.path.extend({[str(library), "/usr/lib/python3/dist-packages"]!r})
                import numpy
                from tensorflow.keras.models import load_model
                model = load_model({str(path)!r})
                print(model.input_shape, model.output_shape)
                rows = numpy.load({str(Path(folder) / "rows.npy")!r})
                scores = model.predict(rows, batch_size=2048, verbose=0)
                numpy.save({str(Path(folder) / "scores.npy")!r}, scores)
                print(scores.dtype, scores.shape, (model(rows[..., None]) == scores).all(), model.predict(rows[:0]).shape)
                for attempt in (lambda: model.predict(rows[:, :9]), lambda: model.predict(rows, steps=1), lambda: model.fit,
                                lambda: load_model({folder!r} + "/none.h5")):
                    try:
                        attempt()
                    except Exception as error:
                        print(type(error).__name__)
                """)
            self.assertEqual(answers.strip().split("\n"), ["(None, 10, 6) (None, 1)", "float32 (3000, 1) True (0, 1)", "Error",
                                                   "ImportError", "ImportError", "Error"])
            scores = numpy.load(Path(folder) / "scores.npy")
            numpy.testing.assert_allclose(scores, _six.expected(rows), atol=1e-5)

    def test_anything_else_is_an_import_error(self):
        for statement in ("from keras.models import Sequential", "from keras.layers import Dense",
                          "import keras; keras.Input", "import tensorflow as tf; tf.constant(1)",
                          "from tensorflow import random", "import tensorflow.keras.optimizers",
                          "from tensorflow.python.util import deprecation", "from keras import backend"):
            self.check(f"""
                try:
                    {statement}
                except ImportError as error:
                    print("ImportError")
                """, "ImportError")

    def test_python_itself_may_look_at_them(self):
        self.check("""
            import inspect, keras, tensorflow
            print(hasattr(keras, "__wrapped__"), inspect.getdoc(keras) is not None, inspect.ismodule(tensorflow))
            """, "False True True")

    def test_a_real_installation_comes_first(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("bcc", "keras", "tensorflow"):
                Path(folder, f"{name}.py").write_text(f"word = 'the real {name}'\n", encoding="ascii")
            for name in ("bcc", "keras", "tensorflow"):
                self.check(f"import {name}; print({name}.word)", f"the real {name}", folder)

    def test_the_machines_own_bcc_comes_first(self):
        folder = Path("/usr/lib/python3/dist-packages")
        if not (folder / "bcc").is_dir():
            self.skipTest("python3-bpfcc is not installed")
        self.check("import bcc; print(bcc.__file__)", str(folder / "bcc" / "__init__.py"), folder)

    def test_so_does_one_that_the_script_adds_to_the_path(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "keras.py").write_text("word = 'the real keras'\n", encoding="ascii")
            self.check(f"sys.path.append({folder!r}); import keras; print(keras.word)", "the real keras")

    def test_the_finder_is_there_once_and_imports_nothing(self):
        self.check("""
            print(sys.meta_path.count(ShimFinder), sys.meta_path[-1] is ShimFinder, sorted({"bcc", "keras"} & set(sys.modules)))
            try:
                import bccc
            except ModuleNotFoundError as error:
                print(error)
            """, """
            1 True []
            No module named 'bccc'
            """)


if __name__ == "__main__":
    _raw.main()
