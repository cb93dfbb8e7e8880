// SPDX-License-Identifier: Apache-2.0
#include "cli/reload_signal.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "util/errno.h"

namespace weir::cli {
namespace {

std::atomic<int> reload_fd = -1;  // what the handler may touch

void on_hangup(int) {
    const int number = errno;  // of whoever was interrupted
    const eventfd_t one = 1;
    (void)!::write(reload_fd, &one, sizeof(one));
    errno = number;
}

Result<> add(const UniqueFd& both, int fd) {
    epoll_event event = {};
    event.events = EPOLLIN;
    return check_errno(::epoll_ctl(both.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

}  // namespace

Result<ReloadSignal> ReloadSignal::install() {
    UniqueFd asked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (auto r = check_errno(asked.get(), "eventfd"); !r) return pass_on(r);
    UniqueFd both(::epoll_create1(EPOLL_CLOEXEC));
    if (auto r = check_errno(both.get(), "epoll"); !r) return pass_on(r);
    if (auto r = add(both, asked.get()); !r) return pass_on(r);
    reload_fd = asked.get();
    struct sigaction action = {};
    action.sa_handler = on_hangup;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (auto r = check_errno(::sigaction(SIGHUP, &action, nullptr), "sigaction"); !r)
        return pass_on(r);
    return ReloadSignal(std::move(asked), std::move(both));
}

Result<> ReloadSignal::watch(const std::vector<std::filesystem::path>& files) {
    if (!files_) {
        auto opened = FileWatch::open();
        if (!opened) return pass_on(opened);
        if (auto r = add(both_, opened->fd()); !r) return r;
        files_ = std::move(*opened);
    }
    return files_->watch(files);
}

Result<bool> ReloadSignal::take() {
    bool has_changed = false;
    if (files_) {  // first: a SIGHUP while it waits for quiet is part of this reload
        auto changed = files_->has_changed();
        if (!changed) return changed;
        has_changed = *changed;
    }
    eventfd_t count = 0;
    const bool was_asked = ::eventfd_read(asked_.get(), &count) == 0;
    return has_changed || was_asked;
}

}  // namespace weir::cli
