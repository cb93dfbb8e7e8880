// SPDX-License-Identifier: Apache-2.0
#pragma once
// What libbpf says while a call runs, caught for the error that the call becomes: only cli/ prints.
//
//     LogCapture log;
//     const int rc = bpf_object__load(object);
//     if (rc < 0) return fail(..., log.text());
//
// Thread rule: catches the calls of the thread that made it; one at a time per thread.
#include <string>

namespace weir::bpf {

class LogCapture {
public:
    LogCapture();
    ~LogCapture();
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string text_;
};

}  // namespace weir::bpf
