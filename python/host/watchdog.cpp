// SPDX-License-Identifier: Apache-2.0
#include "host/watchdog.h"

#include <utility>

namespace weir::python {

Watchdog::Watchdog(unsigned long thread_id, PyObject* overrun)
    : thread_id_(thread_id), overrun_(overrun), thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock(mutex_);
        is_over_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Watchdog::end() {
    is_running_ = false;
    PyThreadState_SetAsyncExc(thread_id_, nullptr);
}

void Watchdog::wake() noexcept {
    {
        const std::lock_guard lock(mutex_);
        is_due_ = true;
    }
    changed_.notify_one();
}

void Watchdog::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return is_due_ || is_over_; });
        if (is_over_) return;
        is_due_ = false;
        lock.unlock();
        raise_overrun();
        lock.lock();
    }
}

void Watchdog::raise_overrun() {
    const PyGILState_STATE state = PyGILState_Ensure();
    if (is_running_) PyThreadState_SetAsyncExc(thread_id_, overrun_);
    PyGILState_Release(state);
}

}  // namespace weir::python
