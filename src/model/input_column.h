// SPDX-License-Identifier: Apache-2.0
#pragma once
// A column of a model's input: how one feature of a flow's packets becomes numbers.
//
// Ownership: plain values; layer tables are shared. Thread rule: immutable.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "model/flow_context.h"
#include "model/layers.h"
#include "model/profile.h"
#include "weir/flow_tensor.h"
#include "weir/result.h"

namespace weir::model {

/// How a number lies in memory.
enum class Width : std::uint8_t {
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
    Be16,
    Be32,
    Be64,
    F32,
    F64
};

struct Number {
    std::uint32_t offset = 0;  // from the packet's start
    Width width = Width::U8;
};

/// What of a flow's key the layers depend on.
struct KeyPlaces {
    std::uint32_t protocol_offset = 0;                 // from the row's start
    std::optional<std::uint32_t> address_offset = {};  // 16 bytes; none: every flow is IPv4
};

/// What a relative acknowledgement number is made of, besides itself.
struct AckPlaces {
    Number flags, direction;
    std::optional<Number> sequence;
};

struct Column;

/// One flow: its row, its first recorded packet, and how many follow each other `step` bytes apart.
struct Packets {
    const std::byte* row;
    const FlowContext* context;  // null where no column asks for it
    const std::byte* first;
    std::uint32_t count;
    std::uint32_t step;
};
static_assert(sizeof(Packets) == 32,
              "a block of them is read for each column: two to a cache line");

/// Where a column of the first flow is written: every `width`-th number, times `scale`. The next
/// flow's begins `flow` numbers behind it.
template <class Out>
struct Strip {
    Out* to;
    std::size_t width;
    std::size_t flow;
    double scale;
};

using Flows = std::span<const Packets>;

struct Column {
    Number number;
    std::uint32_t shift = 0;
    std::uint64_t mask = 0;
    double constant = 0;
    double scale = 1;      // with the divisor
    double raw_scale = 1;  // without
    float factor = 1;      // of a logarithm: what is multiplied first
    ContextNumber context = {};
    bool needs_context = false;
    KeyPlaces key = {};
    AckPlaces ack = {};
    std::shared_ptr<const LayerTable> layers = {};

    void (*to_float)(const Column&, Flows, Strip<float>) = nullptr;
    void (*to_double)(const Column&, Flows, Strip<double>) = nullptr;
};

/// `window_s` is the divisor of features that have none.
/// Errors: Rejected, by the feature's name.
[[nodiscard]] Result<Column> make_column(const FlowLayout& layout, const ProfileFeature& feature,
                                         double window_s);

}  // namespace weir::model
