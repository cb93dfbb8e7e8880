// SPDX-License-Identifier: Apache-2.0
#pragma once
// A probe's own thread: it extracts, predicts and reports, so that a slow one delays no other probe
// and no flip. It holds no capabilities (on kernels before 5.19 it keeps CAP_BPF, which map calls
// need there).
//
//     if (worker.is_idle()) worker.post([&] { ... });
//     poll(worker.done_fd()); auto result = worker.take_result();
//
// Ownership: joins its thread when destroyed, after the job at hand. Thread rule: one thread posts
// and takes; the job runs on the other.
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "util/fd.h"
#include "weir/result.h"

namespace weir {

class Worker {
public:
    using Job = std::function<Result<>()>;

    /// None, or what the engine's thread has: for our own code alone.
    enum class Privileges { None, Engine };

    /// Errors: Io (no descriptor or thread to be had).
    [[nodiscard]] static Result<std::unique_ptr<Worker>> start(
        Privileges privileges = Privileges::None);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Between jobs, calls `on_readable` on the thread whenever `fd` is readable. The descriptor
    /// must live as long as the worker. Precondition: is_idle().
    void watch(int fd, std::function<void()> on_readable);

    [[nodiscard]] bool is_idle() const { return is_idle_; }
    /// Precondition: is_idle().
    void post(Job job);
    /// Readable when a job has ended. Borrowed.
    [[nodiscard]] int done_fd() const { return done_.get(); }
    /// The result of the job that ended, or that ends now: waits where done_fd() is not readable
    /// yet. is_idle() again from here on. Precondition: not is_idle().
    [[nodiscard]] Result<> take_result();

private:
    struct Watched {
        int fd;
        std::function<void()> on_readable;
    };

    Worker(UniqueFd done, UniqueFd wake) : done_(std::move(done)), wake_(std::move(wake)) {}
    void run(Privileges privileges);
    [[nodiscard]] Job next_job();
    [[nodiscard]] bool has_news();
    void wait();

    UniqueFd done_;
    UniqueFd wake_;                 // a job is there, or the end
    std::vector<Watched> watched_;  // the thread's
    bool is_idle_ = true;           // the posting thread's view
    std::mutex mutex_;
    Job job_;  // guarded by mutex_, as all below
    Result<> result_;
    bool stop_ = false;
    std::thread thread_;  // started when all else is there
};

}  // namespace weir
