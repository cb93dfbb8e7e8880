// SPDX-License-Identifier: Apache-2.0
#include "bpf/vmlinux_header.h"

#include <bpf/btf.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <memory>

#include "bpf/handles.h"
#include "util/errno.h"
#include "util/file.h"
#include "util/hash.h"

namespace weir::bpf {
namespace {

constexpr const char* kKernelBtf = "/sys/kernel/btf/vmlinux";
constexpr const char* kKernelNotes = "/sys/kernel/notes";  // holds the build id

// With preserve_access_index every access to a member is relocated to the kernel it is loaded into.
constexpr const char* kHead =
    "#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n\n"
    "#ifndef WEIR_SCAN_ONLY\n\n"
    "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n"
    "#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)\n"
    "#endif\n\n";
constexpr const char* kTail =
    "\n#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute pop\n#endif\n\n"
    "#endif /* WEIR_SCAN_ONLY */\n#endif /* __VMLINUX_H__ */\n";

using DumpHandle = std::unique_ptr<btf_dump, Freer<btf_dump__free>>;

[[gnu::format(printf, 2, 0)]] void append(void* context, const char* format, va_list arguments) {
    auto& text = *static_cast<std::string*>(context);
    std::array<char, 512> buffer = {};
    va_list again;
    va_copy(again, arguments);
    const int length = std::vsnprintf(buffer.data(), buffer.size(), format, arguments);
    if (length > 0 && static_cast<std::size_t>(length) < buffer.size()) {
        text.append(buffer.data(), static_cast<std::size_t>(length));
    } else if (length > 0) {
        const std::size_t old_bytes = text.size();
        text.resize(old_bytes + static_cast<std::size_t>(length) + 1);
        std::vsnprintf(text.data() + old_bytes, static_cast<std::size_t>(length) + 1, format,
                       again);
        text.pop_back();  // the terminating zero
    }
    va_end(again);
}

std::unexpected<Error> no_btf() {
    return fail(Errc::Unsupported, "vmlinux.h: this kernel has no BTF",
                "needs a kernel built with CONFIG_DEBUG_INFO_BTF=y");
}

}  // namespace

Result<std::string> kernel_types_identity() {
    struct stat status = {};
    if (::stat(kKernelBtf, &status) != 0) return no_btf();
    struct utsname name = {};
    if (auto r = check_errno(::uname(&name), "uname"); !r) return pass_on(r);
    std::string identity = std::string(name.release) + '\n' + name.version + '\n' + name.machine +
                           '\n' + std::to_string(status.st_size) + '\n';
    if (const auto notes = read_text(kKernelNotes)) identity += *notes;  // absent on some kernels
    return content_hash(identity);
}

Result<std::string> vmlinux_header() {
    struct stat status = {};
    if (::stat(kKernelBtf, &status) != 0) return no_btf();
    const BtfHandle types(btf__parse(kKernelBtf, nullptr));
    if (auto r = check_errno(types ? 0 : -1, kKernelBtf); !r) return pass_on(r);
    std::string text = kHead;
    text.reserve(std::size_t{4} << 20);  // 2.8 MB for Linux 6.18
    const DumpHandle dump(btf_dump__new(types.get(), append, &text, nullptr));
    if (auto r = check_errno(dump ? 0 : -1, "btf_dump"); !r) return pass_on(r);
    const auto count = btf__type_cnt(types.get());
    for (unsigned id = 1; id < count; ++id) {
        auto r = check(btf_dump__dump_type(dump.get(), id), "btf_dump: type " + std::to_string(id));
        if (!r) return pass_on(r);
    }
    return text + kTail;
}

}  // namespace weir::bpf
