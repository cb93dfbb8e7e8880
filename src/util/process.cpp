// SPDX-License-Identifier: Apache-2.0
#include "util/process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "util/errno.h"
#include "util/fd.h"

namespace weir {
namespace {

constexpr int kExecFailed = 127;

Result<UniqueFd> memory_file(const char* name) {
    UniqueFd fd(::memfd_create(name, MFD_CLOEXEC));
    if (auto r = check_errno(fd.get(), "memfd_create"); !r) return pass_on(r);
    return fd;
}

Result<UniqueFd> filled_file(std::string_view content) {
    auto fd = memory_file("weir-stdin");
    while (fd && !content.empty()) {
        const ssize_t n = ::write(fd->get(), content.data(), content.size());
        if (auto r = check_errno(n, "write"); !r) return pass_on(r);
        content.remove_prefix(static_cast<std::size_t>(n));
    }
    if (fd) ::lseek(fd->get(), 0, SEEK_SET);
    return fd;
}

Result<std::string> content_of(const UniqueFd& fd) {
    struct stat status = {};
    if (auto r = check_errno(::fstat(fd.get(), &status), "fstat"); !r) return pass_on(r);
    std::string content(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t done = 0;
    while (done < content.size()) {
        const ssize_t n = ::pread(fd.get(), content.data() + done, content.size() - done,
                                  static_cast<off_t>(done));
        if (auto r = check_errno(n, "pread"); !r) return pass_on(r);
        if (n == 0) break;
        done += static_cast<std::size_t>(n);
    }
    content.resize(done);
    return content;
}

struct ChildFds {
    int in, out, err, report;
};

/// Runs in the child between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(char* const* argv, const ChildFds& fds, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kExecFailed);  // died before the line above took hold
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // The memory files lie above 2 (see run_process), so no dup2 overwrites one that is still
    // needed.
    if (::dup2(fds.in, STDIN_FILENO) >= 0 && ::dup2(fds.out, STDOUT_FILENO) >= 0 &&
        ::dup2(fds.err, STDERR_FILENO) >= 0)
        ::execv(argv[0], argv);
    const int number = errno;
    // Nothing can be done about a report that cannot be written: the exit status still says
    // "failed".
    [[maybe_unused]] const ssize_t written = ::write(fds.report, &number, sizeof number);
    ::_exit(kExecFailed);
}

/// Moves a descriptor above stdin, stdout and stderr, where a parent without these may have got it.
Result<UniqueFd> above_standard(Result<UniqueFd> fd) {
    if (!fd || fd->get() > STDERR_FILENO) return fd;
    UniqueFd moved(::fcntl(fd->get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (auto r = check_errno(moved.get(), "fcntl"); !r) return pass_on(r);
    return moved;
}

Result<int> wait_for(pid_t child) {
    int status = 0;
    pid_t waited = -1;
    do {
        waited = ::waitpid(child, &status, 0);
    } while (waited < 0 && errno == EINTR);
    if (auto r = check_errno(waited, "waitpid"); !r) return pass_on(r);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// What execv said, when it came back; empty when it did not.
Result<> exec_error(const UniqueFd& report, const std::string& program) {
    int number = 0;
    if (::pread(report.get(), &number, sizeof number, 0) != sizeof number) return {};
    return check(-number, program);
}

}  // namespace

Result<ProcessOutput> run_process(const ProcessOptions& options) {
    if (options.argv.empty()) return fail(Errc::Invalid, "run_process: no program");
    auto in = above_standard(filled_file(options.input));
    if (!in) return pass_on(in);
    auto out = above_standard(memory_file("weir-stdout"));
    if (!out) return pass_on(out);
    auto err = above_standard(memory_file("weir-stderr"));
    if (!err) return pass_on(err);
    auto report = above_standard(memory_file("weir-exec"));
    if (!report) return pass_on(report);

    std::vector<char*> argv;
    argv.reserve(options.argv.size() + 1);
    // execv takes char* for historical reasons and changes nothing.
    for (const auto& argument : options.argv) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);

    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0)
        become(argv.data(),
               {.in = in->get(), .out = out->get(), .err = err->get(), .report = report->get()},
               parent);
    if (auto r = check_errno(child, "fork"); !r) return pass_on(r);
    auto exit_status = wait_for(child);
    if (!exit_status) return pass_on(exit_status);
    if (auto r = exec_error(*report, options.argv[0]); !r) return pass_on(r);

    auto out_text = content_of(*out);
    if (!out_text) return pass_on(out_text);
    auto err_text = content_of(*err);
    if (!err_text) return pass_on(err_text);
    return ProcessOutput{
        .exit_status = *exit_status, .out = std::move(*out_text), .err = std::move(*err_text)};
}

}  // namespace weir
