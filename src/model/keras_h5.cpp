// SPDX-License-Identifier: Apache-2.0
#include "model/keras_h5.h"

#include <fmt/format.h>

#include <memory>

namespace weir::model::keras {
namespace {

constexpr std::size_t kMostTextBytes = std::size_t{64} << 20;
constexpr hssize_t kMostTexts = 100'000;
constexpr int kMostPieces = 1000;
constexpr std::size_t kGrowBytes = std::size_t{64} << 10;

herr_t refuse_link(const char* /*parent_file*/, const char* /*parent_group*/,
                   const char* /*target_file*/, const char* /*target*/, unsigned* /*flags*/,
                   hid_t /*access*/, void* /*data*/) {
    return -1;
}

/// Variable-length texts belong to HDF5 until they are given back.
class ReadTexts {
public:
    ReadTexts(hid_t type, hid_t space, std::size_t count)
        : type_(type), space_(space), texts_(count) {}
    ReadTexts(const ReadTexts&) = delete;
    ReadTexts& operator=(const ReadTexts&) = delete;
    ReadTexts(ReadTexts&&) = delete;
    ReadTexts& operator=(ReadTexts&&) = delete;
    ~ReadTexts() { H5Dvlen_reclaim(type_, space_, H5P_DEFAULT, static_cast<void*>(texts_.data())); }

    [[nodiscard]] void* data() { return static_cast<void*>(texts_.data()); }
    [[nodiscard]] const std::vector<char*>& get() const { return texts_; }

private:
    hid_t type_, space_;
    std::vector<char*> texts_;
};

Result<std::vector<std::string>> read_variable(hid_t attribute, hid_t space, std::size_t count) {
    const H5Type type(H5Tcopy(H5T_C_S1));
    H5Tset_size(type.get(), H5T_VARIABLE);
    const H5Type stored(H5Aget_type(attribute));
    H5Tset_cset(type.get(), H5Tget_cset(stored.get()));
    ReadTexts texts(type.get(), space, count);
    if (H5Aread(attribute, type.get(), texts.data()) < 0) return fail(Errc::Invalid, hdf5_error());
    std::vector<std::string> all;
    for (const char* text : texts.get()) all.emplace_back(text != nullptr ? text : "");
    return all;
}

Result<std::vector<std::string>> read_fixed(hid_t attribute, hid_t type, std::size_t count) {
    const std::size_t bytes = H5Tget_size(type);
    // An attribute lies in the file as it is, so a longer one than the file can be is broken; the
    // limit keeps what is allocated small.
    if (bytes == 0 || bytes > kMostTextBytes / std::max<std::size_t>(count, 1))
        return fail(Errc::Invalid, "a text longer than any that Keras writes");
    std::vector<char> raw(bytes * count);
    if (H5Aread(attribute, type, raw.data()) < 0) return fail(Errc::Invalid, hdf5_error());
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i) {
        std::string text(raw.data() + i * bytes, bytes);
        text.resize(std::min(text.find('\0'), text.size()));
        all.push_back(std::move(text));
    }
    return all;
}

Result<std::vector<std::string>> read_texts(hid_t object, const char* name) {
    const H5Attribute attribute(H5Aopen(object, name, H5P_DEFAULT));
    if (!attribute) return fail(Errc::Invalid, hdf5_error());
    const H5Type type(H5Aget_type(attribute.get()));
    const H5Space space(H5Aget_space(attribute.get()));
    const hssize_t count = space ? H5Sget_simple_extent_npoints(space.get()) : -1;
    if (!type || count < 0) return fail(Errc::Invalid, hdf5_error());
    if (count == 0) return std::vector<std::string>();  // Keras writes an empty list as float64
    if (count > kMostTexts) return fail(Errc::Invalid, "a list longer than any that Keras writes");
    if (H5Tget_class(type.get()) != H5T_STRING) return fail(Errc::Invalid, "it is no text");
    const auto number = static_cast<std::size_t>(count);
    if (H5Tis_variable_str(type.get()) > 0)
        return read_variable(attribute.get(), space.get(), number);
    return read_fixed(attribute.get(), type.get(), number);
}

bool has_attribute(hid_t object, const std::string& name) {
    return H5Aexists(object, name.c_str()) > 0;
}

}  // namespace

Result<H5File> open_h5(const std::filesystem::path& path) {
    H5File file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT));
    if (!file) return fail(Errc::Invalid, "HDF5: " + hdf5_error());
    return file;
}

Result<H5File> open_h5_bytes(std::string_view bytes) {
    const H5List access(H5Pcreate(H5P_FILE_ACCESS));
    // HDF5 takes the image through a pointer to what is not const, and copies it.
    std::string image(bytes);
    if (H5Pset_fapl_core(access.get(), kGrowBytes, false) < 0 ||
        H5Pset_file_image(access.get(), image.data(), image.size()) < 0)
        return fail(Errc::Io, "HDF5: " + hdf5_error());
    H5File file(H5Fopen("model.weights.h5", H5F_ACC_RDONLY, access.get()));
    if (!file) return fail(Errc::Invalid, "HDF5: " + hdf5_error());
    return file;
}

H5Object open_object(hid_t parent, const std::string& path) {
    const H5List access(H5Pcreate(H5P_LINK_ACCESS));
    H5Pset_elink_cb(access.get(), &refuse_link, nullptr);
    return H5Object(H5Oopen(parent, path.c_str(), access.get()));
}

Result<std::optional<std::string>> text_attribute(hid_t object, const char* name) {
    if (!has_attribute(object, name)) return std::nullopt;
    auto texts = read_texts(object, name);
    if (!texts) return wrap(texts, fmt::format("attribute {}", name));
    if (texts->size() != 1) return fail(Errc::Invalid, fmt::format("attribute {}: no text", name));
    return std::move(texts->front());
}

Result<std::optional<std::vector<std::string>>> list_attribute(hid_t object,
                                                               const std::string& name) {
    if (has_attribute(object, name)) {
        auto texts = read_texts(object, name.c_str());
        if (!texts) return wrap(texts, fmt::format("attribute {}", name));
        return std::move(*texts);
    }
    std::vector<std::string> all;
    int pieces = 0;
    for (; pieces < kMostPieces; ++pieces) {
        const std::string piece = fmt::format("{}{}", name, pieces);
        if (!has_attribute(object, piece)) break;
        auto texts = read_texts(object, piece.c_str());
        if (!texts) return wrap(texts, fmt::format("attribute {}", piece));
        std::ranges::move(*texts, std::back_inserter(all));
    }
    if (pieces == 0) return std::nullopt;
    return all;
}

}  // namespace weir::model::keras
