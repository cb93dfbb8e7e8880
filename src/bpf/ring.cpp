// SPDX-License-Identifier: Apache-2.0
#include "bpf/ring.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>

#include "util/errno.h"

namespace weir::bpf {

/// A negative answer ends consume(); the record counts as consumed (libbpf 1.4: ringbuf.c).
int Ring::hand_over(void* ring, void* data, std::size_t bytes) {
    auto* self = static_cast<Ring*>(ring);
    // SAFETY: libbpf's record has so many bytes, until this returns.
    self->on_record_({static_cast<const std::byte*>(data), bytes});
    return --self->left_ > 0 ? 0 : -1;
}

Result<std::unique_ptr<Ring>> Ring::open(const Map& map, OnRecord on_record) {
    if (map.shape().kind != MapKind::Ringbuf)
        return fail(Errc::Invalid, map.name() + ": not a ring buffer");
    std::unique_ptr<Ring> ring(new Ring(std::move(on_record)));
    ring->handle_ = ring_buffer__new(map.fd(), &Ring::hand_over, ring.get(), nullptr);
    if (ring->handle_ == nullptr)
        if (auto r = check(-errno, "map " + map.name()); !r) return pass_on(r);
    return ring;
}

Ring::~Ring() { ring_buffer__free(handle_); }

int Ring::fd() const { return ring_buffer__epoll_fd(handle_); }

bool Ring::is_empty() const { return ring__avail_data_size(ring_buffer__ring(handle_, 0)) == 0; }

void Ring::consume(std::size_t limit) {
    left_ = std::max<std::size_t>(limit, 1);
    (void)ring_buffer__consume(handle_);  // an error is hand_over() that has enough
}

}  // namespace weir::bpf
