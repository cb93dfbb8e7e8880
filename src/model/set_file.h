// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sets of samples in LUCID's format: an HDF5 file with set_x [n, packets, features] and set_y [n],
// 0 or 1. What `weir model score` reads and `weir replay --dataset` writes.
//
// Ownership: owns the file. Thread rule: one thread at a time.
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "weir/result.h"

namespace weir::model {

class SetReader {
public:
    /// Errors: NotFound; Invalid (not HDF5, no set_x, numbers of no known type, set_y of another
    /// length).
    [[nodiscard]] static Result<SetReader> open(const std::filesystem::path& file);

    [[nodiscard]] std::size_t samples() const;
    /// Of one sample: {10, 11}, or {10, 11, 1}.
    [[nodiscard]] const std::vector<std::int64_t>& shape() const;
    [[nodiscard]] bool has_labels() const;

    /// Reads samples [first, first + n) into `x` [n, shape...] and their labels into `y` [n]; each
    /// may be empty, and is left out then. Errors: Invalid, Io.
    [[nodiscard]] Result<> read(std::size_t first, std::size_t n, std::span<float> x,
                                std::span<std::uint8_t> y);

    SetReader(SetReader&&) noexcept;
    SetReader& operator=(SetReader&&) noexcept;
    SetReader(const SetReader&) = delete;
    SetReader& operator=(const SetReader&) = delete;
    ~SetReader();

private:
    struct State;
    explicit SetReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

class SetWriter {
public:
    /// Which flow a sample is: a line, padded with zeros, at set_flow[sample].
    static constexpr std::size_t kFlowBytes = 96;  // two IPv6 addresses, two ports, a protocol
    using FlowName = std::array<char, kFlowBytes>;

    enum class Flows : std::uint8_t { Unnamed, Named };  ///< Named: there is a set_flow

    /// Writes beside `file`, and takes its place in finish(). `sample`: {10, 11}. Errors: Io.
    [[nodiscard]] static Result<SetWriter> create(const std::filesystem::path& file,
                                                  std::vector<std::int64_t> sample,
                                                  Flows flows = Flows::Unnamed);
    /// Appends y.size() samples; set_x is float64, as LUCID's sets are. `flows`: as many, or none.
    [[nodiscard]] Result<> append(std::span<const double> x, std::span<const std::uint8_t> y,
                                  std::span<const FlowName> flows = {});
    [[nodiscard]] Result<> finish();

    SetWriter(SetWriter&&) noexcept;
    SetWriter& operator=(SetWriter&&) noexcept;
    SetWriter(const SetWriter&) = delete;
    SetWriter& operator=(const SetWriter&) = delete;
    ~SetWriter();  ///< removes what was not finished

private:
    struct State;
    explicit SetWriter(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir::model
