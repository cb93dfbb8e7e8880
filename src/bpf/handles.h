// SPDX-License-Identifier: Apache-2.0
#pragma once
// libbpf's handles: each of its free functions appears once, here.
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <memory>

namespace weir::bpf {

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* p) const noexcept {
        Free(p);
    }
};

using ObjectHandle = std::unique_ptr<bpf_object, Freer<bpf_object__close>>;
using BtfHandle = std::unique_ptr<::btf, Freer<btf__free>>;

}  // namespace weir::bpf
