// SPDX-License-Identifier: Apache-2.0
#pragma once
// A neural network, ready to run: ONNX, or Keras turned into it (keras.h), on ONNX Runtime.
//
//     auto network = model::Runner::open("lucid.h5", {});
//     if (!network) return wrap(network, "model lucid.h5");
//     auto done = network->predict(input, scores);    // [samples, 10, 11, 1] -> [samples, 1]
//
// Ownership: owns the network; the file is read once and not looked at again. Thread rule: open()
// and destruction on one thread; predict() is thread-safe.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.h"

namespace weir::model {

enum class Device { Cpu, Cuda };

struct RunnerOptions {
    Device device = Device::Cpu;
    int threads = 1;  ///< within one predict(); more callers at once are better than more threads
};

/// What goes in and what comes out, without the first dimension, which is the samples. {}: one
/// number a sample.
struct Signature {
    std::string input_name, output_name;
    std::vector<std::int64_t> input;   ///< {10, 11, 1}
    std::vector<std::int64_t> output;  ///< {1}

    /// Values of one sample.
    [[nodiscard]] std::size_t input_values() const;
    [[nodiscard]] std::size_t output_values() const;
};

class Runner {
public:
    /// Opens .onnx, .h5 or .keras; which one it is, is seen from the content.
    /// The network is run once, on two samples of zeros, to see that it does run.
    /// Errors: NotFound; Invalid (not a model, broken, weights that are not finite; several inputs
    /// or outputs, an input that is not float32 [samples, ...] with all other dimensions known);
    /// Unsupported (a layer or an operator that is not known, by name; no ONNX Runtime, no CUDA
    /// here). What ONNX Runtime said is in the error's log.
    [[nodiscard]] static Result<Runner> open(const std::filesystem::path& file,
                                             const RunnerOptions& options);
    /// The same from the bytes of an ONNX file.
    [[nodiscard]] static Result<Runner> from_onnx(std::string_view onnx,
                                                  const RunnerOptions& options);

    [[nodiscard]] const Signature& signature() const;

    /// Shape: input [samples, signature().input...], row-major; output [samples,
    /// signature().output...]. No samples are nothing to do. Errors: Invalid (input and output are
    /// not of as many whole samples), Io, with what ONNX Runtime said.
    /// Cost: one batch; 1,024 samples at a time keep what lies between the layers in the cache.
    [[nodiscard]] Result<> predict(std::span<const float> input, std::span<float> output) const;

    Runner(Runner&&) noexcept;
    Runner& operator=(Runner&&) noexcept;
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;
    ~Runner();

private:
    struct State;
    explicit Runner(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir::model
