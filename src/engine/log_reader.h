// SPDX-License-Identifier: Apache-2.0
#pragma once
// The messages that a probe sends with weir_log() (bpf/weir/log.h), in the order of their sending
// on each CPU, from both clones.
//
//     auto reader = LogReader::open(pair, {.on_log = options.on_log});
//     if (*reader) poll((*reader)->fd()); ...
//     (*reader)->drain();
//
// Ownership: borrows the pair's maps. Thread rule: one thread, the engine's; on_log is called
// inside drain().
#include <functional>
#include <memory>
#include <string>

#include "bpf/ring.h"
#include "probe/clone_pair.h"
#include "weir/log.h"
#include "weir/result.h"

namespace weir {

class LogReader {
public:
    struct Options {
        std::function<void(const LogRecord&)> on_log = {};  ///< none: messages are thrown away
        bool is_replay = false;  ///< times are the capture's: Unix time already
    };

    /// Null: the probe sends no messages. Errors: Io, Permission.
    [[nodiscard]] static Result<std::unique_ptr<LogReader>> open(const ClonePair& pair,
                                                                 Options options);

    /// Readable when there are messages. Borrowed.
    [[nodiscard]] int fd() const { return ring_->fd(); }
    /// Hands over what is there, but comes back although more may come all the time. Cost: no
    /// system call.
    void drain();

private:
    LogReader(std::string probe, Options options)
        : probe_(std::move(probe)), options_(std::move(options)) {}
    void take(std::span<const std::byte> bytes) const;

    std::string probe_;
    Options options_;
    std::unique_ptr<bpf::Ring> ring_;
};

}  // namespace weir
