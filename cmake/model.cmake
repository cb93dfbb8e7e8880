# SPDX-License-Identifier: Apache-2.0
# src/model: the only folder that sees ONNX, HDF5, zip and TOML.
pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET hdf5-serial)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)
find_package(Protobuf REQUIRED)  # ONNX is linked with it and does not look for it
find_package(ONNX REQUIRED CONFIG)

weir_module(model LINKS weir_util PRIVATE_LINKS PkgConfig::HDF5 PkgConfig::LIBZIP PkgConfig::TOMLPLUSPLUS
    nlohmann_json::nlohmann_json onnx_proto)
