// SPDX-License-Identifier: Apache-2.0
#include "model/onnx_check.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>

#include <cmath>
#include <cstring>
#include <vector>

namespace weir::model {
namespace {

namespace pb = google::protobuf;
using onnx::TensorProto;

constexpr int kMaxDepth = 60;  // of messages in messages; protobuf's own limit is 100

enum WireType : std::uint32_t { Varint = 0, Fixed64 = 1, Block = 2, Fixed32 = 5 };

/// Skips a value that is no block. False: broken, or a group, which ONNX does not have.
bool skip_number(pb::io::CodedInputStream& in, std::uint32_t wire_type) {
    std::uint64_t ignored = 0;
    switch (wire_type) {
        case Varint: return in.ReadVarint64(&ignored);
        case Fixed64: return in.Skip(8);
        case Fixed32: return in.Skip(4);
        default: return false;
    }
}

/// Counts the parts of a message as its schema has them, without building any. False: broken, too
/// many or too deep.
bool count_parts(pb::io::CodedInputStream& in, const pb::Descriptor& type, int depth,
                 std::size_t& parts) {
    if (depth > kMaxDepth || ++parts > kMaxOnnxParts) return false;
    while (const std::uint32_t tag = in.ReadTag()) {
        if ((tag & 7U) != Block) {
            if (!skip_number(in, tag & 7U)) return false;
            continue;
        }
        std::uint32_t length = 0;
        if (!in.ReadVarint32(&length)) return false;
        const auto* field = type.FindFieldByNumber(static_cast<int>(tag >> 3U));
        if (field != nullptr && field->message_type() != nullptr) {
            const auto limit = in.PushLimit(static_cast<int>(length));
            if (!count_parts(in, *field->message_type(), depth + 1, parts)) return false;
            if (in.BytesUntilLimit() != 0) return false;
            in.PopLimit(limit);
        } else {
            if (field != nullptr && field->is_repeated() && !field->is_packable()) ++parts;  // text
            if (!in.Skip(static_cast<int>(length))) return false;
        }
    }
    return in.ConsumedEntireMessage();
}

/// Calls `look` with every tensor, in graphs, in attributes and in what those hold.
template <class Look>
Result<> each_tensor(const pb::Message& message, const Look& look) {
    if (message.GetDescriptor() == TensorProto::descriptor())
        return look(static_cast<const TensorProto&>(message));
    const pb::Reflection& reflection = *message.GetReflection();
    std::vector<const pb::FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    for (const pb::FieldDescriptor* field : fields) {
        if (field->message_type() == nullptr) continue;
        if (!field->is_repeated()) {
            if (auto r = each_tensor(reflection.GetMessage(message, field), look); !r) return r;
            continue;
        }
        for (int i = 0; i < reflection.FieldSize(message, field); ++i)
            if (auto r = each_tensor(reflection.GetRepeatedMessage(message, field, i), look); !r)
                return r;
    }
    return {};
}

struct NotFinite {
    bool has_nan = false;
    std::size_t infinities = 0, values = 0;
};

template <class Number>
void look_at(const Number& value, NotFinite& seen) {
    ++seen.values;
    if (std::isnan(value)) seen.has_nan = true;
    if (std::isinf(value)) ++seen.infinities;
}

/// Of 16-bit floats: all bits of the exponent set.
void look_at_half(std::uint32_t bits, std::uint32_t exponent, NotFinite& seen) {
    ++seen.values;
    const std::uint32_t fraction = 0x7FFFU & ~exponent;
    if ((bits & exponent) != exponent) return;
    if ((bits & fraction) != 0)
        seen.has_nan = true;
    else
        ++seen.infinities;
}

/// The values of type T that lie in raw bytes, in the order of ONNX and of this machine.
template <class T, class Look>
void each_raw(std::string_view raw, const Look& look) {
    for (std::size_t at = 0; at + sizeof(T) <= raw.size(); at += sizeof(T)) {
        T value;
        std::memcpy(&value, raw.data() + at, sizeof(T));
        look(value);
    }
}

NotFinite look_at_tensor(const TensorProto& tensor) {
    NotFinite seen;
    const auto look = [&](auto value) { look_at(value, seen); };
    const std::uint32_t exponent = tensor.data_type() == TensorProto::BFLOAT16 ? 0x7F80U : 0x7C00U;
    const auto look_half = [&](auto bits) {
        look_at_half(static_cast<std::uint32_t>(bits) & 0xFFFFU, exponent, seen);
    };
    switch (tensor.data_type()) {
        case TensorProto::FLOAT:
        case TensorProto::COMPLEX64:
            for (const float value : tensor.float_data()) look(value);
            each_raw<float>(tensor.raw_data(), look);
            break;
        case TensorProto::DOUBLE:
        case TensorProto::COMPLEX128:
            for (const double value : tensor.double_data()) look(value);
            each_raw<double>(tensor.raw_data(), look);
            break;
        case TensorProto::FLOAT16:
        case TensorProto::BFLOAT16:
            for (const std::int32_t bits : tensor.int32_data()) look_half(bits);
            each_raw<std::uint16_t>(tensor.raw_data(), look_half);
            break;
        default: break;
    }
    return seen;
}

Result<> check_tensor(const TensorProto& tensor) {
    const std::string name = tensor.name().empty() ? "a constant" : "weights " + tensor.name();
    if (tensor.data_location() == TensorProto::EXTERNAL || tensor.external_data_size() > 0)
        return fail(Errc::Invalid,
                    fmt::format("{} {} in another file, which is not read", name,
                                tensor.name().empty() ? "lies" : "lie"),
                    "save the model with its weights inside: one .onnx file");
    const NotFinite seen = look_at_tensor(tensor);
    if (seen.has_nan || (seen.infinities > 0 && seen.values > 1))
        return fail(Errc::Invalid, fmt::format("{}: not all are finite numbers ({})", name,
                                               seen.has_nan ? "NaN" : "infinity"));
    return {};
}

std::uint64_t count_values(const TensorProto& tensor) {
    std::uint64_t values = 1;
    for (const std::int64_t dimension : tensor.dims())
        values *= static_cast<std::uint64_t>(std::max<std::int64_t>(dimension, 0));
    return values;
}

}  // namespace

Result<onnx::ModelProto> parse_onnx(std::string_view bytes) {
    const auto not_onnx = [] { return fail(Errc::Invalid, "not an ONNX model, or cut off"); };
    if (bytes.size() > kMaxOnnxBytes)
        return fail(Errc::Invalid,
                    fmt::format("{} MiB: a model has 1 GiB at most", bytes.size() >> 20U));
    // SAFETY: protobuf reads bytes as unsigned char.
    pb::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                static_cast<int>(bytes.size()));
    std::size_t parts = 0;
    if (!count_parts(in, *onnx::ModelProto::descriptor(), 0, parts)) {
        if (parts > kMaxOnnxParts)
            return fail(Errc::Invalid, fmt::format("more than {} parts", kMaxOnnxParts));
        return not_onnx();
    }
    onnx::ModelProto model;
    if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
        model.ir_version() <= 0 || !model.has_graph())
        return not_onnx();
    if (auto r = each_tensor(model, check_tensor); !r) return pass_on(r);
    return model;
}

std::uint64_t count_weights(const onnx::GraphProto& graph) {
    std::uint64_t weights = 0;
    for (const TensorProto& tensor : graph.initializer()) weights += count_values(tensor);
    return weights;
}

}  // namespace weir::model
