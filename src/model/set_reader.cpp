// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "model/hdf5.h"
#include "model/set_file.h"
#include "util/file.h"

namespace weir::model {
namespace fs = std::filesystem;
namespace {

constexpr const char* kX = "set_x";
constexpr const char* kY = "set_y";
constexpr std::size_t kMaxRank = 4;
constexpr hsize_t kMaxSampleValues = hsize_t{1} << 24;
/// A chunk is unpacked whole; h5py makes them of 1 MiB at most.
constexpr hsize_t kMaxChunkBytes = hsize_t{64} << 20;
/// Deflate makes a byte out of 1,032 at most: a set that claims more was not written by anybody.
constexpr hsize_t kMaxRatio = 1100;

using Dimensions = std::vector<hsize_t>;

H5File open_file(const fs::path& file) {
    const H5List access(H5Pcreate(H5P_FILE_ACCESS));
    // Reading needs no lock, and network file systems have none.
    H5Pset_file_locking(access.get(), false, true);
    return H5File(H5Fopen(file.c_str(), H5F_ACC_RDONLY, access.get()));
}

/// What there is instead of set_x, for the message: ten names at most.
std::string names_in(const H5File& file) {
    std::vector<std::string> names;
    const auto keep = [](hid_t, const char* name, const H5L_info_t*, void* data) -> herr_t {
        auto& kept = *static_cast<std::vector<std::string>*>(data);
        kept.emplace_back(name);
        return kept.size() < 10 ? 0 : 1;
    };
    H5Literate(file.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, keep, &names);
    return names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", "));
}

/// The dataset itself, not a link that leads into another file.
bool is_own_dataset(const H5File& file, const char* name) {
    H5L_info_t link{};
    return H5Lget_info(file.get(), name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD;
}

Result<Dimensions> dimensions_of(const H5Dataset& set) {
    const H5Space space(H5Dget_space(set.get()));
    const int rank = H5Sget_simple_extent_ndims(space.get());
    if (rank < 0) return fail(Errc::Invalid, hdf5_error());
    Dimensions dimensions(static_cast<std::size_t>(rank));
    if (rank > 0 && H5Sget_simple_extent_dims(space.get(), dimensions.data(), nullptr) < 0)
        return fail(Errc::Invalid, hdf5_error());
    return dimensions;
}

Result<> check_number(const H5Dataset& set) {
    const H5Type type(H5Dget_type(set.get()));
    const H5T_class_t kind = H5Tget_class(type.get());
    if (kind == H5T_FLOAT || kind == H5T_INTEGER || kind == H5T_ENUM) return {};
    return fail(Errc::Invalid, "neither numbers nor truth values");
}

/// That the file has what it claims to have, and has it itself.
Result<> check_storage(const H5Dataset& set, const Dimensions& dimensions, std::uint64_t bytes) {
    const H5List made(H5Dget_create_plist(set.get()));
    const H5D_layout_t layout = H5Pget_layout(made.get());
    if (layout == H5D_VIRTUAL || H5Pget_external_count(made.get()) > 0)
        return fail(Errc::Invalid, "its numbers lie in other files");
    const H5Type type(H5Dget_type(set.get()));
    const hsize_t type_bytes = std::max<hsize_t>(H5Tget_size(type.get()), 1);
    const hsize_t stored = std::min<hsize_t>(H5Dget_storage_size(set.get()), bytes);
    hsize_t room = stored * (layout == H5D_CHUNKED ? kMaxRatio : 1) / type_bytes;
    for (const hsize_t dimension : dimensions) {
        if (dimension == 0) return {};
        room /= dimension;
    }
    if (room == 0)
        return fail(Errc::Invalid, fmt::format("[{}] is more than the file can hold",
                                               fmt::join(dimensions, ", ")));
    if (layout != H5D_CHUNKED) return {};
    std::array<hsize_t, kMaxRank> chunk{};
    const int rank = H5Pget_chunk(made.get(), static_cast<int>(chunk.size()), chunk.data());
    hsize_t chunk_room = kMaxChunkBytes / type_bytes;
    for (int i = 0; i < std::min(rank, static_cast<int>(chunk.size())); ++i)
        chunk_room /= std::max<hsize_t>(chunk.at(static_cast<std::size_t>(i)), 1);
    if (chunk_room == 0) return fail(Errc::Invalid, "its chunks are larger than 64 MiB");
    return {};
}

struct Numbers {
    H5Dataset set;
    Dimensions dimensions;
};

Result<Numbers> open_numbers(const H5File& file, const char* name, std::uint64_t bytes) {
    Numbers numbers{.set = H5Dataset(H5Dopen2(file.get(), name, H5P_DEFAULT)), .dimensions = {}};
    if (!numbers.set) return fail(Errc::Invalid, hdf5_error());
    auto dimensions = dimensions_of(numbers.set);
    if (!dimensions) return pass_on(dimensions);
    if (dimensions->empty() || dimensions->size() > kMaxRank)
        return fail(Errc::Invalid,
                    fmt::format("{} dimensions, a set has 2 to 4", dimensions->size()));
    if (auto r = check_number(numbers.set); !r) return pass_on(r);
    if (auto r = check_storage(numbers.set, *dimensions, bytes); !r) return pass_on(r);
    numbers.dimensions = std::move(*dimensions);
    return numbers;
}

Result<std::vector<std::int64_t>> sample_shape(const Dimensions& dimensions) {
    if (dimensions.size() < 2)
        return fail(Errc::Invalid, fmt::format("[{}], a set is [samples, packets, features]",
                                               fmt::join(dimensions, ", ")));
    hsize_t room = kMaxSampleValues;
    for (const hsize_t dimension : std::span(dimensions).subspan(1)) {
        if (dimension == 0 || room / dimension == 0)
            return fail(Errc::Invalid, fmt::format("[{}]: samples that are empty, or too large",
                                                   fmt::join(dimensions, ", ")));
        room /= dimension;
    }
    return std::vector<std::int64_t>(dimensions.begin() + 1, dimensions.end());
}

/// Reads rows [first, first + n) as floats.
Result<> read_rows(const Numbers& numbers, std::size_t first, std::size_t n, float* out) {
    if (n == 0) return {};
    Dimensions start(numbers.dimensions.size(), 0);
    Dimensions count = numbers.dimensions;
    start.front() = first;
    count.front() = n;
    const H5Space from(H5Dget_space(numbers.set.get()));
    const H5Space to(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr));
    if (H5Sselect_hyperslab(from.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(),
                            nullptr) < 0 ||
        H5Dread(numbers.set.get(), H5T_NATIVE_FLOAT, to.get(), from.get(), H5P_DEFAULT, out) < 0)
        return fail(Errc::Invalid, hdf5_error());
    return {};
}

}  // namespace

