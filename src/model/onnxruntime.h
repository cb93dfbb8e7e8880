// SPDX-License-Identifier: Apache-2.0
#pragma once
// ONNX Runtime: loaded when the first model is opened, not when weir starts, and fenced, because
// its C++ interface throws.
//
//     auto runtime = onnx_runtime();
//     if (!runtime) return pass_on(runtime);
//     auto session = fenced([&] { return Ort::Session((*runtime)->env, ...); });
//
// Ownership: one for the process, for good. Thread rule: thread-safe.
#define ORT_API_MANUAL_INIT  // its functions come from dlsym()
#include <onnxruntime_cxx_api.h>

#include <exception>
#include <string>
#include <type_traits>

#include "weir/result.h"

namespace weir::model {

struct OnnxRuntime {
    Ort::Env env;  ///< logs to where fenced() looks; no telemetry
    std::string path, version;
};

/// $WEIR_ONNXRUNTIME, else the library that weir was configured with, else the one in weir's share
/// folder, else the loader's. Errors: Unsupported (none there, or too old), with where it was
/// looked for. Cost: about 20 ms the first time.
[[nodiscard]] Result<const OnnxRuntime*> onnx_runtime();

/// Lets a session run on a GPU. Errors: Unsupported (this library has no CUDA, or cannot load it).
[[nodiscard]] Result<> add_cuda(Ort::SessionOptions& options);

/// What ONNX Runtime logs in this thread while this lives; it would go to standard error.
class OnnxLog {
public:
    OnnxLog();
    OnnxLog(const OnnxLog&) = delete;
    OnnxLog& operator=(const OnnxLog&) = delete;
    OnnxLog(OnnxLog&&) = delete;
    OnnxLog& operator=(OnnxLog&&) = delete;
    ~OnnxLog();
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string text_;
    std::string* outer_;
};

/// Its message without the places in its source, which stay in the log. Unsupported: an operator
/// that it does not have; Invalid: the model's fault; else Io.
[[nodiscard]] Error onnx_error(OrtErrorCode code, const std::string& message, std::string log);

/// Runs what may throw, and makes an Error of what it threw.
template <class Call>
[[nodiscard]] Result<std::invoke_result_t<Call>> fenced(Call&& call) {
    const OnnxLog log;
    try {
        if constexpr (std::is_void_v<std::invoke_result_t<Call>>) {
            std::forward<Call>(call)();
            return {};
        } else {
            return std::forward<Call>(call)();
        }
    } catch (const Ort::Exception& e) {
        return std::unexpected(onnx_error(e.GetOrtErrorCode(), e.what(), log.text()));
    } catch (const std::exception& e) {
        return std::unexpected(onnx_error(ORT_FAIL, e.what(), log.text()));
    }
}

}  // namespace weir::model
