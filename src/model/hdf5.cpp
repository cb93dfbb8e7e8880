// SPDX-License-Identifier: Apache-2.0
#include "model/hdf5.h"

#include <mutex>

namespace weir::model {
namespace {

// Debian's library is thread-safe by a lock of its own, others' are not: one lock of ours is right
// for both. Recursive, so that who holds it may call what takes it too.
std::recursive_mutex& library_lock() {
    static std::recursive_mutex lock;
    return lock;
}

/// Called by H5Ewalk2() with the innermost error first; keeps that one's own words.
herr_t keep_innermost(unsigned position, const H5E_error2_t* error, void* data) {
    auto* text = static_cast<std::string*>(data);
    if (position == 0 && error->desc != nullptr) *text = error->desc;
    return 0;
}

}  // namespace

Hdf5Scope::Hdf5Scope() {
    library_lock().lock();
    // After a broken file HDF5 1.10 may hold ids of its own for ever; its clean-up at exit, which
    // would close files that nobody closed, then prints about it. We close ours.
    static const herr_t no_exit_handler = H5dont_atexit();
    static_cast<void>(no_exit_handler);
    H5open();
    H5Eget_auto2(H5E_DEFAULT, &print_, &print_data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Hdf5Scope::~Hdf5Scope() {
    H5Eset_auto2(H5E_DEFAULT, print_, print_data_);
    library_lock().unlock();
}

std::string hdf5_error() {
    std::string text;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, &keep_innermost, &text);
    return text.empty() ? "HDF5 does not say why" : text;
}

}  // namespace weir::model
