// SPDX-License-Identifier: Apache-2.0
#include "host/interpreter.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>

#include <array>
#include <csignal>
#include <mutex>

namespace weir::python {
namespace {

struct Shared {
    std::mutex mutex;
    int handles = 0;
    bool is_abandoned = false;  // ended with threads still in it
};

Shared& shared() {
    static Shared it;
    return it;
}

/// Python's extension modules expect its library's names to be everybody's; weir's loader opened it
/// for this library alone.
void show_library_to_all() {
    Dl_info info{};
    // SAFETY: dladdr() only looks at the address.
    if (::dladdr(reinterpret_cast<const void*>(&Py_IsInitialized), &info) != 0)
        (void)::dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
}

/// numpy's temporaries come anew with each window. malloc would give theirs back to the kernel each
/// time, and page faults would cost more than the arithmetic does.
void keep_memory_of_arrays() {
    constexpr int kLargest = 16 << 20;  // larger ones are mapped and unmapped, as ever
    ::mallopt(M_MMAP_THRESHOLD, kLargest);
    ::mallopt(M_TRIM_THRESHOLD, 2 * kLargest);
}

/// A child that a script forks is no weir: signals end it, and do not reach weir through it.
void become_plain_child() {
    for (const int number : {SIGINT, SIGTERM, SIGPIPE}) ::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

PyStatus configure_and_start(PyConfig& config, const std::string& script) {
    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0;
    config.parse_argv = 0;
    config.safe_path = 1;  // what stands first on the path is set once the package is loaded
    PyStatus status =
        PyConfig_SetBytesString(&config, &config.program_name, WEIR_PYTHON_EXECUTABLE);
    if (PyStatus_Exception(status) != 0) return status;
    std::string name = script;
    std::array argv = {name.data()};
    status = PyConfig_SetBytesArgv(&config, argv.size(), argv.data());
    if (PyStatus_Exception(status) != 0) return status;
    return Py_InitializeFromConfig(&config);
}

Result<> start_python(const std::string& script) {
    show_library_to_all();
    keep_memory_of_arrays();
    PyConfig config;
    const PyStatus status = configure_and_start(config, script);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status) != 0)
        return fail(Errc::Unsupported,
                    std::string("Python does not start: ") +
                        (status.err_msg != nullptr ? status.err_msg : "it does not say why"));
    static const int registered = ::pthread_atfork(nullptr, nullptr, become_plain_child);
    (void)registered;
    return {};
}

/// Whether threads of scripts still run. The GIL is held. What can end in an orderly way all the
/// same does so here.
bool is_left_with_threads() {
    try {
        if (py::module_::import("_thread").attr("_count")().cast<int>() == 0) return false;
        py::module_::import("atexit").attr("_run_exitfuncs")();
        for (const char* name : {"stdout", "stderr"})
            py::module_::import("sys").attr(name).attr("flush")();
    } catch (const std::exception&) {
        PyErr_Clear();  // nobody is left to be told
    }
    return true;
}

}  // namespace

Result<std::unique_ptr<Interpreter>> Interpreter::start(const std::string& script) {
    Shared& all = shared();
    const std::lock_guard lock(all.mutex);
    if (all.is_abandoned)
        return fail(Errc::Unsupported, "Python: threads of an earlier extractor are still in it");
    std::unique_ptr<Interpreter> handle(new Interpreter);
    handle->is_owner_ = Py_IsInitialized() == 0;
    if (handle->is_owner_) {
        if (auto r = start_python(script); !r) return pass_on(r);
    } else {
        PyGILState_Ensure();  // never released: the thread keeps its state from window to window
    }
    handle->thread_id_ = PyThread_get_thread_ident();
    handle->thread_ = PyEval_SaveThread();
    ++all.handles;
    return handle;
}

Interpreter::~Interpreter() {
    Shared& all = shared();
    const std::lock_guard lock(all.mutex);
    if (thread_ == nullptr || --all.handles > 0 || !is_owner_) return;
    PyEval_RestoreThread(thread_);
    all.is_abandoned = is_left_with_threads();
    if (all.is_abandoned) return;
    (void)Py_FinalizeEx();
}

}  // namespace weir::python
