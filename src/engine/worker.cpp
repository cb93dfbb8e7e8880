// SPDX-License-Identifier: Apache-2.0
#include "engine/worker.h"

#include <poll.h>
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

Result<std::unique_ptr<Worker>> Worker::start(Privileges privileges) {
    UniqueFd done(::eventfd(0, EFD_CLOEXEC));
    if (auto r = check_errno(done.get(), "eventfd"); !r) return pass_on(r);
    UniqueFd wake(::eventfd(0, EFD_CLOEXEC));
    if (auto r = check_errno(wake.get(), "eventfd"); !r) return pass_on(r);
    std::unique_ptr<Worker> worker(new Worker(std::move(done), std::move(wake)));
    try {  // the one call here that throws
        worker->thread_ = std::thread([w = worker.get(), privileges] { w->run(privileges); });
    } catch (const std::system_error& e) {
        return fail(Errc::Io, std::string("thread: ") + e.what());
    }
    return worker;
}

Worker::~Worker() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    eventfd_write(wake_.get(), 1);
    if (thread_.joinable()) thread_.join();
}

void Worker::post(Job job) {
    is_idle_ = false;
    {
        const std::lock_guard lock(mutex_);
        job_ = std::move(job);
    }
    eventfd_write(wake_.get(), 1);
}

void Worker::watch(int fd, std::function<void()> on_readable) {
    post([&]() -> Result<> {
        watched_.push_back({.fd = fd, .on_readable = std::move(on_readable)});
        return {};
    });
    (void)take_result();
}

Result<> Worker::take_result() {
    eventfd_t count = 0;
    eventfd_read(done_.get(), &count);
    is_idle_ = true;
    const std::lock_guard lock(mutex_);
    return std::exchange(result_, {});
}

bool Worker::has_news() {
    const std::lock_guard lock(mutex_);
    return job_ || stop_;
}

/// The job that was posted; null: there will be none.
Worker::Job Worker::next_job() {
    while (!has_news()) wait();
    const std::lock_guard lock(mutex_);
    return std::exchange(job_, nullptr);
}

/// For a job, or for what is watched.
void Worker::wait() {
    std::vector<pollfd> fds = {{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    for (const Watched& w : watched_) fds.push_back({.fd = w.fd, .events = POLLIN, .revents = 0});
    (void)!::poll(fds.data(), fds.size(), -1);
    eventfd_t count = 0;
    if (fds[0].revents != 0) eventfd_read(wake_.get(), &count);
    for (std::size_t i = 0; i < watched_.size(); ++i)
        if ((fds[i + 1].revents & POLLIN) != 0) watched_[i].on_readable();
}

void Worker::run(Privileges privileges) {
    block_all_signals();
    // A failure leaves the thread with what the process has: less safe, not less correct.
    if (privileges == Privileges::Engine)
        (void)keep_only({Capability::Bpf, Capability::NetAdmin, Capability::Perfmon});
    else
        (void)(map_calls_need_cap_bpf() ? keep_only({Capability::Bpf}) : keep_only({}));
    while (const Job job = next_job()) {
        Result<> result = job();
        {
            const std::lock_guard lock(mutex_);
            result_ = std::move(result);
        }
        eventfd_write(done_.get(), 1);
    }
}

}  // namespace weir
