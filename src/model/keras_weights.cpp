// SPDX-License-Identifier: Apache-2.0
#include "model/keras_weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "model/keras_h5.h"

namespace weir::model::keras {
namespace {

constexpr std::int64_t kMostValues = std::int64_t{1} << 28;  // 1 GiB: an ONNX file ends at 2 GiB
constexpr int kHighestRank = 8;

/// "conv0/kernel:0" is the kernel.
std::string last_name(std::string_view name) {
    name = name.substr(0, name.rfind(':'));
    return std::string(name.substr(name.rfind('/') + 1));
}

bool has_component(std::string_view path, std::string_view component) {
    while (!path.empty()) {
        const std::size_t end = path.find('/');
        if (path.substr(0, end) == component) return true;
        if (end == std::string_view::npos) return false;
        path.remove_prefix(end + 1);
    }
    return false;
}

Result<std::vector<WeightFile::Stored>> list_named(hid_t file, const WeightPlace& place) {
    const std::string group_path = fmt::format("model_weights/{}", place.names.front());
    const H5Object group = open_object(file, group_path);
    if (!group) return fail(Errc::Invalid, "its weights are not in the file");
    auto names = list_attribute(group.get(), "weight_names");
    if (!names) return pass_on(names);
    if (!*names) return fail(Errc::Invalid, "its weights have no list (weight_names)");
    std::vector<WeightFile::Stored> all;
    for (const std::string& name : names->value_or(std::vector<std::string>())) {
        // A model in the model has one list for all of its layers.
        if (place.names.size() > 1 && !has_component(name, place.names.back())) continue;
        all.push_back({.name = last_name(name), .path = fmt::format("{}/{}", group_path, name)});
    }
    return all;
}

/// Keras 2.13 and before: what is called "layers" now had another name.
std::string name_before_keras_3(std::string_view path) {
    constexpr std::string_view kNow = "layers/";
    std::string before;
    for (std::size_t at = 0; (at = path.find(kNow)) != std::string_view::npos;) {
        before += fmt::format("{}_layer_checkpoint_dependencies/", path.substr(0, at));
        path.remove_prefix(at + kNow.size());
    }
    return fmt::format("{}{}", before, path);
}

Result<std::vector<WeightFile::Stored>> list_numbered(hid_t file, const std::string& place,
                                                      std::string_view part) {
    const std::string below =
        part.empty() ? fmt::format("{}/vars", place) : fmt::format("{}/{}/vars", place, part);
    H5Object group = open_object(file, below);
    std::string path = below;
    if (!group) {
        path = name_before_keras_3(below);
        group = open_object(file, path);
    }
    if (!group) return fail(Errc::Invalid, fmt::format("its weights ({}) are not there", below));
    H5G_info_t info{};
    if (H5Gget_info(group.get(), &info) < 0) return fail(Errc::Invalid, hdf5_error());
    std::vector<WeightFile::Stored> all;
    constexpr hsize_t kMostWeights = 16;  // of one layer
    all.reserve(kMostWeights);
    for (hsize_t i = 0; i < std::min(info.nlinks, kMostWeights); ++i)
        all.push_back({.name = fmt::format("{}", i), .path = fmt::format("{}/{}", path, i)});
    return all;
}

Result<Shape> stored_shape(hid_t dataset) {
    const H5Space space(H5Dget_space(dataset));
    const int rank = space ? H5Sget_simple_extent_ndims(space.get()) : -1;
    if (rank < 0) return fail(Errc::Invalid, hdf5_error());
    if (rank > kHighestRank) return fail(Errc::Invalid, fmt::format("it has {} dimensions", rank));
    std::array<hsize_t, kHighestRank> sizes{};
    if (H5Sget_simple_extent_dims(space.get(), sizes.data(), nullptr) < 0)
        return fail(Errc::Invalid, hdf5_error());
    Shape shape;
    shape.reserve(kHighestRank);
    for (int i = 0; i < rank; ++i) {
        const hsize_t size = sizes.at(static_cast<std::size_t>(i));
        if (size > static_cast<hsize_t>(kMostValues)) return fail(Errc::Invalid, "it is too large");
        shape.push_back(static_cast<std::int64_t>(size));
    }
    return shape;
}

/// Keras packs nothing; where nothing is packed, the file is as large as what is read from it.
Result<> check_storage(hid_t dataset, std::int64_t values) {
    const H5Type type(H5Dget_type(dataset));
    if (!type || H5Tget_class(type.get()) != H5T_FLOAT)
        return fail(Errc::Invalid, "it holds no floating-point numbers");
    const H5List made(H5Dget_create_plist(dataset));
    if (!made) return fail(Errc::Invalid, hdf5_error());
    if (H5Pget_external_count(made.get()) != 0 || H5Pget_layout(made.get()) == H5D_VIRTUAL)
        return fail(Errc::Unsupported, "its numbers are in another file");
    if (H5Pget_nfilters(made.get()) != 0)
        return fail(Errc::Unsupported, "its numbers are packed",
                    "unpack the file: h5repack -f NONE");
    const auto bytes = static_cast<hsize_t>(values) * H5Tget_size(type.get());
    if (H5Dget_storage_size(dataset) < bytes)
        return fail(Errc::Invalid, "the file does not hold all of its numbers");
    return {};
}

}  // namespace

std::string shape_words(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::optional<std::int64_t> shape_values(const Shape& shape) {
    std::int64_t values = 1;
    for (const std::int64_t size : shape) {
        if (size < 0 || size > kMostValues) return std::nullopt;
        values *= size;
        if (values > kMostValues) return std::nullopt;
    }
    return values;
}

Result<std::vector<WeightFile::Stored>> WeightFile::list(const WeightPlace& place,
                                                         std::string_view part) const {
    return layout_ == WeightLayout::ByName ? list_named(file_.get(), place)
                                           : list_numbered(file_.get(), place.numbered, part);
}

Result<Array> WeightFile::read(const Stored& stored, const Shape& expected) {
    const H5Object dataset = open_object(file_.get(), stored.path);
    if (!dataset || H5Iget_type(dataset.get()) != H5I_DATASET)
        return fail(Errc::Invalid, "it is not in the file");
    auto shape = stored_shape(dataset.get());
    if (!shape) return pass_on(shape);
    if (*shape != expected)
        return fail(Errc::Invalid, fmt::format("it is {}, the layer needs {}", shape_words(*shape),
                                               shape_words(expected)));
    const auto values = shape_values(*shape);
    if (!values || values_read_ + static_cast<std::uint64_t>(*values) > kMostValues)
        return fail(Errc::Unsupported, "the model has more than 1 GiB of weights");
    if (auto r = check_storage(dataset.get(), *values); !r) return pass_on(r);
    values_read_ += static_cast<std::uint64_t>(*values);
    Array array{.shape = std::move(*shape),
                .values = std::vector<float>(static_cast<std::size_t>(*values))};
    if (H5Dread(dataset.get(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                array.values.data()) < 0)
        return fail(Errc::Invalid, hdf5_error());
    const auto bad = std::ranges::find_if(array.values, [](float v) { return !std::isfinite(v); });
    if (bad != array.values.end())
        return fail(Errc::Invalid,
                    fmt::format("number {} is {}", std::distance(array.values.begin(), bad), *bad));
    return array;
}

Result<Array> LayerWeights::take(std::string_view name, std::size_t number, const Shape& expected,
                                 std::string_view part) {
    auto all = file_->list(*place_, part);
    if (!all) return pass_on(all);
    const std::string wanted =
        file_->layout() == WeightLayout::ByName ? std::string(name) : std::to_string(number);
    const auto found = std::ranges::find(*all, wanted, &WeightFile::Stored::name);
    if (found == all->end()) {
        std::vector<std::string> names;
        for (const auto& each : *all) names.push_back(each.name);
        return fail(
            Errc::Invalid,
            fmt::format("weight {} is not in the file, which has: {}", name,
                        names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
    }
    auto array = file_->read(*found, expected);
    if (!array) return wrap(array, fmt::format("weight {}", name));
    values_ += array->values.size();
    return array;
}

}  // namespace weir::model::keras
