// SPDX-License-Identifier: Apache-2.0
#pragma once
// HDF5's C interface, with owners for its ids and its errors as text.
//
//     const Hdf5Scope scope;
//     const H5File file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT));
//     if (!file) return fail(Errc::Invalid, hdf5_error());
//
// Ownership: a handle closes its id. Thread rule: every function that calls HDF5, and the
// destruction of handles, needs an Hdf5Scope of its own thread; one thread holds one at a time.
#include <hdf5.h>

#include <string>
#include <utility>

namespace weir::model {

/// The library's lock, and its silence: HDF5 prints every error on standard error unless told not
/// to, for each thread. May be nested. Cost: below 0.1 µs where nobody waits.
class Hdf5Scope {
public:
    Hdf5Scope();
    Hdf5Scope(const Hdf5Scope&) = delete;
    Hdf5Scope& operator=(const Hdf5Scope&) = delete;
    Hdf5Scope(Hdf5Scope&&) = delete;
    Hdf5Scope& operator=(Hdf5Scope&&) = delete;
    ~Hdf5Scope();

private:
    H5E_auto2_t print_ = nullptr;
    void* print_data_ = nullptr;
};

/// Owns one id; Close is the function that HDF5 has for its kind. Empty where the id is negative.
template <herr_t (*Close)(hid_t)>
class H5Handle {
public:
    H5Handle() = default;
    explicit H5Handle(hid_t id) : id_(id) {}
    H5Handle(H5Handle&& o) noexcept : id_(std::exchange(o.id_, H5I_INVALID_HID)) {}
    H5Handle& operator=(H5Handle&& o) noexcept {
        const H5Handle old(std::exchange(id_, std::exchange(o.id_, H5I_INVALID_HID)));
        return *this;
    }
    H5Handle(const H5Handle&) = delete;
    H5Handle& operator=(const H5Handle&) = delete;
    ~H5Handle() { static_cast<void>(close()); }

    [[nodiscard]] hid_t get() const { return id_; }  ///< borrowed
    [[nodiscard]] explicit operator bool() const { return id_ >= 0; }

    /// For a file that was written: what was kept back is written now, and may fail.
    [[nodiscard]] bool close() {
        return id_ < 0 || Close(std::exchange(id_, H5I_INVALID_HID)) >= 0;
    }

private:
    hid_t id_ = H5I_INVALID_HID;
};

using H5File = H5Handle<H5Fclose>;
using H5Group = H5Handle<H5Gclose>;
using H5Object = H5Handle<H5Oclose>;
using H5Dataset = H5Handle<H5Dclose>;
using H5Attribute = H5Handle<H5Aclose>;
using H5Space = H5Handle<H5Sclose>;
using H5Type = H5Handle<H5Tclose>;
using H5List = H5Handle<H5Pclose>;  ///< a property list

/// What the last call that failed in this thread said, the innermost reason first; one line.
[[nodiscard]] std::string hdf5_error();

}  // namespace weir::model
