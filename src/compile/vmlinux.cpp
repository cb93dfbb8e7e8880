// SPDX-License-Identifier: Apache-2.0
#include "compile/vmlinux.h"

#include <span>
#include <string>

#include "bpf/vmlinux_header.h"
#include "util/file.h"

namespace weir::compile {
namespace fs = std::filesystem;

Result<fs::path> vmlinux_folder(const fs::path& cache) {
    const auto identity = bpf::kernel_types_identity();
    if (!identity) return std::unexpected(identity.error());
    fs::path folder = cache / ("vmlinux-" + *identity);
    std::error_code error;
    fs::create_directory(folder, error);  // the write below names what is wrong
    if (!fs::is_regular_file(folder / "vmlinux.h", error)) {
        const auto header = bpf::vmlinux_header();
        if (!header) return std::unexpected(header.error());
        auto written = write_atomically(folder / "vmlinux.h", std::as_bytes(std::span(*header)));
        if (!written) return wrap(written, "cache");
    }
    fs::last_write_time(folder, fs::file_time_type::clock::now(), error);  // used: kept on
    return folder;
}

}  // namespace weir::compile
