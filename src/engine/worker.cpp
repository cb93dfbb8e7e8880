// SPDX-License-Identifier: Apache-2.0
#include "engine/worker.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/utsname.h>

#include <csignal>
#include <cstdio>
#include <system_error>

#include "util/errno.h"
#include "util/privileges.h"

namespace weir {
namespace {

bool map_calls_need_cap_bpf() {
    utsname name{};
    unsigned major = 0;
    unsigned minor = 0;
    if (uname(&name) != 0 || std::sscanf(name.release, "%u.%u", &major, &minor) != 2) return true;
    return major < 5 || (major == 5 && minor < 19);
}

/// Signals belong to the engine thread.
void block_all_signals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Result<std::unique_ptr<Worker>> Worker::start() {
    UniqueFd done(::eventfd(0, EFD_CLOEXEC));
    if (auto r = check_errno(done.get(), "eventfd"); !r) return pass_on(r);
    std::unique_ptr<Worker> worker(new Worker(std::move(done)));
    try {  // the one call here that throws
        worker->thread_ = std::thread([w = worker.get()] { w->run(); });
    } catch (const std::system_error& e) {
        return fail(Errc::Io, std::string("thread: ") + e.what());
    }
    return worker;
}

Worker::Worker(UniqueFd done) : done_(std::move(done)) {}

Worker::~Worker() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void Worker::post(Job job) {
    is_idle_ = false;
    {
        const std::lock_guard lock(mutex_);
        job_ = std::move(job);
    }
    changed_.notify_one();
}

Result<> Worker::take_result() {
    eventfd_t count = 0;
    eventfd_read(done_.get(), &count);
    is_idle_ = true;
    const std::lock_guard lock(mutex_);
    return std::exchange(result_, {});
}

void Worker::run() {
    block_all_signals();
    // A failure leaves the thread with what the process has: less safe, not less correct.
    (void)(map_calls_need_cap_bpf() ? keep_only({Capability::Bpf}) : keep_only({}));
    for (;;) {
        Job job;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return stop_ || job_; });
            if (!job_) return;
            job = std::exchange(job_, nullptr);
        }
        Result<> result = job();
        {
            const std::lock_guard lock(mutex_);
            result_ = std::move(result);
        }
        eventfd_write(done_.get(), 1);
    }
}

}  // namespace weir
