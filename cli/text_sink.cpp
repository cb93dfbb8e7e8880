// SPDX-License-Identifier: Apache-2.0
// A window as a page for people.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>

#include "cli/sinks.h"
#include "table/number.h"
#include "table/render.h"

namespace weir::cli {
namespace {

constexpr std::size_t kVictims = 5;

std::string clock_time(std::int64_t unix_ns) {
    const std::time_t seconds = unix_ns / 1'000'000'000;
    std::tm local{};
    localtime_r(&seconds, &local);
    return fmt::format("{:%H:%M:%S}.{:03}", local, unix_ns / 1'000'000 % 1000);
}

std::string duration(double us) {
    if (us < 1000) return fmt::format("{:.1f} us", us);
    if (us < 1e6) return fmt::format("{:.1f} ms", us / 1e3);
    return fmt::format("{:.2f} s", us / 1e6);
}

std::string count(std::uint64_t n) { return table::with_separators(std::to_string(n)); }

std::string saturation(const table::Table& t) {
    if (t.flows != nullptr)
        return fmt::format("{} is full ({} flows, {} fit for certain): make room with max_flows",
                           t.shape->name, count(t.rows), count(t.capacity));
    return fmt::format("{} is full ({} of {} rows): what came after it is not in it", t.shape->name,
                       count(t.rows), count(t.capacity));
}

class TextSink : public WindowSink {
public:
    TextSink(Output output, const SinkOptions& options)
        : output_(std::move(output)), options_(options), use_colour_(output_.is_terminal()) {}

    void extract(const Window& window) override {
        tables_.clear();
        for (const table::Table& t : window.tables)
            table::append_table_text(tables_, t, options_.max_rows, use_colour_);
    }

    Result<> report(const Window& w) override {
        const double seconds = static_cast<double>(w.end_ns - w.start_ns) / 1e9;
        std::string page = strong(fmt::format("window {}", w.number));
        page += fmt::format("  {} + {:.3f} s  {} on {} ({}, {})  ", clock_time(w.start_ns), seconds,
                            w.probe, w.interface, w.hook, w.mode);
        page += strong(fmt::format("{} packets", count(w.packets.entered)));
        if (seconds > 0)
            page += fmt::format(" ({}/s)",
                                table::with_separators(fmt::format(
                                    "{:.0f}", static_cast<double>(w.packets.entered) / seconds)));
        page += '\n';
        if (w.skipped != 0) page += fmt::format("{} empty windows\n", w.skipped);
        page += outcomes(w.packets);
        page += warnings(w);
        page += tables_;
        if (w.detection) page += detection_text(*w.detection);
        if (w.extraction) page += extraction_text(*w.extraction);
        const StageTimings& t = w.timings_us;
        if (w.packets.has_outcomes) page += faint(classic_line(w)) + "\n";
        page += faint(fmt::format("flip {}, grace {}, read {}, extract {}, total {}",
                                  duration(t.flip), duration(t.grace), duration(t.read),
                                  duration(t.extract), duration(t.total)));
        page += "\n\n";
        return output_.write(page);
    }

private:
    [[nodiscard]] std::string styled(const char* code, const std::string& text) const {
        return use_colour_ ? fmt::format("\033[{}m{}\033[0m", code, text) : text;
    }
    [[nodiscard]] std::string strong(const std::string& text) const { return styled("1", text); }
    [[nodiscard]] std::string faint(const std::string& text) const { return styled("2", text); }

    [[nodiscard]] static std::string outcomes(const PacketCounts& p) {
        if (!p.has_outcomes) return {};
        return fmt::format("recorded {}, beyond {}, untracked {}, ignored {}\n", count(p.recorded),
                           count(p.beyond), count(p.untracked), count(p.ignored));
    }

    [[nodiscard]] std::string extraction_text(const Extraction& extraction) const {
        std::string lines;
        const std::size_t shown = std::min(extraction.alerts.size(), options_.max_alerts);
        for (std::size_t i = 0; i < shown; ++i) lines += alert_text(extraction.alerts[i]);
        if (shown < extraction.alerts.size())
            lines +=
                fmt::format("... and {} alerts more\n", count(extraction.alerts.size() - shown));
        if (extraction.json != "null") lines += "extractor: " + extraction.json + "\n";
        return lines;
    }

