// SPDX-License-Identifier: Apache-2.0
#include "host/extractor.h"

#include <pybind11/stl.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "host/facts.h"
#include "host/memory.h"

namespace weir::python {
namespace {

/// Handlers of weir's signals stay weir's, whatever a script does.
class KeptSignals {
public:
    KeptSignals() {
        for (std::size_t i = 0; i < kNumbers.size(); ++i)
            ::sigaction(kNumbers[i], nullptr, &before_[i]);
    }
    ~KeptSignals() {
        for (std::size_t i = 0; i < kNumbers.size(); ++i)
            ::sigaction(kNumbers[i], &before_[i], nullptr);
    }
    KeptSignals(const KeptSignals&) = delete;
    KeptSignals& operator=(const KeptSignals&) = delete;

private:
    static constexpr std::array kNumbers = {SIGINT, SIGTERM, SIGPIPE};
    std::array<struct sigaction, kNumbers.size()> before_ = {};
};

/// What Window.alert() has checked.
Alert alert_of(const py::handle& from) {
    const auto text = [&](const char* name) { return from[name].cast<std::string>(); };
    const auto score = from["score"];
    return {.source = text("src"),
            .destination = text("dst"),
            .source_port = from["sport"].cast<std::uint16_t>(),
            .destination_port = from["dport"].cast<std::uint16_t>(),
            .protocol = text("protocol"),
            .packets = from["packets"].cast<std::uint64_t>(),
            .score = score.is_none() ? std::nullopt : std::optional(score.cast<double>()),
            .reason = text("reason")};
}

Result<> ended(const py::object& error) {
    if (error.is_none()) return {};
    return fail(Errc::Invalid, error.cast<std::string>());
}

}  // namespace

Result<> PythonExtractor::load(const ExtractorContext& context) {
    py::list path = py::module_::import("sys").attr("path");
    path.insert(0, python_dir_);
    (void)py::module_::import("_weir_host");  // its classes are known from here on
    host_ = py::module_::import("weir._embed").attr("Host")(script_, python_dir_);
    watchdog_ = std::make_unique<Watchdog>(
        interpreter_->thread_id(), py::module_::import("weir._errors").attr("Overrun").ptr());
    const py::dict facts;
    facts["probe"] = context.probe;
    facts["interface"] = context.interface;
    facts["window"] = std::chrono::duration<double>(context.window).count();
    facts["model"] = context.model.empty() ? py::none() : py::object(py::str(context.model));
    facts["is_replay"] = context.is_replay;
    if (auto r = ended(host_.attr("setup")(facts)); !r) return r;
    is_classic_ = host_.attr("is_classic").cast<bool>();
    takes_packets_ = host_.attr("takes_packets").cast<bool>();
    return {};
}

Result<> PythonExtractor::setup(const ExtractorContext& context) {
    process_ = ::getpid();
    const KeptSignals kept;
    auto started = Interpreter::start(script_);
    if (!started) return pass_on(started);
    interpreter_ = std::move(*started);
    const Gil gil(*interpreter_);
    try {
        auto done = load(context);
        stop_child();
        return done;
    } catch (const std::exception& e) {  // a package that is not whole, or no thread to be had
        return fail(Errc::Unsupported, std::string("Python: ") + e.what());
    }
}

Result<Extraction> PythonExtractor::call(const Snapshot& snapshot) {
    auto open = std::make_shared<OpenWindow>();
    open->snapshot = &snapshot;
    std::vector<py::object> tables;
    py::list raws;
    for (std::size_t i = 0; i < snapshot.window().tables.size(); ++i) {
        tables.push_back(py::cast(RawTable(open, i)));
        raws.append(tables.back());
    }
    py::tuple said;
    Result<> ran;
    watchdog_->begin();
    try {
        said = host_.attr("window")(facts_of(snapshot.window()), raws);
        ran = ended(said[0]);
    } catch (const py::error_already_set& e) {  // weir.Overrun between two lines of ours
        ran = fail(Errc::Invalid, e.what());
    }
    watchdog_->end();
    stop_child();
    raws = py::list();
    auto closed = close_tables(*open, snapshot, tables);
    if (!ran) return pass_on(ran);
    if (!closed) return pass_on(closed);
    Extraction out{.json = said[1].cast<std::string>()};
    for (const py::handle alert : said[2]) out.alerts.push_back(alert_of(alert));
    return out;
}

Result<Extraction> PythonExtractor::on_window(const Snapshot& snapshot) {
    const KeptSignals kept;
    const Gil gil(*interpreter_);
    try {
        return call(snapshot);
    } catch (const std::exception& e) {
        return fail(Errc::Invalid, e.what());
    }
}

void PythonExtractor::on_packet(const PacketCopy& packet) {
    if (!takes_packets_) return;
    const Gil gil(*interpreter_);
    const auto* first = reinterpret_cast<const char*>(packet.bytes.data());  // SAFETY: as bytes
    watchdog_->begin();
    std::string error;
    try {
        const py::object said = host_.attr("packet")(packet.time_ns, packet.length,
                                                     py::bytes(first, packet.bytes.size()));
        if (!said.is_none()) error = said.cast<std::string>();
    } catch (const py::error_already_set& e) {  // weir.Overrun between two lines of ours
        error = e.what();
    }
    watchdog_->end();
    stop_child();
    // What it raised is told with the next window; the caller fences this off.
    if (!error.empty()) throw std::runtime_error(error);
}

/// A child that a script forked, and that did not leave: its place is not here.
void PythonExtractor::stop_child() const {
    if (::getpid() == process_) return;
    ::_exit(0);
}

void PythonExtractor::teardown() {
    if (!interpreter_) return;
    const KeptSignals kept;
    {
        const Gil gil(*interpreter_);
        try {
            if (host_) host_.attr("teardown")();
        } catch (const std::exception&) {
            PyErr_Clear();  // it has said on standard error what went wrong
        }
        stop_child();
        host_ = py::object();
    }
    watchdog_.reset();
    interpreter_.reset();
}

PythonExtractor::~PythonExtractor() { teardown(); }

void PythonExtractor::on_overrun() noexcept {
    if (watchdog_) watchdog_->wake();
}

}  // namespace weir::python

// Called by src/extract/plugin.cpp, which has loaded this library for a .py.
extern "C" __attribute__((visibility("default"))) weir::Extractor* weir_make_python_extractor(
    const char* script, const char* python_dir) {
    return new weir::python::PythonExtractor(script, python_dir);
}
