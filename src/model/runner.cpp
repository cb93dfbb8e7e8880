// SPDX-License-Identifier: Apache-2.0
#include "model/runner.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <numeric>
#include <thread>

#include "model/model_file.h"
#include "model/onnx_check.h"
#include "model/onnxruntime.h"

namespace weir::model {
namespace {

/// More are refused: a sample is some kilobytes, and each batch is a thousand of them.
constexpr std::int64_t kMaxValues = std::int64_t{1} << 24;

/// Two samples take a large network milliseconds; a loop without end is what is meant.
constexpr std::chrono::seconds kTrialTime{5};

std::size_t product(const std::vector<std::int64_t>& dimensions) {
    return static_cast<std::size_t>(std::accumulate(dimensions.begin(), dimensions.end(),
                                                    std::int64_t{1}, std::multiplies<>()));
}

struct Value {
    std::string name;
    bool is_float = false;
    std::vector<std::int64_t> shape;   ///< with the samples; -1: open
    std::vector<std::string> symbols;  ///< names of open dimensions

    /// "x: float32 [batch, 10, 11, 1]"
    [[nodiscard]] std::string text() const {
        std::vector<std::string> words;
        words.reserve(shape.size());
        for (std::size_t i = 0; i < shape.size(); ++i)
            words.push_back(shape[i] >= 0        ? std::to_string(shape[i])
                            : symbols[i].empty() ? "?"
                                                 : symbols[i]);
        return fmt::format("{}: {} [{}]", name, is_float ? "float32" : "not float32",
                           fmt::join(words, ", "));
    }
};

struct Values {
    std::vector<Value> inputs, outputs;
};

Value value_of(std::string name, const Ort::TypeInfo& type) {
    Value value;
    value.name = std::move(name);
    if (type.GetONNXType() != ONNX_TYPE_TENSOR) return value;
    const auto tensor = type.GetTensorTypeAndShapeInfo();
    value.is_float = tensor.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    value.shape = tensor.GetShape();
    std::vector<const char*> symbols(value.shape.size());
    if (!symbols.empty()) tensor.GetSymbolicDimensions(symbols.data(), symbols.size());
    value.symbols.assign(symbols.begin(), symbols.end());
    return value;
}

Values values_of(const Ort::Session& session) {
    Values values;
    const Ort::AllocatorWithDefaultOptions memory;
    for (std::size_t i = 0; i < session.GetInputCount(); ++i)
        values.inputs.push_back(
            value_of(session.GetInputNameAllocated(i, memory).get(), session.GetInputTypeInfo(i)));
    for (std::size_t i = 0; i < session.GetOutputCount(); ++i)
        values.outputs.push_back(value_of(session.GetOutputNameAllocated(i, memory).get(),
                                          session.GetOutputTypeInfo(i)));
    return values;
}

std::string list(const std::vector<Value>& values) {
    std::vector<std::string> words;
    words.reserve(values.size());
    for (const Value& value : values) words.push_back(value.text());
    return fmt::format("{}", fmt::join(words, "; "));
}

Result<> check_values(const Values& values) {
    if (values.inputs.size() != 1)
        return fail(Errc::Invalid, fmt::format("{} inputs instead of one ({})",
                                               values.inputs.size(), list(values.inputs)));
    if (values.outputs.size() != 1)
        return fail(Errc::Invalid, fmt::format("{} outputs instead of one ({})",
                                               values.outputs.size(), list(values.outputs)));
    const Value& input = values.inputs.front();
    const auto refuse = [&](std::string_view why, std::string hint = "") {
        return fail(Errc::Invalid, fmt::format("input {}: {}", input.text(), why), std::move(hint));
    };
    if (!input.is_float || !values.outputs.front().is_float)
        return fail(Errc::Invalid, fmt::format("input {}, output {}: both must be float32",
                                               input.text(), values.outputs.front().text()));
    if (input.shape.size() < 2)
        return refuse("it must be [samples, ...], and tell what a sample is");
    if (input.shape.front() >= 0)
        return refuse("its first dimension must be open, for any number of samples",
                      "export the model with a dynamic batch size");
    std::int64_t values_in_all = 1;
    for (std::size_t i = 1; i < input.shape.size(); ++i) {
        if (input.shape[i] < 0) return refuse("all dimensions but the samples must be known");
        if (input.shape[i] == 0) return refuse("a dimension is 0");
        if (input.shape[i] > kMaxValues / values_in_all) return refuse("too large");
        values_in_all *= input.shape[i];
    }
    return {};
}

Result<Ort::SessionOptions> session_options(const OnnxRuntime& runtime,
                                            const RunnerOptions& options) {
    auto made = fenced([&] {
        Ort::SessionOptions session;
        session.SetIntraOpNumThreads(std::max(options.threads, 1));
        session.SetInterOpNumThreads(1);
        session.SetExecutionMode(ORT_SEQUENTIAL);
        session.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
        // Threads that spin between two windows would take the CPUs from the packets.
        session.AddConfigEntry("session.intra_op.allow_spinning", "0");
        session.AddConfigEntry("session.use_env_allocators", "1");  // with their limit
        // Patterns are kept for each number of samples, and every window has another one.
        session.DisableMemPattern();
        return session;
    });
    if (!made || options.device == Device::Cpu) return made;
    if (auto r = add_cuda(*made); !r)
        return wrap(
            r, fmt::format("device cuda: ONNX Runtime {} ({})", runtime.version, runtime.path));
    return made;
}

/// Ends a run that takes longer than this: a network may loop for ever.
class Deadline {
public:
    Deadline(Ort::RunOptions& run, std::chrono::seconds limit, std::atomic<bool>& has_passed)
        : thread_([this, &run, limit, &has_passed](const std::stop_token& stop) {
              std::unique_lock lock(mutex_);
              done_.wait_for(lock, stop, limit, [] { return false; });
              if (stop.stop_requested()) return;
              has_passed = true;
              run.SetTerminate();
          }) {}

private:
    std::mutex mutex_;
    std::condition_variable_any done_;
    std::jthread thread_;  // the last member: it is over before the others go
};

}  // namespace

struct Runner::State {
    Ort::Session session{nullptr};
    Signature signature;