    [[nodiscard]] std::string alert_text(const Alert& a) const {
        std::string line = fmt::format("! alert: {}", a.source);
        if (a.source_port != 0) line += fmt::format(":{}", a.source_port);
        if (!a.destination.empty()) line += " > " + a.destination;
        if (a.destination_port != 0) line += fmt::format(":{}", a.destination_port);
        if (!a.protocol.empty()) line += " " + a.protocol;
        if (a.packets != 0) line += fmt::format(", {} packets", count(a.packets));
        if (a.score) line += fmt::format(", score {:.3f}", *a.score);
        if (!a.reason.empty()) line += ": " + a.reason;
        return styled("31", line) + "\n";
    }

    /// Who is attacked by whom, then the flows that look worst.
    [[nodiscard]] std::string detection_text(const Detection& d) const {
        std::string lines = fmt::format("{} of {} flows score above {}\n", count(d.malicious),
                                        count(d.scores.size()), d.threshold);
        if (d.malicious != 0)
            lines = styled("1;31", "! " + lines.substr(0, lines.size() - 1)) + "\n";
        for (std::size_t i = 0; i < std::min(d.victims.size(), kVictims); ++i)
            lines += victim_text(d.victims[i]);
        if (d.victims.size() > kVictims)
            lines += fmt::format("... and {} addresses more\n", count(d.victims.size() - kVictims));
        for (const Alert& alert : d.alerts) lines += alert_text(alert);
        return lines;
    }

    [[nodiscard]] std::string victim_text(const Victim& v) const {
        const bool is_alone = v.sources == 1;
        std::string line = fmt::format(
            "! {} is attacked by {}: {} flows, {} packets, score up to {:.3f}", v.address,
            is_alone ? v.top_sources.front() : count(v.sources) + " addresses", count(v.flows),
            count(v.packets), v.score);
        if (!is_alone) line += fmt::format(" ({}...)", fmt::join(v.top_sources, ", "));
        return styled("31", line) + "\n";
    }

    /// What the classic injector prints of a window; -1: there is no model.
    [[nodiscard]] static std::string classic_line(const Window& w) {
        std::size_t sessions = 0;
        for (const table::Table& t : w.tables) sessions += t.flows != nullptr ? t.rows : 0;
        const StageTimings& t = w.timings_us;
        const auto model_time = [&](double us) { return w.detection ? duration(us) : "-1"; };
        return fmt::format(
            "packets {}, sessions {}, eBPF read time {}, conversion time {}, prediction time {}",
            w.packets.entered, sessions, duration(t.read), model_time(t.convert),
            model_time(t.predict));
    }

    [[nodiscard]] std::string warnings(const Window& w) const {
        const WindowHealth& h = w.health;
        std::string lines;
        const auto add = [&](const std::string& text) {
            lines += styled("33", "! " + text) + "\n";
        };
        if (h.late != 0)
            add(fmt::format("late: {} grid points passed before this window could close", h.late));
        if (h.tail_call_misses != 0)
            add(fmt::format("{} packets found no probe", h.tail_call_misses));
        if (h.unseen && h.unseen->too_short != 0)
            add(fmt::format("{} frames have no whole Ethernet header", h.unseen->too_short));
        if (h.unseen && h.unseen->too_long != 0)
            add(fmt::format("{} frames are too long for the kernel", h.unseen->too_long));
        if (h.copies && h.copies->lost != 0)
            add(fmt::format("{} copies of packets were lost: the extractor is too slow for them",
                            h.copies->lost));
        if (h.logs_lost.value_or(0) != 0)
            add(fmt::format("{} messages of the probe were lost: more than log_rate, or than fit",
                            count(*h.logs_lost)));
        if (h.redirects_lost.value_or(0) != 0)
            add(fmt::format("{} packets passed because their interface is not there",
                            count(*h.redirects_lost)));
        if (h.truncated != 0) add(fmt::format("{} tables could not be read whole", h.truncated));
        for (const table::Table& t : w.tables)
            if (t.is_saturated) add(saturation(t));
        for (const std::string& error : h.errors) add(error);
        for (const std::string& map : h.not_frozen) add(map + " is not frozen: it holds timers");
        return lines;
    }

    Output output_;
    SinkOptions options_;
    bool use_colour_;
    std::string tables_;
};

}  // namespace

std::unique_ptr<WindowSink> make_text_sink(Output output, const SinkOptions& options) {
    return std::make_unique<TextSink>(std::move(output), options);
}

}  // namespace weir::cli
