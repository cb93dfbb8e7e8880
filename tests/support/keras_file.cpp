// SPDX-License-Identifier: Apache-2.0
#include "support/keras_file.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <map>

#include "support/capture_file.h"

namespace weir::test {
namespace {

/// Fixed texts, as h5py writes a list of bytes.
void write_texts(hid_t object, const char* name, const std::vector<std::string>& texts,
                 bool is_list) {
    std::size_t bytes = 1;
    for (const std::string& text : texts) bytes = std::max(bytes, text.size());
    std::string raw;
    for (const std::string& text : texts) raw += text + std::string(bytes - text.size(), '\0');
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, bytes);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    const hsize_t count = texts.size();
    const hid_t space = is_list ? H5Screate_simple(1, &count, nullptr) : H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(attribute, 0);
    EXPECT_GE(H5Awrite(attribute, type, raw.data()), 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

void write_weight(hid_t file, const KerasWeight& weight) {
    const std::string path =
        weight.path.starts_with('/') ? weight.path : "/model_weights/" + weight.path;
    const hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    const hid_t space =
        H5Screate_simple(static_cast<int>(weight.shape.size()), weight.shape.data(), nullptr);
    const hid_t dataset =
        H5Dcreate2(file, path.c_str(), H5T_IEEE_F32LE, space, links, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(dataset, 0);
    if (!weight.values.empty()) {
        EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                           weight.values.data()),
                  0);
    }
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(links);
}

/// Every layer's list of its weights.
void write_lists(hid_t file, const std::vector<KerasWeight>& weights) {
    std::map<std::string, std::vector<std::string>> lists;
    for (const KerasWeight& weight : weights) {
        const std::size_t slash = weight.path.find('/');
        if (slash > 0) lists[weight.path.substr(0, slash)].push_back(weight.path.substr(slash + 1));
    }
    for (const auto& [layer, names] : lists) {
        const hid_t group = H5Gopen2(file, ("model_weights/" + layer).c_str(), H5P_DEFAULT);
        write_texts(group, "weight_names", names, true);
        H5Gclose(group);
    }
}

Bytes deflated(const Bytes& content) {
    Bytes packed(compressBound(content.size()) + 64, '\0');
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
    Bytes in = content;
    // SAFETY: zlib views any bytes as unsigned ones.
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
}

}  // namespace

void write_keras_h5(const std::filesystem::path& path, const KerasH5& model) {
    H5dont_atexit();  // as weir's: it would print about what broken files left in it
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    if (!model.config.empty()) write_texts(file, "model_config", {model.config}, false);
    if (!model.version.empty()) write_texts(file, "keras_version", {model.version}, false);
    if (model.has_weights)
        H5Gclose(H5Gcreate2(file, "model_weights", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    for (const KerasWeight& weight : model.weights) write_weight(file, weight);
    if (model.has_weights) write_lists(file, model.weights);
    H5Fclose(file);
}

std::string zip_file(const std::vector<ZipMember>& members) {
    Bytes file, directory;
    for (const ZipMember& member : members) {
        const Bytes data = member.is_deflated ? deflated(member.content) : member.content;
        const auto bytes = static_cast<std::uint32_t>(member.content.size());
        const auto crc = static_cast<std::uint32_t>(
            crc32(0, reinterpret_cast<const Bytef*>(member.content.data()), bytes));
        const Bytes common = u16(20) + u16(0) + u16(member.is_deflated ? 8 : 0) + u32(0x5a210000) +
                             u32(crc) + u32(static_cast<std::uint32_t>(data.size())) +
                             u32(member.claimed_bytes > 0 ? member.claimed_bytes : bytes) +
                             u16(static_cast<std::uint16_t>(member.name.size())) + u16(0);
        directory += "PK\x01\x02" + u16(20) + common + u16(0) + u16(0) + u16(0) + u32(0) +
                     u32(static_cast<std::uint32_t>(file.size())) + member.name;
        for (const Bytes& part : {Bytes("PK\x03\x04"), common, member.name, data}) file += part;
    }
    const auto count = static_cast<std::uint16_t>(members.size());
    return file + directory + "PK\x05\x06" + u32(0) + u16(count) + u16(count) +
           u32(static_cast<std::uint32_t>(directory.size())) +
           u32(static_cast<std::uint32_t>(file.size())) + u16(0);
}

}  // namespace weir::test
