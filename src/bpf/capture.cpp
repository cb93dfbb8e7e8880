// SPDX-License-Identifier: Apache-2.0
#include "bpf/capture.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <mutex>

namespace weir::bpf {
namespace {

thread_local std::string* sink = nullptr;

int on_print(libbpf_print_level level, const char* format, va_list arguments) {
    if (sink == nullptr || level == LIBBPF_DEBUG) return 0;
    va_list again;
    va_copy(again, arguments);
    const int length = std::vsnprintf(nullptr, 0, format, arguments);
    if (length > 0) {
        const std::size_t before = sink->size();
        sink->resize(before + static_cast<std::size_t>(length) + 1);
        std::vsnprintf(sink->data() + before, static_cast<std::size_t>(length) + 1, format, again);
        sink->pop_back();  // the NUL
    }
    va_end(again);
    return length;
}

}  // namespace

LogCapture::LogCapture() {
    static std::once_flag once;
    std::call_once(once, [] { libbpf_set_print(on_print); });
    sink = &text_;
}

LogCapture::~LogCapture() { sink = nullptr; }

}  // namespace weir::bpf
