// SPDX-License-Identifier: Apache-2.0
#pragma once
// The running kernel's types as one C header, as `bpftool btf dump file /sys/kernel/btf/vmlinux
// format c` writes it. Ownership: plain values. Thread-safe. Needs CONFIG_DEBUG_INFO_BTF.
#include <string>

#include "weir/result.h"

namespace weir::bpf {

/// Changes whenever the header would: release, build, build id and the size of the kernel's BTF.
/// Errors: Unsupported (this kernel has no BTF).
/// Cost: three small files.
[[nodiscard]] Result<std::string> kernel_types_identity();

/// The text of vmlinux.h. With WEIR_SCAN_ONLY defined it declares nothing: a preprocessor run that
/// looks for the author's functions need not carry 3 MB of types. Errors: Unsupported (this kernel
/// has no BTF), Io. Cost: 100 to 200 ms.
[[nodiscard]] Result<std::string> vmlinux_header();

}  // namespace weir::bpf
