// SPDX-License-Identifier: Apache-2.0
#include "host/network.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "host/errors.h"
#include "model/runner.h"

namespace weir::python {
namespace {

namespace py = pybind11;

using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;

constexpr std::size_t kBatch = 1024;  // what lies between the layers stays in the cache

class Network {
public:
    explicit Network(const std::string& file) : runner_(open(file)) {}

    [[nodiscard]] const std::vector<std::int64_t>& input() const {
        return runner_.signature().input;
    }
    [[nodiscard]] const std::vector<std::int64_t>& output() const {
        return runner_.signature().output;
    }

    /// Shape: `x` [n, input...] -> [n, output...].
    [[nodiscard]] py::array_t<float> predict(const Floats& x) const {
        const std::size_t values = runner_.signature().input_values();
        const auto samples = static_cast<std::size_t>(x.ndim() == 0 ? 0 : x.shape(0));
        if (x.ndim() == 0 || static_cast<std::size_t>(x.size()) != samples * values)
            raise({.code = Errc::Rejected,
                   .message = "the model takes " + shape_text(input()) + ", not " +
                              shape_text({x.shape(), x.shape() + x.ndim()}, false)});
        std::vector<py::ssize_t> shape = {static_cast<py::ssize_t>(samples)};
        shape.insert(shape.end(), output().begin(), output().end());
        py::array_t<float> out(shape);
        const std::span in(x.data(), samples * values);
        const std::span to(out.mutable_data(), static_cast<std::size_t>(out.size()));
        auto done = [&] {
            const py::gil_scoped_release others_run;
            return run(in, to);
        }();
        if (!done) raise(done.error());
        return out;
    }

private:
    static model::Runner open(const std::string& file) {
        auto runner = model::Runner::open(file, {});
        if (!runner) raise(runner.error());
        return std::move(*runner);
    }
    static std::string shape_text(const std::vector<std::int64_t>& sizes,
                                  bool adds_samples = true) {
        std::string text = adds_samples ? "[samples" : "[";
        for (const std::int64_t size : sizes)
            text += (text.size() > 1 ? ", " : "") + std::to_string(size);
        return text + "]";
    }
    [[nodiscard]] Result<> run(std::span<const float> in, std::span<float> out) const {
        const std::size_t values = runner_.signature().input_values();
        const std::size_t outputs = runner_.signature().output_values();
        while (!in.empty()) {
            const std::size_t samples = std::min(kBatch, in.size() / values);
            auto done = runner_.predict(in.first(samples * values), out.first(samples * outputs));
            if (!done) return done;
            in = in.subspan(samples * values);
            out = out.subspan(samples * outputs);
        }
        return {};
    }

    model::Runner runner_;
};

}  // namespace

void define_network(py::module_& module) {
    py::class_<Network>(module, "Network")
        .def(py::init<const std::string&>())
        .def_property_readonly("input", &Network::input)
        .def_property_readonly("output", &Network::output)
        .def("predict", &Network::predict);
}

}  // namespace weir::python
