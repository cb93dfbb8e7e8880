// SPDX-License-Identifier: Apache-2.0
#pragma once
// The numbers of a Keras model, in either of the two ways in which Keras lays them out in HDF5.
//
// By name: model_weights/LAYER, whose attribute weight_names lists data sets below it
//   ("conv0/kernel:0" of Keras 2, "sequential/conv0/kernel" of Keras 3).
//   Source: keras/src/legacy/saving/legacy_h5_format.py.
// By number: layers/CLASS_NUMBER/vars/0, 1, ... in the order in which the layer made them.
//   Source: keras/src/saving/saving_lib.py.
//
// Ownership: owns the file. Thread rule: one thread at a time, within an Hdf5Scope.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/hdf5.h"
#include "weir/result.h"

namespace weir::model::keras {

using Shape = std::vector<std::int64_t>;

/// "[10, 11, 1]"
[[nodiscard]] std::string shape_words(const Shape& shape);
/// The numbers that a shape holds; nullopt where that is more than any model's layer has.
[[nodiscard]] std::optional<std::int64_t> shape_values(const Shape& shape);

struct Array {
    Shape shape;
    std::vector<float> values;
};

/// Where a layer's weights are.
struct WeightPlace {
    std::vector<std::string> names;  ///< the models around it, and itself: {"encoder", "dense"}
    std::string numbered;            ///< "layers/functional/layers/dense"
};

enum class WeightLayout { ByName, ByNumber };

class WeightFile {
public:
    WeightFile(H5File file, WeightLayout layout) : file_(std::move(file)), layout_(layout) {}

    struct Stored {
        std::string name;  ///< "kernel", or "0"
        std::string path;  ///< of the data set
    };
    /// What is stored for a layer; `part` is a layer inside of it ("cell", or empty).
    /// Errors: Invalid (a group or a list is missing or broken).
    [[nodiscard]] Result<std::vector<Stored>> list(const WeightPlace& place,
                                                   std::string_view part) const;
    /// Errors: Invalid (missing, another shape, no numbers, not finite, broken),
    /// Unsupported (packed).
    [[nodiscard]] Result<Array> read(const Stored& stored, const Shape& expected);

    [[nodiscard]] WeightLayout layout() const { return layout_; }

private:
    H5File file_;
    WeightLayout layout_;
    std::uint64_t values_read_ = 0;
};

/// The weights of one layer, taken one by one.
class LayerWeights {
public:
    LayerWeights(WeightFile& file, const WeightPlace& place) : file_(&file), place_(&place) {}

    /// `part`: a layer inside of the layer that owns the weight: an LSTM's "cell".
    /// `number`: its place among those that the layer made.
    [[nodiscard]] Result<Array> take(std::string_view name, std::size_t number,
                                     const Shape& expected, std::string_view part = {});
    /// Numbers that were taken.
    [[nodiscard]] std::uint64_t values() const { return values_; }

private:
    WeightFile* file_;
    const WeightPlace* place_;
    std::uint64_t values_ = 0;
};

}  // namespace weir::model::keras
