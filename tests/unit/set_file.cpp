// SPDX-License-Identifier: Apache-2.0
// Sets of samples: every type and rank that there is, and files that claim what they do not have.
#include "model/set_file.h"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <fstream>
#include <iterator>
#include <limits>

#include "support/scratch_folder.h"

namespace weir::model {
namespace {

namespace fs = std::filesystem;
using test::ScratchFolder;
using Dimensions = std::vector<hsize_t>;

/// A dataset that is made by HDF5 alone.
struct RawSet {
    const char* name = "set_x";
    hid_t type = H5T_IEEE_F64LE;
    Dimensions dimensions;
    const void* data = nullptr;  ///< of type `type`; none: nothing is written
    Dimensions chunk;            ///< none: contiguous
};

void write_raw(const fs::path& path, const std::vector<RawSet>& sets) {
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    for (const RawSet& set : sets) {
        const int rank = static_cast<int>(set.dimensions.size());
        const hid_t space = H5Screate_simple(rank, set.dimensions.data(), nullptr);
        const hid_t made = H5Pcreate(H5P_DATASET_CREATE);
        if (!set.chunk.empty()) H5Pset_chunk(made, rank, set.chunk.data());
        const hid_t id =
            H5Dcreate2(file, set.name, set.type, space, H5P_DEFAULT, made, H5P_DEFAULT);
        EXPECT_GE(id, 0);
        if (set.data != nullptr) {
            EXPECT_GE(H5Dwrite(id, set.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, set.data), 0);
        }
        H5Dclose(id);
        H5Pclose(made);
        H5Sclose(space);
    }
    H5Fclose(file);
}

std::vector<double> counting(std::size_t count) {
    std::vector<double> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<double>(i) / 8;
    return values;
}

Error open_error(const fs::path& path) {
    auto reader = SetReader::open(path);
    EXPECT_FALSE(reader) << path << " was opened";
    if (reader) return {};
    EXPECT_TRUE(reader.error().message.contains(path.string())) << reader.error().message;
    return reader.error();
}

void expect_refused(const fs::path& path, std::string_view words) {
    const Error error = open_error(path);
    EXPECT_EQ(error.code, Errc::Invalid);
    EXPECT_TRUE(error.message.contains(words)) << error.message;
}

TEST(SetFile, ReadsWhatItWrote) {
    const ScratchFolder folder;
    const fs::path path = folder.path() / "set.hdf5";
    constexpr std::size_t kSamples = 3000, kValues = 110;
    const auto x = counting(kSamples * kValues);
    std::vector<std::uint8_t> y(kSamples);
    for (std::size_t i = 0; i < kSamples; ++i) y[i] = i % 3 == 0 ? 1 : 0;
    auto writer = SetWriter::create(path, {10, 11});
    ASSERT_TRUE(writer) << writer.error().message;
    std::size_t at = 0;
    for (const std::size_t n : {1UZ, 0UZ, 999UZ, 2000UZ}) {
        ASSERT_TRUE(writer->append(std::span(x).subspan(at * kValues, n * kValues),
                                   std::span(y).subspan(at, n)));
        at += n;
    }
    EXPECT_FALSE(fs::exists(path)) << "it takes its place when it is whole";
    ASSERT_TRUE(writer->finish());
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1) << "nothing beside it";

    auto reader = SetReader::open(path);
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_EQ(reader->samples(), kSamples);
    EXPECT_EQ(reader->shape(), (std::vector<std::int64_t>{10, 11}));
    ASSERT_TRUE(reader->has_labels());
    std::vector<float> read_x(50 * kValues);
    std::vector<std::uint8_t> read_y(50);
    ASSERT_TRUE(reader->read(975, 50, read_x, read_y));
    for (std::size_t i = 0; i < read_x.size(); ++i)
        ASSERT_EQ(read_x[i], static_cast<float>(x[975 * kValues + i]));
    for (std::size_t i = 0; i < 50; ++i) ASSERT_EQ(read_y[i], y[975 + i]);
    ASSERT_TRUE(reader->read(3000, 0, {}, {}));
    EXPECT_FALSE(reader->read(2999, 2, {}, {})) << "beyond the end";
    EXPECT_FALSE(reader->read(0, 50, std::span(read_x).first(10), {})) << "too small a buffer";
}

TEST(SetFile, NamesTheFlowOfEachSample) {
    const ScratchFolder folder;
    const fs::path path = folder.path() / "set.hdf5";
    auto writer = SetWriter::create(path, {2}, SetWriter::Flows::Named);
    ASSERT_TRUE(writer) << writer.error().message;
    std::vector<SetWriter::FlowName> names(2);
    std::ranges::copy(std::string_view("10.0.0.1,10.0.0.2,1,2,6"), names[1].begin());
    const std::vector<std::uint8_t> y{0, 1};
    EXPECT_FALSE(writer->append(counting(4), y)) << "a name for each";
    ASSERT_TRUE(writer->append(counting(4), y, names));
    ASSERT_TRUE(writer->finish());
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_NE(bytes.find("set_flow"), std::string::npos);
    EXPECT_NE(bytes.find("10.0.0.1,10.0.0.2,1,2,6" + std::string(73, '\0')), std::string::npos);
    auto reader = SetReader::open(path);
    ASSERT_TRUE(reader) << "LUCID's two are as before: " << reader.error().message;
    EXPECT_EQ(reader->samples(), 2U);
}

TEST(SetFile, LeavesNothingOfWhatWasNotFinished) {
    const ScratchFolder folder;
    const fs::path path = folder.file("set.hdf5", "what was there before");
    {
        auto writer = SetWriter::create(path, {2});
        ASSERT_TRUE(writer);
        ASSERT_TRUE(writer->append(counting(2), std::vector<std::uint8_t>{1}));
    }
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
    EXPECT_EQ(fs::file_size(path), 21U);
}

TEST(SetFile, WritesASetWithoutSamples) {
    const ScratchFolder folder;
    auto writer = SetWriter::create(folder.path() / "set.hdf5", {10, 11});
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->finish());
    EXPECT_FALSE(writer->finish()) << "once";
    EXPECT_FALSE(writer->append(counting(110), std::vector<std::uint8_t>{1}));
    auto reader = SetReader::open(folder.path() / "set.hdf5");
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_EQ(reader->samples(), 0U);
}

