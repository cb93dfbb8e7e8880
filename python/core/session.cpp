// SPDX-License-Identifier: Apache-2.0
#include "core/session.h"

#include <pybind11/stl.h>
#include <sys/eventfd.h>

#include <chrono>
#include <csignal>
#include <utility>

#include "host/errors.h"
#include "host/facts.h"
#include "util/errno.h"
#include "util/paths.h"

namespace weir::python {
namespace {

using namespace std::chrono_literals;

constexpr auto kSignalPause = 50ms;  // how long Ctrl-C may wait to be noticed

/// The extractor that hands its windows over.
class HandOver : public Extractor {
public:
    explicit HandOver(std::shared_ptr<Counter> counter) : counter_(std::move(counter)) {}
    Result<Extraction> on_window(const Snapshot& snapshot) override {
        std::unique_lock lock(counter_->mutex);
        if (counter_->is_closing) return Extraction{};
        counter_->snapshot = &snapshot;
        counter_->changed.notify_all();
        counter_->changed.wait(lock, [&] { return counter_->snapshot == nullptr; });
        return Extraction{};
    }
    /// Nothing is read that nobody asks for.
    [[nodiscard]] bool reads_late() const override { return true; }

private:
    std::shared_ptr<Counter> counter_;
};

/// Who asks for windows looks at them; there is nothing to report.
class NoReport : public WindowSink {
public:
    void extract(const Window&) override {}
    [[nodiscard]] bool wants_tables() const override { return false; }
    [[nodiscard]] Result<> report(const Window&) override { return {}; }
};

AttachMode mode_of(const std::string& text) {
    if (text == "drv") return AttachMode::Drv;
    return text == "hw" ? AttachMode::Hw : AttachMode::Skb;
}

ModelOptions model_of(const py::handle& from) {
    if (from.is_none()) return {};
    ModelOptions o;
    o.file = named_model(from["file"].cast<std::string>());
    o.profile = from["profile"].cast<std::string>();
    o.threshold = from["threshold"].cast<std::optional<double>>();
    o.use_cuda = from["device"].cast<std::string>() == "cuda";
    o.threads = from["threads"].cast<int>();
    return o;
}

InjectOptions options_of(const py::dict& from) {
    InjectOptions o;
    o.interface = from["interface"].cast<std::string>();
    o.window = std::chrono::nanoseconds(from["window_ns"].cast<std::int64_t>());
    if (const auto hook = from["hook"].cast<std::optional<std::string>>())
        o.hook = parse_hook(*hook);
    o.mode = mode_of(from["mode"].cast<std::string>());
    o.is_strict = from["strict"].cast<bool>();
    o.max_windows = from["windows"].cast<std::uint64_t>();
    o.probe.file = from["probe"].cast<std::string>();
    o.model = model_of(from["model"]);
    o.probe.program = from["program"].cast<std::string>();
    o.probe.cflags = from["cflags"].cast<std::vector<std::string>>();
    o.probe.window_maps = from["window_maps"].cast<std::vector<std::string>>();
    o.probe.persist_maps = from["persist_maps"].cast<std::vector<std::string>>();
    for (const auto& [target, value] : from["settings"].cast<py::dict>())
        o.probe.settings.emplace_back(target.cast<std::string>(), value.cast<std::string>());
    return o;
}

/// Signals are for Python's main thread.
class NoSignals {
public:
    NoSignals() {
        sigset_t all;
        sigfillset(&all);
        ::pthread_sigmask(SIG_BLOCK, &all, &before_);
    }
    ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    NoSignals(const NoSignals&) = delete;
    NoSignals& operator=(const NoSignals&) = delete;

private:
    sigset_t before_ = {};
};

/// Waits without the GIL, and looks now and then whether a signal has come.
template <class Condition>
void wait_for(Counter& counter, const Condition& condition) {
    for (;;) {
        {
            const py::gil_scoped_release others_run;
            std::unique_lock lock(counter.mutex);
            if (counter.changed.wait_for(lock, kSignalPause, condition)) return;
        }
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
}

}  // namespace

Session::Session(const py::dict& from) : stop_(::eventfd(0, EFD_CLOEXEC)) {
    if (auto r = check_errno(stop_.get(), "eventfd"); !r) raise(r.error());
    InjectOptions options = options_of(from);
    options.extractor.make = [counter = counter_] { return std::make_unique<HandOver>(counter); };
    {
        const NoSignals in_the_new_thread;
        thread_ = std::thread([this, options] { run(options); });
    }
    const auto give_up = [&] {
        {
            const std::lock_guard lock(counter_->mutex);
            counter_->is_closing = true;
        }
        close();
    };
    try {
        wait_for(*counter_, [&] { return counter_->is_started; });
    } catch (...) {
        give_up();
        throw;
    }
    if (counter_->started) return;
    give_up();
    raise(counter_->started.error());
}

/// The engine's thread: all of its calls.
void Session::run(const InjectOptions& options) {
    Counter& c = *counter_;
    auto engine = Engine::inject(options);
    {
        const std::lock_guard lock(c.mutex);
        c.is_started = true;
        if (engine) {
            notices_ = engine->notices();
            mode_ = engine->mode();
        } else {
            c.started = pass_on(engine);
            c.is_over = true;
        }
        c.changed.notify_all();
    }
    if (!engine) return;
    NoReport sink;
    auto ended = engine->run(sink, stop_.get());
    const std::lock_guard lock(c.mutex);
    c.ended = std::move(ended);
    c.is_over = true;
    c.changed.notify_all();
}

py::object Session::next() {
    wait_for(*counter_, [&] { return counter_->snapshot != nullptr || counter_->is_over; });
    if (counter_->snapshot == nullptr) {
        if (!counter_->ended) raise(std::exchange(counter_->ended, {}).error());
        return py::none();
    }
    const Snapshot& snapshot = *counter_->snapshot;  // the worker's, which waits for release()
    open_ = std::make_shared<OpenWindow>();
    open_->snapshot = &snapshot;
    py::list raws;
    for (std::size_t i = 0; i < snapshot.window().tables.size(); ++i) {
        tables_.push_back(py::cast(RawTable(open_, i)));
        raws.append(tables_.back());
    }
    return py::make_tuple(facts_of(snapshot.window()), raws);
}

void Session::release() {
    if (!open_) return;
    auto done = close_tables(*open_, *counter_->snapshot, tables_);
    open_.reset();
    {
        const std::lock_guard lock(counter_->mutex);
        counter_->snapshot = nullptr;
        counter_->changed.notify_all();
    }
    if (!done) raise(done.error());
}

void Session::close() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(counter_->mutex);
        counter_->is_closing = true;
        if (!open_) counter_->snapshot = nullptr;  // one that came in meanwhile
        counter_->changed.notify_all();
    }
    eventfd_write(stop_.get(), 1);
    if (open_) release();
    const py::gil_scoped_release others_run;
    thread_.join();
}

Session::~Session() {
    try {
        close();
    } catch (const std::exception&) {
        PyErr_Clear();  // nobody is left to be told
    }
}

}  // namespace weir::python
