// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tells a callback that takes too long to come to an end: raises weir.Overrun in it.
//
//     Watchdog watchdog(thread_id);
//     watchdog.begin(); ...the callback...; watchdog.end();     // with the GIL
//     watchdog.wake();                                          // any thread, returns at once
//
// Ownership: owns its thread, which waits for the GIL so that nobody else has to; the destructor
// joins it and must be called without the GIL. Thread rule: as shown.
#include <pybind11/embed.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace weir::python {

class Watchdog {
public:
    /// `thread_id`: of the thread that callbacks run on. `overrun`: the exception's class;
    /// borrowed.
    Watchdog(unsigned long thread_id, PyObject* overrun);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    void begin() { is_running_ = true; }
    /// From here on no exception of ours reaches the callback's thread any more.
    void end();
    void wake() noexcept;

private:
    void run();
    void raise_overrun();

    unsigned long thread_id_;
    PyObject* overrun_;
    bool is_running_ = false;  // guarded by the GIL
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_due_ = false;  // guarded by mutex_, as is_over_
    bool is_over_ = false;
    std::thread thread_;  // started when all else is there
};

}  // namespace weir::python