TEST(SetFile, SaysWhyItCannotWrite) {
    const ScratchFolder folder;
    const auto writer = SetWriter::create(folder.path() / "none" / "set.hdf5", {10, 11});
    ASSERT_FALSE(writer);
    EXPECT_EQ(writer.error().code, Errc::Io);
    EXPECT_TRUE(writer.error().message.contains("set.hdf5")) << writer.error().message;
    EXPECT_FALSE(SetWriter::create(folder.path() / "a.hdf5", {10, 0}));
}

TEST(SetFile, ReadsEveryNumberAndRank) {
    const ScratchFolder folder;
    const fs::path path = folder.path() / "set.hdf5";
    const std::vector<float> floats{0, 1, 2, 3, 4, 5};
    const std::vector<std::int16_t> integers{0, 1, 2, 3, 4, 5};
    const std::vector<std::uint8_t> bytes{0, 1, 2, 3, 4, 5};
    const std::vector<std::int32_t> labels{0, 1};
    const std::vector<double> float_labels{0, 1};
    const std::vector<std::int8_t> truth{0, 1};
    const hid_t boolean = H5Tenum_create(H5T_STD_I8LE);  // as h5py writes truth values
    std::int8_t value = 0;
    H5Tenum_insert(boolean, "FALSE", &value);
    value = 1;
    H5Tenum_insert(boolean, "TRUE", &value);
    const std::vector<std::pair<RawSet, RawSet>> cases{
        {{.type = H5T_NATIVE_FLOAT, .dimensions = {2, 3}, .data = floats.data(), .chunk = {}},
         {"set_y", H5T_NATIVE_INT32, {2}, labels.data(), {}}},
        {{.type = H5T_NATIVE_INT16, .dimensions = {2, 1, 3}, .data = integers.data(), .chunk = {}},
         {"set_y", H5T_NATIVE_DOUBLE, {2, 1}, float_labels.data(), {}}},
        {{.type = H5T_NATIVE_UINT8,
          .dimensions = {2, 3, 1, 1},
          .data = bytes.data(),
          .chunk = {1, 3, 1, 1}},
         {"set_y", boolean, {2}, truth.data(), {}}},
    };
    for (const auto& [x, y] : cases) {
        write_raw(path, {x, y});
        auto reader = SetReader::open(path);
        ASSERT_TRUE(reader) << reader.error().message;
        EXPECT_EQ(reader->shape().size(), x.dimensions.size() - 1);
        std::vector<float> read_x(6);
        std::vector<std::uint8_t> read_y(2);
        auto read = reader->read(0, 2, read_x, read_y);
        ASSERT_TRUE(read) << read.error().message;
        EXPECT_EQ(read_x, floats);
        EXPECT_EQ(read_y, (std::vector<std::uint8_t>{0, 1}));
    }
    H5Tclose(boolean);
}

TEST(SetFile, ReadsASetWithoutLabels) {
    const ScratchFolder folder;
    const fs::path path = folder.path() / "set.hdf5";
    const auto x = counting(6);
    write_raw(path, {{.dimensions = {2, 3}, .data = x.data(), .chunk = {}}});
    auto reader = SetReader::open(path);
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_FALSE(reader->has_labels());
    std::vector<std::uint8_t> y(2);
    EXPECT_FALSE(reader->read(0, 2, {}, y));
}

