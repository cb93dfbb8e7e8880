// SPDX-License-Identifier: Apache-2.0
#include "host/raw_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "host/errors.h"
#include "host/memory.h"

namespace weir::python {
namespace {

std::size_t key_step_of(const Table& t) {
    return t.key_step != 0 ? t.key_step : t.shape->key_bytes;
}

/// Of one row, padding behind it included where there is any.
std::size_t value_bytes_of(const Table& t) {
    const std::size_t padded = value_stride(t.shape->value_bytes);
    return t.cpus != 0 ? t.cpus * padded : std::min(t.value_step, padded);
}

/// Values that stand there, rows or not.
std::size_t places_of(const Table& t) {
    if (t.way == ReadWay::Mmap && t.flows == nullptr) return t.shape->max_entries;
    return t.indices.empty() ? t.rows : t.indices.back() + std::size_t{1};
}

void interleave(const Table& t, std::size_t step, std::byte* out) {
    const std::size_t value_at = value_stride(t.shape->key_bytes);
    for (std::size_t i = 0; i < t.rows; ++i, out += step) {
        std::memcpy(out, t.key(i), t.shape->key_bytes);
        std::memcpy(out + value_at, t.value(i), value_bytes_of(t));
    }
}

}  // namespace

RawTable::RawTable(std::shared_ptr<OpenWindow> window, std::size_t index)
    : window_(std::move(window)),
      index_(index),
      table_(window_->snapshot->window().tables[index]) {}

void RawTable::require_open() const {
    if (window_->snapshot == nullptr)
        raise({.code = Errc::Invalid,
               .message = "the window is over: its tables are gone, keep the arrays instead"});
}

void RawTable::read() {
    if (is_read_) {
        require_open();
        return;
    }
    Result<> done;
    bool is_open = true;
    {
        const py::gil_scoped_release others_run;
        const std::lock_guard lock(window_->mutex);
        is_open = window_->snapshot != nullptr;
        if (is_open && window_->snapshot->source() != nullptr)
            done = window_->snapshot->source()->read(index_);
        if (is_open && done) table_ = window_->snapshot->window().tables[index_];
    }
    if (!is_open) require_open();
    if (!done) raise(done.error());
    if (table_.way == ReadWay::None)
        raise({.code = Errc::Unsupported,
               .message = "table " + table_.shape->name + ": this kind is kept in the kernel"});
    is_read_ = true;
}

py::object& RawTable::expose(py::object& memory, const std::byte* data, std::size_t bytes) {
    require_open();
    if (!memory) memory = make_memory(data, bytes);
    return memory;
}

py::object RawTable::keys() {
    read();
    if (table_.keys == nullptr || !table_.indices.empty()) return py::none();
    const std::size_t rows = table_.rows;
    return expose(keys_, table_.keys,
                  rows == 0 ? 0 : (rows - 1) * key_step_of(table_) + table_.shape->key_bytes);
}

py::object RawTable::values() {
    read();
    const std::size_t places = places_of(table_);
    return expose(values_, table_.values,
                  places == 0 ? 0 : (places - 1) * table_.value_step + value_bytes_of(table_));
}

py::object RawTable::indices() const {
    if (table_.indices.empty()) return py::none();
    // A copy: it is small, and outlives everything.
    const auto* first = reinterpret_cast<const char*>(table_.indices.data());  // SAFETY: as bytes
    return py::memoryview(py::bytes(first, table_.indices.size_bytes())).attr("cast")("I");
}

bool RawTable::is_in_one_row() const {
    return table_.keys != nullptr && table_.key_step != 0 && table_.key_step == table_.value_step &&
           table_.values == table_.keys + value_stride(table_.shape->key_bytes);
}

std::size_t RawTable::interleaved_step() const {
    if (is_in_one_row()) return table_.value_step;
    return value_stride(table_.shape->key_bytes) + (value_bytes_of(table_) + 7) / 8 * 8;
}

py::object RawTable::interleaved() {
    read();
    require_open();
    const std::size_t step = interleaved_step();
    if (is_in_one_row()) return expose(rows_, table_.keys, table_.rows * step);
    if (copy_) return copy_;
    auto owner = std::make_shared<std::vector<std::byte>>();
    {
        const py::gil_scoped_release others_run;
        const std::lock_guard lock(window_->mutex);
        owner->resize(table_.rows * step);
        if (window_->snapshot != nullptr) interleave(table_, step, owner->data());
    }
    copy_ = make_memory(owner->data(), owner->size(), owner);
    return copy_;
}

void RawTable::to_float32(const py::list& columns, const py::buffer& out) {
    read();
    std::vector<FloatColumn> wanted;
    for (const py::handle each : columns) {
        const auto [name, scale, is_relative] = each.cast<std::tuple<std::string, double, bool>>();
        const Feature* found = nullptr;
        for (const Feature& f : table_.flows->features)
            if (f.name == name) found = &f;
        if (found == nullptr) throw py::key_error("no feature " + name);
        wanted.push_back({.place = found->place,
                          .scale = scale,
                          .origin = is_relative ? Origin::FirstPacket : Origin::Zero});
    }
    const py::buffer_info info = out.request(true);
    const std::size_t expected = table_.rows * table_.flows->packets_per_flow * wanted.size();
    if (info.format != py::format_descriptor<float>::format() ||
        static_cast<std::size_t>(info.size) != expected)
        throw py::value_error("the buffer is not float32 of the tensor's size");
    const std::span target(static_cast<float*>(info.ptr), expected);
    const py::gil_scoped_release others_run;
    const std::lock_guard lock(window_->mutex);
    if (window_->snapshot != nullptr) FlowTensor(table_).to_float32(wanted, target);
}

Result<> RawTable::close(TableSource& source) {
    copy_ = py::object();
    if (is_held(keys_) || is_held(values_) || is_held(rows_)) {
        auto left = source.leave_memory(index_);
        if (!left) return pass_on(left);
        for (const py::object* memory : {&keys_, &values_, &rows_})
            if (*memory) memory->cast<Memory&>().owner = *left;
    }
    keys_ = values_ = rows_ = py::object();
    return {};
}

}  // namespace weir::python