struct SetReader::State {
    H5File file;
    Numbers x, y;
    std::vector<std::int64_t> shape;
    std::size_t values = 1;  ///< of a sample

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    State(State&&) = delete;
    State& operator=(State&&) = delete;
    ~State() {
        const Hdf5Scope scope;  // handles are closed under it
        y.set = {};
        x.set = {};
        file = {};
    }

    [[nodiscard]] Result<> open(const fs::path& path) {
        const auto bytes = regular_file_bytes(path);
        if (!bytes) return std::unexpected(bytes.error());
        file = open_file(path);
        if (!file)
            return fail(Errc::Invalid,
                        fmt::format("{}: not HDF5: {}", path.string(), hdf5_error()));
        if (!is_own_dataset(file, kX))
            return fail(Errc::Invalid,
                        fmt::format("{}: no {} in it, but {}", path.string(), kX, names_in(file)),
                        "a set in LUCID's format has set_x and set_y");
        auto numbers = open_numbers(file, kX, *bytes);
        if (!numbers) return wrap(numbers, fmt::format("{}: {}", path.string(), kX));
        x = std::move(*numbers);
        auto sample = sample_shape(x.dimensions);
        if (!sample) return wrap(sample, fmt::format("{}: {}", path.string(), kX));
        shape = std::move(*sample);
        for (const std::int64_t dimension : shape) values *= static_cast<std::size_t>(dimension);
        if (!is_own_dataset(file, kY)) return {};
        auto labels = open_numbers(file, kY, *bytes);
        if (!labels) return wrap(labels, fmt::format("{}: {}", path.string(), kY));
        y = std::move(*labels);
        return check_labels(path);
    }

    /// [n], or [n, 1].
    [[nodiscard]] Result<> check_labels(const fs::path& path) const {
        const auto rest = std::span(y.dimensions).subspan(1);
        if (y.dimensions.front() == x.dimensions.front() &&
            std::ranges::all_of(rest, [](hsize_t dimension) { return dimension == 1; }))
            return {};
        return fail(Errc::Invalid,
                    fmt::format("{}: {} [{}] does not fit {} [{}]", path.string(), kY,
                                fmt::join(y.dimensions, ", "), kX, fmt::join(x.dimensions, ", ")));
    }
};

Result<SetReader> SetReader::open(const fs::path& file) {
    const Hdf5Scope scope;
    auto state = std::make_unique<State>();
    if (auto r = state->open(file); !r) return pass_on(r);
    return SetReader(std::move(state));
}

std::size_t SetReader::samples() const { return state_->x.dimensions.front(); }
const std::vector<std::int64_t>& SetReader::shape() const { return state_->shape; }
bool SetReader::has_labels() const { return static_cast<bool>(state_->y.set); }

Result<> SetReader::read(std::size_t first, std::size_t n, std::span<float> x,
                         std::span<std::uint8_t> y) {
    const Hdf5Scope scope;
    if (n > samples() || first > samples() - n || (!x.empty() && x.size() != n * state_->values) ||
        (!y.empty() && (y.size() != n || !has_labels())))
        return fail(Errc::Invalid, fmt::format("samples {} to {}: there are {}, of {} numbers",
                                               first, first + n, samples(), state_->values));
    if (!x.empty()) {
        if (auto r = read_rows(state_->x, first, n, x.data()); !r) return wrap(r, kX);
        const auto bad = std::ranges::find_if(x, [](float value) { return !std::isfinite(value); });
        if (bad != x.end())
            return fail(
                Errc::Invalid,
                fmt::format("{}: {} in sample {}", kX, *bad,
                            first + static_cast<std::size_t>(bad - x.begin()) / state_->values));
    }
    if (y.empty()) return {};
    std::vector<float> labels(n);
    if (auto r = read_rows(state_->y, first, n, labels.data()); !r) return wrap(r, kY);
    for (std::size_t i = 0; i < n; ++i) {
        if (labels[i] != 0 && labels[i] != 1)
            return fail(Errc::Invalid, fmt::format("{}: {} in sample {}, a label is 0 or 1", kY,
                                                   labels[i], first + i));
        y[i] = labels[i] != 0 ? 1 : 0;
    }
    return {};
}

SetReader::SetReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
SetReader::SetReader(SetReader&&) noexcept = default;
SetReader& SetReader::operator=(SetReader&&) noexcept = default;
SetReader::~SetReader() = default;

}  // namespace weir::model
