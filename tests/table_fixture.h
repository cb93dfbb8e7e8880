// SPDX-License-Identifier: Apache-2.0
#pragma once
// The compiled types.bpf.c, opened but not loaded: no privilege is needed. Owns the object. One
// thread.
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <memory>
#include <string>

#include "bpf/type.h"

namespace weir::test {

struct CloseObject {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using FixtureObject = std::unique_ptr<bpf_object, CloseObject>;

inline FixtureObject open_fixture() {
    return FixtureObject(
        bpf_object__open_file(WEIR_BUILD_DIR "/tests/fixtures/table/types.bpf.o", nullptr));
}

/// The type of that name and BTF kind; Opaque of 0 bytes where there is none.
inline bpf::TypePtr fixture_type(const std::string& name, unsigned kind) {
    const FixtureObject object = open_fixture();
    const btf* btf = bpf_object__btf(object.get());
    const int id = btf__find_by_name_kind(btf, name.c_str(), kind);
    return bpf::make_type(btf, id > 0 ? static_cast<unsigned>(id) : 0);
}

}  // namespace weir::test
