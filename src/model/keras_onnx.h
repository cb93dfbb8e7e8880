// SPDX-License-Identifier: Apache-2.0
#pragma once
// An ONNX graph as it grows: operators, constants, and values that know their shape.
//
// Keras keeps channels last and time second; ONNX wants channels second and time first. A value
// therefore says in which order its axes lie in memory, and is turned only where an operator needs
// another one: between two convolutions, or two LSTMs, nothing is turned.
//
// Ownership: plain values. Thread rule: one thread.
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/keras_weights.h"

namespace onnx {
class ModelProto;
}

namespace weir::model::keras {

enum class Order {
    Keras,          ///< as the shape says
    ChannelsFirst,  ///< the last axis lies behind the samples
    TimeFirst,      ///< the axis behind the samples lies before them
};

struct Value {
    std::string name;
    Shape shape;  ///< as Keras says it, without the samples
    Order order = Order::Keras;

    [[nodiscard]] std::size_t rank() const { return shape.size() + 1; }  ///< with the samples
};

/// Where axis `axis` of Keras (0: the samples) lies in memory.
[[nodiscard]] std::size_t place_of(std::size_t axis, Order order, std::size_t rank);

/// Its name and its value.
using Attribute =
    std::pair<std::string_view,
              std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>,
                           std::vector<float>, std::vector<std::string>>>;

/// A few attributes, written as {{"axis", 1}}, or a vector of them.
class Attributes {
public:
    Attributes() = default;
    Attributes(std::initializer_list<Attribute> all) : all_(all) {}
    explicit Attributes(std::vector<Attribute> all) : all_(std::move(all)) {}
    [[nodiscard]] const std::vector<Attribute>& all() const { return all_; }

private:
    std::vector<Attribute> all_;
};

class OnnxGraph {
public:
    OnnxGraph();
    OnnxGraph(const OnnxGraph&) = delete;
    OnnxGraph& operator=(const OnnxGraph&) = delete;
    OnnxGraph(OnnxGraph&&) = delete;
    OnnxGraph& operator=(OnnxGraph&&) = delete;
    ~OnnxGraph();

    /// What is added from here on is called after this layer.
    void begin_layer(std::string_view name) { layer_ = name; }

    [[nodiscard]] Value input(std::string_view name, const Shape& shape);
    void output(const Value& value, std::string_view name);

    /// Adds an operator with one output, and returns that one's name.
    std::string add(std::string_view kind, std::span<const std::string> inputs,
                    const Attributes& attributes = {});
    std::string add(std::string_view kind, std::initializer_list<std::string> inputs,
                    const Attributes& attributes = {}) {
        return add(kind, std::span(inputs.begin(), inputs.size()), attributes);
    }
    /// With several outputs; "" among them is one that nobody needs.
    std::vector<std::string> add_many(std::string_view kind,
                                      std::initializer_list<std::string> inputs,
                                      std::initializer_list<std::string_view> outputs,
                                      const Attributes& attributes = {});

    [[nodiscard]] std::string constant(std::string_view name, const Shape& shape,
                                       std::span<const float> values);
    [[nodiscard]] std::string constant(std::string_view name, const Array& array) {
        return constant(name, array.shape, array.values);
    }
    [[nodiscard]] std::string scalar(std::string_view name, float value);
    [[nodiscard]] std::string integers(std::string_view name, std::span<const std::int64_t> values);

    /// The value with its axes in that order.
    [[nodiscard]] Value in_order(const Value& value, Order order);
    /// The same numbers in another shape; `value` is in Keras' order.
    [[nodiscard]] Value reshaped(const Value& value, Shape shape);

    /// The bytes of an ONNX file.
    [[nodiscard]] std::string bytes() const;

private:
    [[nodiscard]] std::string unique(std::string_view name);

    std::unique_ptr<onnx::ModelProto> model_;
    std::string layer_;
    std::map<std::string, int, std::less<>> names_;
    std::map<std::pair<std::string, Order>, std::string> turned_;
};

}  // namespace weir::model::keras