    [[nodiscard]] std::vector<std::int64_t> shape_of(std::size_t samples,
                                                     const std::vector<std::int64_t>& one) const {
        std::vector<std::int64_t> shape{static_cast<std::int64_t>(samples)};
        shape.insert(shape.end(), one.begin(), one.end());
        return shape;
    }

    [[nodiscard]] Ort::Value input_tensor(std::span<const float> input, std::size_t samples) const {
        const auto shape = shape_of(samples, signature.input);
        // SAFETY: an input is not written to; the interface has no const for it.
        return Ort::Value::CreateTensor<float>(cpu_memory(), const_cast<float*>(input.data()),
                                               input.size(), shape.data(), shape.size());
    }

    /// That the network runs, and what it gives: many files do not tell an output's dimensions.
    [[nodiscard]] Result<> try_out();

    static Ort::MemoryInfo cpu_memory() {
        return Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    }
};

Result<> Runner::State::try_out() {
    constexpr std::size_t kSamples = 2;
    const std::vector<float> zeros(kSamples * signature.input_values());
    std::atomic<bool> took_too_long = false;
    auto shape = fenced([&] {
        Ort::RunOptions run;
        const Deadline deadline(run, kTrialTime, took_too_long);
        const Ort::Value input = input_tensor(zeros, kSamples);
        const char* input_name = signature.input_name.c_str();
        const char* output_name = signature.output_name.c_str();
        const auto outputs = session.Run(run, &input_name, &input, 1, &output_name, 1);
        return outputs.front().GetTensorTypeAndShapeInfo().GetShape();
    });
    if (took_too_long)
        return fail(Errc::Invalid, fmt::format("it does not run: not done with {} samples after {}",
                                               kSamples, kTrialTime));
    if (!shape) {
        if (shape.error().code == Errc::Io) shape.error().code = Errc::Invalid;
        return wrap(shape, "it does not run");
    }
    if (shape->empty() || shape->front() != kSamples)
        return fail(Errc::Invalid,
                    fmt::format("output {}: [{}] for {} samples", signature.output_name,
                                fmt::join(*shape, ", "), kSamples));
    signature.output.assign(shape->begin() + 1, shape->end());
    if (signature.output_values() == 0)
        return fail(Errc::Invalid, fmt::format("output {}: it gives nothing (a dimension is 0)",
                                               signature.output_name));
    return {};
}

Result<Runner> Runner::from_onnx(std::string_view onnx, const RunnerOptions& options) {
    if (auto model = parse_onnx(onnx); !model) return pass_on(model);
    auto runtime = onnx_runtime();
    if (!runtime) return pass_on(runtime);
    auto made = session_options(**runtime, options);
    if (!made) return pass_on(made);
    auto session =
        fenced([&] { return Ort::Session((*runtime)->env, onnx.data(), onnx.size(), *made); });
    if (!session) return pass_on(session);
    auto values = fenced([&] { return values_of(*session); });
    if (!values) return pass_on(values);
    if (auto r = check_values(*values); !r) return pass_on(r);
    auto state = std::make_unique<State>();
    state->session = std::move(*session);
    const Value& input = values->inputs.front();
    state->signature = {.input_name = input.name,
                        .output_name = values->outputs.front().name,
                        .input = {input.shape.begin() + 1, input.shape.end()},
                        .output = {}};
    if (auto r = state->try_out(); !r) return pass_on(r);
    return Runner(std::move(state));
}

Result<Runner> Runner::open(const std::filesystem::path& file, const RunnerOptions& options) {
    auto onnx = read_as_onnx(file);
    if (!onnx) return pass_on(onnx);
    auto runner = from_onnx(*onnx, options);
    if (!runner) return wrap(runner, file.string());
    return runner;
}

Result<> Runner::predict(std::span<const float> input, std::span<float> output) const {
    const Signature& s = state_->signature;
    const std::size_t samples = output.size() / s.output_values();
    if (samples * s.output_values() != output.size() || samples * s.input_values() != input.size())
        return fail(Errc::Invalid,
                    fmt::format("predict: {} numbers in and {} out, a sample has {} "
                                "and {}",
                                input.size(), output.size(), s.input_values(), s.output_values()));
    if (samples == 0) return {};
    auto done = fenced([&] {
        const Ort::Value in = state_->input_tensor(input, samples);
        const auto shape = state_->shape_of(samples, s.output);
        Ort::Value out = Ort::Value::CreateTensor<float>(State::cpu_memory(), output.data(),
                                                         output.size(), shape.data(), shape.size());
        const char* input_name = s.input_name.c_str();
        const char* output_name = s.output_name.c_str();
        // The C++ interface's Run() is not const, though ONNX Runtime's is thread-safe.
        state_->session.Run(Ort::RunOptions{nullptr}, &input_name, &in, 1, &output_name, &out, 1);
    });
    if (!done) {
        done.error().code = Errc::Io;
        return wrap(done, "predict");
    }
    return {};
}

const Signature& Runner::signature() const { return state_->signature; }
Runner::Runner(std::unique_ptr<State> state) : state_(std::move(state)) {}
Runner::Runner(Runner&&) noexcept = default;
Runner& Runner::operator=(Runner&&) noexcept = default;
Runner::~Runner() = default;

std::size_t Signature::input_values() const { return product(input); }
std::size_t Signature::output_values() const { return product(output); }

}  // namespace weir::model
