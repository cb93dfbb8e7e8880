// SPDX-License-Identifier: Apache-2.0
// A window as a line of JSON (docs/design.md).
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cli/sinks.h"
#include "table/render.h"

namespace weir::cli {
namespace {

class JsonSink : public WindowSink {
public:
    JsonSink(Output output, const SinkOptions& options)
        : output_(std::move(output)), options_(options) {}

    void extract(const Window& window) override {
        tables_ = "{";
        for (const table::Table& t : window.tables) {
            if (tables_.size() > 1) tables_ += ',';
            table::append_json_string(tables_, t.shape->name);
            tables_ += ':';
            table::append_table_json(tables_, t, options_.max_rows);
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
            R"("convert":{:.1f},"predict":{:.1f},"total":{:.1f}}},"tables":)",
            t.flip, t.grace, t.read, t.extract, t.convert, t.predict, t.total);
        line += tables_;
        if (w.extraction) line += R"(,"extractor":)" + w.extraction->json;
        append_alerts(line, w);
        append_victims(line, w);
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
        if (w.detection) out += fmt::format(R"(,"malicious":{})", w.detection->malicious);
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

    /// The model's, then the extractor's.
    void append_alerts(std::string& out, const Window& w) const {
        if (!w.extraction && !w.detection) return;
        out += R"(,"alerts":[)";
        const auto add = [&](const Alert& alert) {
            if (out.back() == '}') out += ',';
            append_alert(out, alert);
        };
        if (w.detection) std::ranges::for_each(w.detection->alerts, add);
        if (w.extraction) {
            const auto& alerts = w.extraction->alerts;
            std::for_each_n(alerts.begin(), std::min(alerts.size(), options_.max_alerts), add);
        }
        out += ']';
    }

    static void append_victims(std::string& out, const Window& w) {
        if (!w.detection) return;
        out += R"(,"victims":[)";
        for (const Victim& v : w.detection->victims) {
            if (out.back() == '}') out += ',';
            out += fmt::format(R"({{"dst":"{}","flows":{},"packets":{},"sources":{},"score":{}{})",
                               v.address, v.flows, v.packets, v.sources, v.score, R"(,"src":[)");
            for (const std::string& source : v.top_sources)
                out += fmt::format(R"({}"{}")", out.back() == '[' ? "" : ",", source);
            out += "]}";
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
        if (h.logs_lost) out += fmt::format(R"(,"logs":{{"lost":{}}})", *h.logs_lost);
        if (h.redirects_lost)
            out += fmt::format(R"(,"redirects":{{"lost":{}}})", *h.redirects_lost);
        if (h.unseen)
            out += fmt::format(R"(,"unseen":{{"too_short":{},"too_long":{}}})", h.unseen->too_short,
                               h.unseen->too_long);
        append_list(out, "errors", h.errors);
        append_list(out, "not_frozen", h.not_frozen);
        out += '}';
    }

    Output output_;
    SinkOptions options_;
    std::string tables_;
};

}  // namespace

std::unique_ptr<WindowSink> make_json_sink(Output output, const SinkOptions& options) {
    return std::make_unique<JsonSink>(std::move(output), options);
}

}  // namespace weir::cli
