// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

#include "util/errno.h"
#include "weir/abi.h"

namespace weir::cli {

namespace {

const char* level_name(std::uint32_t level) {
    if (level >= WEIR_ERROR) return "error";
    if (level >= WEIR_WARNING) return "warning";
    return level >= WEIR_INFO ? "info" : "debug";
}

}  // namespace

Result<Output> Output::open(const std::string& path) {
    UniqueFd fd(path.empty()
                    ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                    : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (auto r = check_errno(fd.get(), path.empty() ? "standard output" : path); !r) {
        r.error().code = Errc::Io;
        return pass_on(r);
    }
    return Output(std::move(fd));
}

Result<> Output::write(std::string_view text) const {
    const std::scoped_lock lock(target_->mutex);
    const int fd = target_->fd.get();
    while (!text.empty()) {
        const ssize_t n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) {  // whoever shares the descriptor has made it non-blocking
            pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
            (void)!::poll(&ready, 1, -1);
            continue;
        }
        if (n < 0) return fail(Errc::Io, "output: " + errno_name(errno));
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

void leave_standard_output() {
    std::fflush(stdout);
    (void)!::dup2(STDERR_FILENO, STDOUT_FILENO);
}

bool Output::is_terminal() const { return ::isatty(target_->fd.get()) == 1; }

int print_error(const Error& error, bool verbose) {
    std::string text = fmt::format("weir: {}\n", error.message);
    if (verbose && !error.log.empty()) text += error.log + "\n";
    if (!error.hint.empty()) text += fmt::format("hint: {}\n", error.hint);
    std::fputs(text.c_str(), stderr);
    return exit_code(error.code);
}

void print_notice(std::string_view message) { fmt::print(stderr, "weir: note: {}\n", message); }

void print_log(const LogRecord& record) {
    const std::time_t seconds = record.unix_ns / 1'000'000'000;
    std::tm local{};
    localtime_r(&seconds, &local);
    fmt::print(stderr, "weir: {}: {} cpu {} {:%H:%M:%S}.{:06}: {}\n", level_name(record.level),
               record.probe, record.cpu, local, record.unix_ns / 1000 % 1'000'000, record.text);
}

}  // namespace weir::cli
