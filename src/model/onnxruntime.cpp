// SPDX-License-Identifier: Apache-2.0
#include "model/onnxruntime.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "util/paths.h"

namespace weir::model {
namespace {

constexpr const char* kHint = "./dev deps installs it; WEIR_ONNXRUNTIME=FILE names another library";
/// The oldest whose interface has all that is called here.
constexpr unsigned kLeastApi = 14;

/// Of all networks together, weights and what lies between the layers. A few bytes of a file can
/// ask for any amount.
constexpr std::size_t kMaxMemoryBytes = std::size_t{4} << 30;

using GetApiBase = const OrtApiBase* (*)();

// Each thread's innermost OnnxLog; what is logged where there is none is not kept.
thread_local std::string* current_log = nullptr;

void keep_log(void*, OrtLoggingLevel, const char*, const char*, const char* place,
              const char* message) {
    if (current_log != nullptr) *current_log += fmt::format("{}: {}\n", place, message);
}

std::vector<std::string> places() {
    if (const char* asked = std::getenv("WEIR_ONNXRUNTIME"); asked != nullptr && *asked != '\0')
        return {asked};
    std::vector<std::string> all{WEIR_ONNXRUNTIME_LIBRARY};
    if (auto share = share_dir()) all.push_back((*share / "lib/libonnxruntime.so.1").string());
    all.emplace_back("libonnxruntime.so.1");
    return all;
}

/// "1.30.0": its interface has number 30. Asked for one that it does not have, the library would
/// say so on standard error.
unsigned api_of(std::string_view version) {
    unsigned minor = 0;
    if (const auto dot = version.find('.'); dot != std::string_view::npos)
        (void)std::from_chars(version.data() + dot + 1, version.data() + version.size(), minor);
    return minor;
}

/// Never closed: its threads and its allocators do not outlive that.
struct Library {
    std::string path, version;
    const OrtApi* api = nullptr;
};

/// From 1.29 on the makers' own builds keep a database of what was run in the home folder, to send
/// it, from the first environment on: earlier than DisableTelemetryEvents() could be called.
void forbid_telemetry() {
    (void)::setenv("ORT_DISABLE_TELEMETRY", "1", 1);  // NOLINT(concurrency-mt-unsafe)
}

Result<Library> open_library(const std::string& path) {
    void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr)
        return fail(Errc::Unsupported, ::dlerror());  // NOLINT(concurrency-mt-unsafe)
    // SAFETY: the function has had this type since ONNX Runtime 1.0.
    const auto get_base = reinterpret_cast<GetApiBase>(::dlsym(handle, "OrtGetApiBase"));
    if (get_base == nullptr) return fail(Errc::Unsupported, path + ": not ONNX Runtime");
    Library library{.path = path, .version = get_base()->GetVersionString()};
    const unsigned api = std::min<unsigned>(ORT_API_VERSION, api_of(library.version));
    if (api >= kLeastApi) library.api = get_base()->GetApi(api);
    if (library.api == nullptr)
        return fail(Errc::Unsupported, fmt::format("{}: ONNX Runtime {}, weir needs 1.{} or newer",
                                                   path, library.version, kLeastApi));
    return library;
}

Result<Library> find_library() {
    std::vector<std::string> reasons;
    for (const std::string& place : places()) {
        auto library = open_library(place);
        if (library) return library;
        reasons.push_back(library.error().message);
    }
    Error error{.code = Errc::Unsupported,
                .message = fmt::format("ONNX Runtime, which runs models: {}", reasons.front()),
                .log = fmt::format("{}", fmt::join(reasons, "\n")),
                .hint = kHint};
    return std::unexpected(std::move(error));
}

Result<const OnnxRuntime*> start() {
    auto library = find_library();
    if (!library) return pass_on(library);
    Ort::InitApi(library->api);
    forbid_telemetry();
    auto env = fenced([] {
        Ort::Env made(ORT_LOGGING_LEVEL_WARNING, "weir", &keep_log, nullptr);
        made.DisableTelemetryEvents();
        const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
        const Ort::ArenaCfg arena(kMaxMemoryBytes, -1, -1, -1);  // else as it is by default
        made.CreateAndRegisterAllocator(memory, arena);
        return made;
    });
    if (!env) return wrap(env, library->path);
    // Lives as long as the process: sessions that other statics hold would outlive it else.
    return new OnnxRuntime{.env = std::move(*env),
                           .path = std::move(library->path),
                           .version = std::move(library->version)};
}

/// "Load model failed:/src/model.cc:182 void onnxruntime::Model::f(int) No graph.": "No graph."
std::string without_places(std::string_view message) {
    if (const auto unknown = message.find("No Op registered for"); unknown != message.npos)
        message.remove_prefix(unknown);  // before it is the whole node
    if (const auto place = message.rfind(".cc:"); place != std::string_view::npos) {
        const auto end = message.find(") ", place);
        if (end != std::string_view::npos) message.remove_prefix(end + 2);
    }
    while (!message.empty() && (message.back() == '\n' || message.back() == ' '))
        message.remove_suffix(1);
    return std::string(message.substr(0, message.find('\n')));
}

bool names_unknown_operator(OrtErrorCode code, std::string_view message) {
    return code == ORT_NOT_IMPLEMENTED || message.contains("is not a registered function/op") ||
           message.contains("No Op registered for") ||
           message.contains("Could not find an implementation");
}

}  // namespace

Result<const OnnxRuntime*> onnx_runtime() {
    static std::mutex lock;
    static const OnnxRuntime* runtime = nullptr;
    const std::scoped_lock guard(lock);
    if (runtime == nullptr) {  // a failure is tried again: the library may be there by then
        auto started = start();
        if (!started) return started;
        runtime = *started;
    }
    return runtime;
}

Result<> add_cuda(Ort::SessionOptions& options) {
    constexpr const char* kCudaHint =
        "WEIR_ONNXRUNTIME=FILE names a library of ONNX Runtime that was built with CUDA";
    auto providers = fenced([] { return Ort::GetAvailableProviders(); });
    if (!providers) return pass_on(providers);
    if (std::ranges::find(*providers, "CUDAExecutionProvider") == providers->end())
        return fail(Errc::Unsupported, fmt::format("it has {}", fmt::join(*providers, ", ")),
                    kCudaHint);
    auto added = fenced([&] {
        const OrtCUDAProviderOptions cuda{};
        options.AppendExecutionProvider_CUDA(cuda);
    });
    if (added) return {};
    added.error().code = Errc::Unsupported;
    added.error().hint = kCudaHint;
    return pass_on(added);
}

OnnxLog::OnnxLog() : outer_(std::exchange(current_log, &text_)) {}
OnnxLog::~OnnxLog() { current_log = outer_; }

Error onnx_error(OrtErrorCode code, const std::string& message, std::string log) {
    constexpr std::array kModelsFault{ORT_INVALID_ARGUMENT, ORT_INVALID_PROTOBUF, ORT_INVALID_GRAPH,
                                      ORT_FAIL, ORT_MODEL_LOADED};
    Errc errc = Errc::Io;
    if (names_unknown_operator(code, message))
        errc = Errc::Unsupported;
    else if (std::ranges::find(kModelsFault, code) != kModelsFault.end())
        errc = Errc::Invalid;
    return {.code = errc,
            .message = without_places(message),
            .log = message + "\n" + std::move(log),
            .hint = {}};
}

}  // namespace weir::model
