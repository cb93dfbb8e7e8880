// SPDX-License-Identifier: Apache-2.0
#pragma once
// A probe on an interface, whose windows are asked for one by one: what python/weir/_probe.py
// stands on. The engine runs on a thread of its own; a window is this object's until release().
//
//     Session session(options);                    // raises weir.Error; packets are counted
//     while (auto window = session.next()) { ...; session.release(); }
//
// Ownership: owns the engine and its thread. Thread rule: Python's threads one at a time, with the
// GIL, which is let go of while something is waited for.
#include <pybind11/pybind11.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/raw_table.h"
#include "util/fd.h"
#include "weir/engine.h"

namespace weir::python {
namespace py = pybind11;

/// Where the worker leaves a window, and waits until it is given back.
struct Counter {
    std::mutex mutex;
    std::condition_variable changed;
    const Snapshot* snapshot = nullptr;  // the window at hand
    bool is_closing = false;             // nobody will ask for windows any more
    bool is_started = false;             // inject() has ended
    bool is_over = false;                // run() has ended
    Result<> started, ended;
};

class Session {
public:
    /// `options` as weir._probe.inject() makes them. Raises weir.Error where inject() fails.
    explicit Session(const py::dict& options);
    /// Closes the open window, which nobody sees, and detaches.
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// (facts, raw tables) of the next window, or None after the last one. Raises weir.Error (the
    /// interface vanished), and what a signal's handler raises. Precondition: no window at hand.
    py::object next();
    /// Gives the window back; arrays that are still looked at keep their content.
    void release();
    /// Detaches. Idempotent.
    void close();

    [[nodiscard]] const std::vector<std::string>& notices() const { return notices_; }
    [[nodiscard]] const std::string& mode() const { return mode_; }

private:
    void run(const InjectOptions& options);

    std::shared_ptr<Counter> counter_ = std::make_shared<Counter>();
    UniqueFd stop_;
    std::vector<std::string> notices_;
    std::string mode_;
    std::shared_ptr<OpenWindow> open_;
    std::vector<py::object> tables_;
    std::thread thread_;
};

}  // namespace weir::python
