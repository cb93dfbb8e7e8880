// SPDX-License-Identifier: Apache-2.0
// predict [MODEL IN OUT]...: what models say of float32 numbers in IN, written to OUT. A model that
// cannot be read, or that fails, is said on standard error, one line each; the others go on.
#include <fmt/format.h>

#include <fstream>
#include <span>
#include <vector>

#include "model/runner.h"
#include "util/file.h"

namespace {

weir::Result<> predict(const char* model, const char* in, const char* out) {
    auto runner = weir::model::Runner::open(model, {});
    if (!runner) return weir::pass_on(runner);
    auto bytes = weir::read_bytes(in);
    if (!bytes) return weir::pass_on(bytes);
    std::vector<float> x(bytes->size() / sizeof(float));
    std::memcpy(x.data(), bytes->data(), x.size() * sizeof(float));
    const auto& signature = runner->signature();
    std::vector<float> y(x.size() / signature.input_values() * signature.output_values());
    if (auto r = runner->predict(x, y); !r) return r;
    const auto written = std::as_bytes(std::span(y));
    return weir::write_atomically(out, written);
}

}  // namespace

int main(int argc, char** argv) {
    const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
    for (std::size_t i = 1; i + 2 < arguments.size(); i += 3) {
        auto done = predict(arguments[i], arguments[i + 1], arguments[i + 2]);
        if (!done) fmt::print(stderr, "{}\n", done.error().message);
    }
    return 0;
}
