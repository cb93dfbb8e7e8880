// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "model/hdf5.h"
#include "model/set_file.h"
#include "util/errno.h"

namespace weir::model {
namespace fs = std::filesystem;
namespace {

using Dimensions = std::vector<hsize_t>;

/// Of h5py's own choice for sets like these: large enough for few reads, small enough for the
/// cache of chunks, which has 1 MiB.
constexpr hsize_t kChunkBytes = hsize_t{256} << 10;

/// A dataset [0, sample...] that grows along its first dimension.
H5Dataset create_set(const H5File& file, const char* name, hid_t type, const Dimensions& sample) {
    Dimensions now{0}, most{H5S_UNLIMITED};
    now.insert(now.end(), sample.begin(), sample.end());
    most.insert(most.end(), sample.begin(), sample.end());
    hsize_t sample_bytes = H5Tget_size(type);
    for (const hsize_t dimension : sample) sample_bytes *= dimension;
    Dimensions chunk = now;
    chunk.front() = std::max<hsize_t>(kChunkBytes / sample_bytes, 1);
    const int rank = static_cast<int>(now.size());
    const H5Space space(H5Screate_simple(rank, now.data(), most.data()));
    const H5List made(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_chunk(made.get(), rank, chunk.data());
    H5Pset_obj_track_times(made.get(), false);  // equal sets, equal files
    return H5Dataset(
        H5Dcreate2(file.get(), name, type, space.get(), H5P_DEFAULT, made.get(), H5P_DEFAULT));
}

/// Appends `n` rows of memory type `type`.
bool append_rows(const H5Dataset& set, hsize_t rows, hsize_t n, const Dimensions& sample,
                 hid_t type, const void* data) {
    Dimensions whole{rows + n}, start(sample.size() + 1, 0), count{n};
    whole.insert(whole.end(), sample.begin(), sample.end());
    count.insert(count.end(), sample.begin(), sample.end());
    start.front() = rows;
    if (H5Dset_extent(set.get(), whole.data()) < 0) return false;
    const H5Space to(H5Dget_space(set.get()));
    const H5Space from(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr));
    return H5Sselect_hyperslab(to.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(),
                               nullptr) >= 0 &&
           H5Dwrite(set.get(), type, from.get(), to.get(), H5P_DEFAULT, data) >= 0;
}

/// Text of a fixed length, padded with zeros.
H5Type flow_type() {
    H5Type type(H5Tcopy(H5T_C_S1));
    H5Tset_size(type.get(), SetWriter::kFlowBytes);
    H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
    return type;
}

}  // namespace

struct SetWriter::State {
    fs::path target, temporary;
    H5File file;
    H5Dataset x, y, flows;
    Dimensions sample;
    std::size_t values = 1;  ///< of a sample
    hsize_t rows = 0;

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    State(State&&) = delete;
    State& operator=(State&&) = delete;
    ~State() {
        if (!file) return;  // finished, or never begun
        const Hdf5Scope scope;
        (void)close();
        ::unlink(temporary.c_str());
    }

    /// Writes what HDF5 kept back.
    [[nodiscard]] bool close() {
        const bool has_sets = x.close() && y.close() && (!flows || flows.close());
        return file.close() && has_sets;
    }
};

Result<SetWriter> SetWriter::create(const fs::path& file, std::vector<std::int64_t> sample,
                                    Flows flows) {
    if (sample.empty() || std::ranges::any_of(sample, [](std::int64_t n) { return n <= 0; }))
        return fail(Errc::Invalid, fmt::format("{}: samples of no numbers", file.string()));
    const Hdf5Scope scope;
    auto state = std::make_unique<State>();
    state->target = file;
    state->temporary = fmt::format("{}.{}.part", file.string(), ::getpid());
    state->sample.assign(sample.begin(), sample.end());
    for (const hsize_t dimension : state->sample) state->values *= dimension;
    const H5List access(H5Pcreate(H5P_FILE_ACCESS));
    H5Pset_file_locking(access.get(), false, true);  // nobody else knows the name
    state->file =
        H5File(H5Fcreate(state->temporary.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, access.get()));
    if (!state->file)
        return fail(Errc::Io,
                    fmt::format("{}: it cannot be written: {}", file.string(), hdf5_error()));
    state->x = create_set(state->file, "set_x", H5T_IEEE_F64LE, state->sample);
    state->y = create_set(state->file, "set_y", H5T_STD_I64LE, {});
    const bool has_flows = flows == Flows::Named;
    if (has_flows) state->flows = create_set(state->file, "set_flow", flow_type().get(), {});
    if (!state->x || !state->y || (has_flows && !state->flows))
        return fail(Errc::Io, fmt::format("{}: {}", file.string(), hdf5_error()));
    return SetWriter(std::move(state));
}

Result<> SetWriter::append(std::span<const double> x, std::span<const std::uint8_t> y,
                           std::span<const FlowName> flows) {
    State& s = *state_;
    if (!s.file || x.size() != y.size() * s.values || flows.size() != (s.flows ? y.size() : 0))
        return fail(Errc::Invalid, fmt::format("{}: {} numbers for {} samples of {}",
                                               s.target.string(), x.size(), y.size(), s.values));
    if (y.empty()) return {};
    const Hdf5Scope scope;
    if (!append_rows(s.x, s.rows, y.size(), s.sample, H5T_NATIVE_DOUBLE, x.data()) ||
        !append_rows(s.y, s.rows, y.size(), {}, H5T_NATIVE_UINT8, y.data()) ||
        (s.flows && !append_rows(s.flows, s.rows, y.size(), {}, flow_type().get(), flows.data())))
        return fail(Errc::Io, fmt::format("{}: {}", s.target.string(), hdf5_error()));
    s.rows += y.size();
    return {};
}

Result<> SetWriter::finish() {
    State& s = *state_;
    if (!s.file) return fail(Errc::Invalid, s.target.string() + ": finished already");
    const Hdf5Scope scope;
    Result<> done;
    if (!s.close()) done = fail(Errc::Io, hdf5_error());
    if (done) done = check_errno(::rename(s.temporary.c_str(), s.target.c_str()), "rename");
    if (done) return {};
    ::unlink(s.temporary.c_str());
    return wrap(done, s.target.string());
}

SetWriter::SetWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
SetWriter::SetWriter(SetWriter&&) noexcept = default;
SetWriter& SetWriter::operator=(SetWriter&&) noexcept = default;
SetWriter::~SetWriter() = default;

}  // namespace weir::model
