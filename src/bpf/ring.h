// SPDX-License-Identifier: Apache-2.0
#pragma once
// The records that a program left in a RINGBUF, in the order of their reservation.
//
//     auto ring = bpf::Ring::open(map, [](std::span<const std::byte> record) { ... });
//     poll(ring->fd()); ring->consume();
//
// Ownership: borrows the map. Thread rule: one thread at a time; the callback runs inside
// consume(). Kernel: 5.8.
#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "bpf/map.h"
#include "weir/result.h"

struct ring_buffer;

namespace weir::bpf {

class Ring {
public:
    using OnRecord = std::function<void(std::span<const std::byte>)>;

    /// Errors: Invalid (no RINGBUF), Io.
    [[nodiscard]] static Result<std::unique_ptr<Ring>> open(const Map& map, OnRecord on_record);
    ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    /// Readable when there are records. Borrowed.
    [[nodiscard]] int fd() const;
    [[nodiscard]] bool is_empty() const;
    /// Hands over at most `limit` records and frees their room. Cost: no system call.
    void consume(std::size_t limit);

private:
    explicit Ring(OnRecord on_record) : on_record_(std::move(on_record)) {}
    static int hand_over(void* ring, void* data, std::size_t bytes);
    OnRecord on_record_;
    std::size_t left_ = 0;  // records that consume() may still hand over
    ::ring_buffer* handle_ = nullptr;
};

}  // namespace weir::bpf
