// SPDX-License-Identifier: Apache-2.0
#pragma once
// An extractor in Python: a script, and the package's code that runs it (python/weir/_embed.py).
//
// Ownership: owns its handle on the interpreter. Thread rule: as weir::Extractor.
#include <array>
#include <csignal>
#include <memory>
#include <string>

#include "host/interpreter.h"
#include "host/raw_table.h"
#include "host/watchdog.h"
#include "weir/extractor.h"

namespace weir::python {

class PythonExtractor : public Extractor {
public:
    /// `python_dir` holds the package `weir`. Python starts in setup().
    PythonExtractor(std::string script, std::string python_dir)
        : script_(std::move(script)), python_dir_(std::move(python_dir)) {}
    ~PythonExtractor() override;
    PythonExtractor(const PythonExtractor&) = delete;
    PythonExtractor& operator=(const PythonExtractor&) = delete;

    Result<> setup(const ExtractorContext& context) override;
    Result<Extraction> on_window(const Snapshot& snapshot) override;
    void on_packet(const PacketCopy& packet) override;
    void teardown() override;
    void on_overrun() noexcept override;
    [[nodiscard]] bool reads_late() const override { return is_classic_; }

private:
    [[nodiscard]] Result<> load(const ExtractorContext& context);
    [[nodiscard]] Result<Extraction> call(const Snapshot& snapshot);
    void stop_child() const;

    std::string script_, python_dir_;
    std::unique_ptr<Interpreter> interpreter_;
    std::unique_ptr<Watchdog> watchdog_;
    py::object host_;  // weir._embed.Host
    bool is_classic_ = false;
    bool takes_packets_ = false;
    int process_ = 0;  // a fork of a script comes back from its callback with another
};

}  // namespace weir::python
