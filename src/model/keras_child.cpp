// SPDX-License-Identifier: Apache-2.0
#include "model/keras_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "model/hdf5.h"
#include "model/keras_config.h"
#include "util/errno.h"
#include "util/fd.h"
#include "util/file.h"

namespace weir::model::keras {
namespace {

constexpr rlim_t kMostSeconds = 60;  // of one CPU; a large model takes one
constexpr int kMostWaitMs = 120'000;
constexpr rlim_t kMostBytes = rlim_t{8} << 30U;  // 1 GiB of weights, and its copies on the way

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kIsSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif
#else
constexpr bool kIsSanitized = false;
#endif

// ------------------------------------------------------------- the result, as bytes: JSON \n ONNX

std::string to_bytes(const Result<KerasModel>& result) {
    Json head;
    if (!result) {
        const Error& error = result.error();
        head = {{"code", static_cast<int>(error.code)},
                {"message", error.message},
                {"hint", error.hint}};
    } else {
        head = {{"version", result->version}, {"layers", Json::array()}};
        for (const KerasLayer& layer : result->layers)
            head["layers"].push_back({layer.name, layer.kind, layer.output, layer.weights});
    }
    return head.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n" +
           (result ? result->onnx : std::string());
}

/// A child that broke down may have written anything.
Result<KerasModel> from_bytes(const std::string& bytes) {
    const std::size_t end = bytes.find('\n');
    const auto broken = [] { return fail(Errc::Invalid, "it broke down half-way"); };
    if (end == std::string::npos) return broken();
    try {
        const Json head = Json::parse(bytes.substr(0, end));
        if (head.contains("code"))
            return std::unexpected(Error{.code = static_cast<Errc>(head.at("code").get<int>()),
                                         .message = head.at("message"),
                                         .hint = head.at("hint")});
        KerasModel model{
            .onnx = bytes.substr(end + 1), .version = head.at("version"), .layers = {}};
        for (const Json& layer : head.at("layers"))
            model.layers.push_back({.name = layer.at(0),
                                    .kind = layer.at(1),
                                    .output = layer.at(2),
                                    .weights = layer.at(3)});
        return model;
    } catch (const Json::exception&) {
        return broken();
    }
}

// ------------------------------------------------------------------------------------- the child

void limit(__rlimit_resource_t resource, rlim_t most) {
    const rlimit limits{.rlim_cur = most, .rlim_max = most};
    ::setrlimit(resource, &limits);
}

[[noreturn]] void run_child(ReadKeras read, const std::filesystem::path& path, int result) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    limit(RLIMIT_CPU, kMostSeconds);
    limit(RLIMIT_CORE, 0);
    if (!kIsSanitized) limit(RLIMIT_DATA, kMostBytes);  // a sanitizer's own is beyond any limit
    for (const int fatal : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGTERM, SIGINT})
        if (!kIsSanitized) std::signal(fatal, SIG_DFL);
    // What an allocator or a sanitizer says of a broken file is for nobody.
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    const std::string bytes = to_bytes(read(path));
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t n = ::write(result, bytes.data() + done, bytes.size() - done);
        if (n <= 0) ::_exit(1);
        done += static_cast<std::size_t>(n);
    }
    ::_exit(0);
}

// ------------------------------------------------------------------------------------ the parent

/// How the child ended, as waitpid() says; waits no longer than is sensible.
int wait_for(pid_t child) {
    const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    pollfd ended{.fd = handle.get(), .events = POLLIN, .revents = 0};
    int rc = 0;
    while ((rc = ::poll(&ended, 1, kMostWaitMs)) < 0 && errno == EINTR) continue;
    if (rc == 0) ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

std::string how_it_ended(int status) {
    if (!WIFSIGNALED(status)) return "it broke down";
    const char* name = ::sigabbrev_np(WTERMSIG(status));
    return fmt::format("it broke down, by SIG{}", name != nullptr ? name : "?");
}

}  // namespace

Result<KerasModel> read_in_child(ReadKeras read, const std::filesystem::path& path) {
    const UniqueFd result(::memfd_create("weir-keras", MFD_CLOEXEC));
    if (auto r = check_errno(result.get(), "memfd"); !r) return pass_on(r);
    pid_t child = -1;
    {
        const Hdf5Scope scope;  // else the child might find HDF5 locked by a thread it has not
        child = ::fork();
        if (child == 0) run_child(read, path, result.get());
    }
    if (auto r = check_errno(child, "fork"); !r) return pass_on(r);
    const int status = wait_for(child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail(Errc::Invalid, fmt::format("{}: a broken file: what reads it was stopped: {}",
                                               path.string(), how_it_ended(status)));
    auto bytes = read_text(fmt::format("/proc/self/fd/{}", result.get()));
    if (!bytes) return pass_on(bytes);
    return from_bytes(*bytes);
}

}  // namespace weir::model::keras
