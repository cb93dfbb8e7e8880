// SPDX-License-Identifier: Apache-2.0
#include "model/runtime_info.h"

#include <dlfcn.h>

#include "model/onnxruntime.h"

namespace weir::model {
namespace {

/// The file that was loaded for a bare name, too.
std::string loaded_from(const OnnxRuntime& runtime) {
    Dl_info found{};
    const bool is_known = ::dladdr(&Ort::GetApi(), &found) != 0 && found.dli_fname != nullptr;
    return is_known ? found.dli_fname : runtime.path;
}

}  // namespace

Result<RuntimeInfo> runtime_info() {
    auto runtime = onnx_runtime();
    if (!runtime) return pass_on(runtime);
    RuntimeInfo info{.path = loaded_from(**runtime), .version = (*runtime)->version, .cuda = {}};
    auto options = fenced([] { return Ort::SessionOptions(); });
    if (!options) return pass_on(options);
    info.cuda = add_cuda(*options);
    return info;
}

}  // namespace weir::model
