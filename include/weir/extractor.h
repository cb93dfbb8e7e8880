// SPDX-License-Identifier: Apache-2.0
#pragma once
// Start here to write an extractor in C++: your analysis of every window, in a plugin.
//
//     #include <weir/extractor.h>
//     struct Source { std::uint64_t packets, bytes; };
//     WEIR_ROW(Source, packets, bytes);
//     class Top : public weir::Extractor {
//         weir::Result<weir::Extraction> on_window(const weir::Snapshot& snapshot) override {
//             auto table = snapshot.table("sources");
//             if (!table) return weir::pass_on(table);
//             auto sources = table->values<Source>();        // checked against the probe's BTF
//             if (!sources) return weir::pass_on(sources);
//             std::uint64_t packets = 0;
//             for (const Source& source : *sources) packets += source.packets;
//             return weir::Extraction{.json = std::to_string(packets)};
//         }
//     };
//     WEIR_EXTRACTOR(Top);
//
//     weir inject -b flows -e top.cpp eth0       # compiled once with the system's compiler
//
// Ownership: weir makes and destroys the object; it borrows the snapshot until on_window() returns.
// Thread rule: all calls on the probe's worker thread, which has no capabilities, one at a time;
// but for on_overrun(). Exceptions end neither weir nor the counting: what() is reported.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "weir/flow_tensor.h"
#include "weir/result.h"
#include "weir/view.h"
#include "weir/window.h"

namespace weir {

/// What stands behind the tables of a window; for those who write extractors' hosts.
class TableSource {
public:
    TableSource() = default;
    TableSource(const TableSource&) = delete;
    TableSource& operator=(const TableSource&) = delete;
    virtual ~TableSource() = default;
    /// The table of that number in Window::tables, read now if it was not yet.
    [[nodiscard]] virtual Result<> read(std::size_t index) = 0;
    /// Leaves the memory of that table, which was read, to the caller: its addresses stay good and
    /// keep this window's content as long as what is returned lives. Counted as `escaped` in the
    /// window's health. After it, nothing more is read from the table. Cost: a copy of its rows.
    /// Errors: Io (memory); nothing is left then.
    [[nodiscard]] virtual Result<std::shared_ptr<const void>> leave_memory(std::size_t index) = 0;
};

/// The frozen maps of one window, and what is known of it.
class Snapshot {
public:
    explicit Snapshot(const Window& window, TableSource* source = nullptr)
        : window_(window), source_(source) {}
    [[nodiscard]] const Window& window() const { return window_; }
    /// Errors: NotFound, naming the tables that there are.
    [[nodiscard]] Result<TableView> table(std::string_view name) const {
        std::string names;
        for (std::size_t i = 0; i < window_.tables.size(); ++i) {
            const Table& table = window_.tables[i];
            names += (names.empty() ? "" : ", ") + table.shape->name;
            if (table.shape->name != name) continue;
            if (source_ != nullptr)
                if (auto r = source_->read(i); !r) return pass_on(r);
            return TableView(window_.tables[i]);
        }
        return fail(Errc::NotFound, "no table " + std::string(name), "tables: " + names);
    }
    /// The probe's flow tensor. Errors: NotFound.
    [[nodiscard]] Result<FlowTensor> tensor() const {
        for (const Table& table : window_.tables)
            if (table.flows != nullptr) return FlowTensor(table);
        return fail(Errc::NotFound, "the probe has no flow tensor");
    }
    [[nodiscard]] TableSource* source() const { return source_; }

private:
    const Window& window_;
    TableSource* source_;
};

/// What an extractor is told before the first window.
struct ExtractorContext {
    std::string probe = {}, interface = {};  ///< replay: the name of the capture
    std::chrono::nanoseconds window = {};    ///< nominal length (-t)
    std::string model = {};                  ///< -m, as it was given; empty: none
    bool is_replay = false;
};

/// The start of a packet that the probe picked (weir_punt, bpf/weir/punt.h).
struct PacketCopy {
    std::int64_t time_ns = 0;               ///< Unix time
    std::uint32_t length = 0;               ///< of the frame
    std::span<const std::byte> bytes = {};  ///< from its first byte on, at most WEIR_COPY_BYTES
};

class Extractor {
public:
    Extractor() = default;
    Extractor(const Extractor&) = delete;
    Extractor& operator=(const Extractor&) = delete;
    virtual ~Extractor() = default;

    /// Before the probe is attached. An error ends the start, with its message.
    [[nodiscard]] virtual Result<> setup(const ExtractorContext&) { return {}; }
    /// Once a window. An error is told in the window's health; the next window comes all the same.
    [[nodiscard]] virtual Result<Extraction> on_window(const Snapshot& snapshot) = 0;
    /// Soon after the packet, and before on_window() of the packet's window. Copies that came in
    /// faster than this took them are counted as lost in the window's health.
    virtual void on_packet(const PacketCopy&) {}
    /// After the last window.
    virtual void teardown() {}

    /// Called on another thread when on_window() has taken two windows: tell it to come to an end.
    /// Must return at once.
    virtual void on_overrun() noexcept {}
    /// Whether tables are read when the extractor asks for them, so that it finds the maps in the
    /// kernel as the probe left them. Asked once, after setup().
    [[nodiscard]] virtual bool reads_late() const { return false; }
};

/// Changes with every change of what a plugin sees.
constexpr std::uint32_t kExtractorAbi = 1;

/// How weir finds out whether a plugin was built for it; WEIR_EXTRACTOR makes it.
struct ExtractorPlugin {
    std::uint32_t abi = kExtractorAbi;
    std::uint32_t window_bytes = sizeof(Window);  // another standard library has other sizes
    std::uint32_t table_bytes = sizeof(Table);
    Extractor* (*make)() = nullptr;
};

/// Once per plugin, behind the class.
// NOLINTBEGIN(bugprone-macro-parentheses): a type's name takes none
#define WEIR_EXTRACTOR(Class)                               \
    extern "C" __attribute__((visibility("default")))       \
    const ::weir::ExtractorPlugin weir_extractor_plugin = { \
        .make = []() -> ::weir::Extractor* { return new Class; }}
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace weir
