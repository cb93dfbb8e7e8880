# SPDX-License-Identifier: Apache-2.0
# src/model: the only folder that sees ONNX, HDF5 and zip. TOML is seen by src/policy too.
pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET hdf5-serial)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)
find_package(Protobuf REQUIRED)  # ONNX is linked with it and does not look for it
find_package(ONNX REQUIRED CONFIG)

# ONNX Runtime is loaded, not linked: weir without a model does not pay for it. Its place is remembered.
# Debian 13's package, or where `./dev deps` puts it (docs/decisions/onnxruntime.md).
set(onnxruntime_folder /usr/local/lib/weir/onnxruntime)
find_path(ONNXRUNTIME_INCLUDE_DIR onnxruntime_cxx_api.h HINTS ${onnxruntime_folder}/include
    PATH_SUFFIXES onnxruntime onnxruntime/core/session)
find_file(ONNXRUNTIME_LIBRARY NAMES libonnxruntime.so.1 libonnxruntime.so
    HINTS ${onnxruntime_folder}/lib /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE} PATH_SUFFIXES lib)
if(NOT ONNXRUNTIME_INCLUDE_DIR OR NOT ONNXRUNTIME_LIBRARY)
    message(FATAL_ERROR "ONNX Runtime is not there: ./dev deps installs it")
endif()
file(REAL_PATH ${ONNXRUNTIME_LIBRARY} onnxruntime_library)  # the .so of a -dev package may go
add_library(weir_onnxruntime INTERFACE)
target_include_directories(weir_onnxruntime SYSTEM INTERFACE ${ONNXRUNTIME_INCLUDE_DIR})
set_source_files_properties(src/model/onnxruntime.cpp PROPERTIES
    COMPILE_DEFINITIONS WEIR_ONNXRUNTIME_LIBRARY="${onnxruntime_library}")

weir_module(model LINKS weir_util PRIVATE_LINKS PkgConfig::HDF5 PkgConfig::LIBZIP PkgConfig::TOMLPLUSPLUS
    nlohmann_json::nlohmann_json onnx_proto weir_onnxruntime ${CMAKE_DL_LIBS})
