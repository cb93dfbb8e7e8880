// SPDX-License-Identifier: Apache-2.0
#include "cli/sinks.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <iterator>

#include "table/number.h"
#include "table/render.h"

namespace weir::cli {
namespace {

class JsonSink : public WindowSink {
public:
    JsonSink(Output output, std::size_t max_rows)
        : output_(std::move(output)), max_rows_(max_rows) {}

    void extract(const Window& window) override {
        tables_ = "{";
        for (const table::Table& t : window.tables) {
            if (tables_.size() > 1) tables_ += ',';
            table::append_json_string(tables_, t.shape->name);
            tables_ += ':';
            table::append_table_json(tables_, t, max_rows_);
        }
        tables_ += '}';
    }

    Result<> report(const Window& w) override {
        std::string line = fmt::format(R"({{"v":1,"window":{},"probe":)", w.number);
        table::append_json_string(line, w.probe);
        line += R"(,"interface":)";
        table::append_json_string(line, w.interface);
        auto out = std::back_inserter(line);
        fmt::format_to(out, R"(,"hook":"{}","mode":"{}","start_ns":{},"end_ns":{},"late":{})",
                       w.hook, w.mode, w.start_ns, w.end_ns, w.health.late);
        if (w.skipped != 0) fmt::format_to(out, R"(,"skipped":{})", w.skipped);
        append_packets(line, w);
        line += R"(,"health":)";
        append_health(line, w.health);
        const StageTimings& t = w.timings_us;
        fmt::format_to(
            out,
            R"(,"timings_us":{{"flip":{:.1f},"grace":{:.1f},"read":{:.1f},"extract":{:.1f},)"
            R"("predict":{:.1f},"total":{:.1f}}},"tables":)",
            t.flip, t.grace, t.read, t.extract, t.predict, t.total);
        line += tables_;
        append_extraction(line, w);
        line += "}\n";
        return output_.write(line);
    }

private:
    static void append_list(std::string& out, const char* name,
                            const std::vector<std::string>& items) {
        if (items.empty()) return;
        out += fmt::format(R"(,"{}":[)", name);
        for (const std::string& item : items) {
            if (out.back() != '[') out += ',';
            table::append_json_string(out, item);
        }
        out += ']';
    }

    static void append_packets(std::string& out, const Window& w) {
        const PacketCounts& p = w.packets;
        out += fmt::format(R"(,"packets":{{"entered":{})", p.entered);
        if (p.has_outcomes)
            out += fmt::format(R"(,"recorded":{},"beyond":{},"untracked":{},"ignored":{})",
                               p.recorded, p.beyond, p.untracked, p.ignored);
        out += '}';
        std::size_t flows = 0;
        for (const table::Table& t : w.tables) flows += t.flows != nullptr ? t.rows : 0;
        if (p.has_outcomes) out += fmt::format(R"(,"flows":{})", flows);
    }

    static void append_alert(std::string& out, const Alert& a) {
        out += "{";
        const auto add_text = [&](const char* name, const std::string& value) {
            if (value.empty()) return;
            out += fmt::format(R"({}"{}":)", out.back() == '{' ? "" : ",", name);
            table::append_json_string(out, value);
        };
        const auto add_number = [&](const char* name, std::uint64_t value) {
            if (value != 0)
                out += fmt::format(R"({}"{}":{})", out.back() == '{' ? "" : ",", name, value);
        };
        add_text("src", a.source);
        add_text("dst", a.destination);
        add_number("sport", a.source_port);
        add_number("dport", a.destination_port);
        add_text("protocol", a.protocol);
        add_number("packets", a.packets);
        if (a.score) out += fmt::format(R"({}"score":{})", out.back() == '{' ? "" : ",", *a.score);
        add_text("reason", a.reason);
        out += "}";
    }

    static void append_extraction(std::string& out, const Window& w) {
        if (!w.extraction) return;
        out += R"(,"extractor":)" + w.extraction->json + R"(,"alerts":[)";
        for (const Alert& alert : w.extraction->alerts) {
            if (out.back() == '}') out += ',';
            append_alert(out, alert);
        }
        out += ']';
    }

    static void append_health(std::string& out, const WindowHealth& h) {
        out += fmt::format(R"({{"late":{},"tail_call_misses":{},"truncated":{})", h.late,
                           h.tail_call_misses, h.truncated);
        if (h.escaped != 0) out += fmt::format(R"(,"escaped":{})", h.escaped);
        if (h.copies)
            out +=
                fmt::format(R"(,"copies":{{"lost":{},"cut":{}}})", h.copies->lost, h.copies->cut);
        if (h.unseen)
            out += fmt::format(R"(,"unseen":{{"too_short":{},"too_long":{}}})", h.unseen->too_short,
                               h.unseen->too_long);
        append_list(out, "errors", h.errors);
        append_list(out, "not_frozen", h.not_frozen);
        out += '}';
    }

    Output output_;
    std::size_t max_rows_;
    std::string tables_;
};

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
    TextSink(Output output, std::size_t max_rows)
        : output_(std::move(output)), max_rows_(max_rows), use_colour_(output_.is_terminal()) {}

    void extract(const Window& window) override {
        tables_.clear();
        for (const table::Table& t : window.tables)
            table::append_table_text(tables_, t, max_rows_, use_colour_);
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
        if (w.extraction) page += extraction_text(*w.extraction);
        const StageTimings& t = w.timings_us;
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
        for (const Alert& a : extraction.alerts) {
            std::string line = fmt::format("! alert: {}", a.source);
            if (a.source_port != 0) line += fmt::format(":{}", a.source_port);
            if (!a.destination.empty()) line += " > " + a.destination;
            if (a.destination_port != 0) line += fmt::format(":{}", a.destination_port);
            if (!a.protocol.empty()) line += " " + a.protocol;
            if (a.packets != 0) line += fmt::format(", {} packets", count(a.packets));
            if (a.score) line += fmt::format(", score {:.3f}", *a.score);
            if (!a.reason.empty()) line += ": " + a.reason;
            lines += styled("31", line) + "\n";
        }
        if (extraction.json != "null") lines += "extractor: " + extraction.json + "\n";
        return lines;
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
        if (h.truncated != 0) add(fmt::format("{} tables could not be read whole", h.truncated));
        for (const table::Table& t : w.tables)
            if (t.is_saturated) add(saturation(t));
        for (const std::string& error : h.errors) add(error);
        for (const std::string& map : h.not_frozen) add(map + " is not frozen: it holds timers");
        return lines;
    }

    Output output_;
    std::size_t max_rows_;
    bool use_colour_;
    std::string tables_;
};

}  // namespace

std::unique_ptr<WindowSink> make_sink(Output output, const SinkOptions& options) {
    if (options.as_json) return std::make_unique<JsonSink>(std::move(output), options.max_rows);
    return std::make_unique<TextSink>(std::move(output), options.max_rows);
}

}  // namespace weir::cli