TEST(SetFile, NamesTheSampleWhoseNumbersAreNone) {
    const ScratchFolder folder;
    const fs::path path = folder.path() / "set.hdf5";
    auto x = counting(12);
    const std::vector<std::int32_t> y{0, 1, 0, 7};
    x[7] = std::numeric_limits<double>::quiet_NaN();
    write_raw(path, {{.dimensions = {4, 3}, .data = x.data(), .chunk = {}},
                     {"set_y", H5T_NATIVE_INT32, {4}, y.data(), {}}});
    auto reader = SetReader::open(path);
    ASSERT_TRUE(reader) << reader.error().message;
    std::vector<float> read_x(6);
    std::vector<std::uint8_t> read_y(2);
    EXPECT_TRUE(reader->read(0, 2, read_x, read_y));
    const auto bad_x = reader->read(1, 2, read_x, {});
    ASSERT_FALSE(bad_x);
    EXPECT_TRUE(bad_x.error().message.contains("sample 2")) << bad_x.error().message;
    const auto bad_y = reader->read(2, 2, {}, read_y);
    ASSERT_FALSE(bad_y);
    EXPECT_TRUE(bad_y.error().message.contains("7 in sample 3")) << bad_y.error().message;
}

TEST(SetFile, RefusesWhatIsNoSet) {
    const ScratchFolder folder;
    const fs::path path = folder.path() / "set.hdf5";
    EXPECT_EQ(open_error(folder.path() / "none.hdf5").code, Errc::NotFound);
    EXPECT_EQ(open_error(folder.path()).code, Errc::Invalid);
    expect_refused("/dev/zero", "not a regular file");
    expect_refused(folder.file("text.hdf5", "no HDF5"), "not HDF5");
    const auto x = counting(6);
    write_raw(path, {{"images", H5T_IEEE_F64LE, {2, 3}, x.data(), {}}});
    expect_refused(path, "no set_x in it, but images");
    write_raw(path, {{.dimensions = {6}, .data = x.data(), .chunk = {}}});
    expect_refused(path, "[6], a set is");
    write_raw(path, {{.dimensions = {1, 1, 1, 2, 3}, .data = x.data(), .chunk = {}}});
    expect_refused(path, "5 dimensions");
    write_raw(path, {{.dimensions = {2, 0}, .data = nullptr, .chunk = {}}});
    expect_refused(path, "[2, 0]");
    const hid_t text = H5Tcopy(H5T_C_S1);
    write_raw(path, {{"set_x", text, {2, 3}, "abcdef", {}}});
    H5Tclose(text);
    expect_refused(path, "neither numbers");
    write_raw(path, {{.dimensions = {2, 3}, .data = x.data(), .chunk = {}},
                     {"set_y", H5T_IEEE_F64LE, {3}, x.data(), {}}});
    expect_refused(path, "set_y [3] does not fit set_x [2, 3]");
}

TEST(SetFile, RefusesMoreThanTheFileCanHold) {
    const ScratchFolder folder;
    const fs::path path = folder.path() / "set.hdf5";
    constexpr hsize_t kMany = hsize_t{1} << 40;
    // Chunks that were never written take no room, and read as zeros.
    write_raw(path, {{.dimensions = {kMany, 10, 11}, .data = nullptr, .chunk = {1, 10, 11}}});
    expect_refused(path, "more than the file can hold");
    write_raw(path, {{.dimensions = {2, kMany}, .data = nullptr, .chunk = {1, 10}}});
    EXPECT_EQ(open_error(path).code, Errc::Invalid);
    const std::vector<double> large(std::size_t{9} << 20);
    write_raw(path,
              {{.dimensions = {9, 1U << 20U}, .data = large.data(), .chunk = {9, 1U << 20U}}});
    expect_refused(path, "chunks are larger");
}

TEST(SetFile, RefusesToBeLedIntoOtherFiles) {
    const ScratchFolder folder;
    const auto x = counting(6);
    const fs::path other = folder.path() / "other.hdf5";
    write_raw(other, {{.dimensions = {2, 3}, .data = x.data(), .chunk = {}}});
    const fs::path path = folder.path() / "set.hdf5";
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external(other.c_str(), "set_x", file, "set_x", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    EXPECT_EQ(open_error(path).code, Errc::Invalid);
    const hid_t again = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t made = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(made, "/etc/passwd", 0, 48);
    const Dimensions dimensions{2, 3};
    const hid_t space = H5Screate_simple(2, dimensions.data(), nullptr);
    const hid_t id =
        H5Dcreate2(again, "set_x", H5T_IEEE_F64LE, space, H5P_DEFAULT, made, H5P_DEFAULT);
    ASSERT_GE(id, 0);
    H5Dclose(id);
    H5Sclose(space);
    H5Pclose(made);
    H5Fclose(again);
    expect_refused(path, "other files");
}

}  // namespace
}  // namespace weir::model
