// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keras files for tests, good and bad: HDF5 as Keras lays it out, and zip files byte by byte.
//
// Ownership: plain values. One thread.
#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace weir::test {

struct KerasWeight {
    std::string path;  ///< "fc/fc/kernel:0", below model_weights; or a whole path from "/" on
    std::vector<hsize_t> shape;
    std::vector<float> values = {};  ///< none: numbers are claimed and not there
};

struct KerasH5 {
    std::string config;  ///< model_config; empty: none
    std::string version = "2.12.0";
    std::vector<KerasWeight> weights = {};
    bool has_weights = true;  ///< the group, and weight_names of each layer
};

void write_keras_h5(const std::filesystem::path& path, const KerasH5& file);

struct ZipMember {
    std::string name, content;
    bool is_deflated = false;
    std::uint32_t claimed_bytes = 0;  ///< 0: as many as it has
};

[[nodiscard]] std::string zip_file(const std::vector<ZipMember>& members);

}  // namespace weir::test
