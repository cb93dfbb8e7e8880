// SPDX-License-Identifier: Apache-2.0
#include "extract/runner.h"

#include <fmt/format.h>

#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "extract/plugin.h"
#include "extract/plugin_source.h"

namespace weir::extract {
namespace fs = std::filesystem;
namespace {

/// Runs foreign code; whatever it throws becomes an Error.
template <class Call>
auto fenced(const Call& call) -> decltype(call()) {
    try {
        return call();
    } catch (const std::exception& e) {
        return fail(Errc::Invalid, e.what());
    } catch (...) {
        return fail(Errc::Invalid, "threw something that is no std::exception");
    }
}

Result<LoadedExtractor> load(const fs::path& file, const fs::path& share) {
    const std::string kind = file.extension();
    if (kind == ".so") return load_plugin(file);
    if (kind == ".py") return load_python(file, share);
    if (kind == ".cpp" || kind == ".cc" || kind == ".cxx") {
        auto library = compile_plugin(file, share);
        if (!library) return pass_on(library);
        return load_plugin(*library, file.string());
    }
    return fail(Errc::Invalid, file.string() + ": not an extractor", ".py, .so or .cpp");
}

}  // namespace

Result<std::unique_ptr<Runner>> Runner::open(const std::string& file,
                                             const ExtractorContext& context,
                                             const fs::path& share) {
    auto loaded = load(file, share);
    if (!loaded) return wrap(loaded, "extractor");
    std::unique_ptr<Runner> runner(new Runner(fs::path(file).filename(), std::move(loaded->library),
                                              std::move(loaded->extractor)));
    if (auto r = runner->set_up(context); !r) return wrap(r, "extractor " + file);
    return runner;
}

Result<std::unique_ptr<Runner>> Runner::start(std::string name,
                                              std::unique_ptr<Extractor> extractor,
                                              const ExtractorContext& context) {
    std::unique_ptr<Runner> runner(new Runner(std::move(name), nullptr, std::move(extractor)));
    if (auto r = runner->set_up(context); !r) return wrap(r, "extractor");
    return runner;
}

Result<> Runner::set_up(const ExtractorContext& context) {
    auto done = fenced([&] { return extractor_->setup(context); });
    reads_late_ = done && extractor_->reads_late();
    return done;
}

Runner::~Runner() {
    // Nobody is left to be told.
    (void)fenced([&]() -> Result<> {
        extractor_->teardown();
        return {};
    });
}

void Runner::take(const PacketCopy& packet) {
    auto done = fenced([&]() -> Result<> {
        extractor_->on_packet(packet);
        return {};
    });
    if (!done && failed_packets_++ == 0) packet_error_ = done.error().message;
}

void Runner::run(Window& window, TableSource* source) {
    if (const std::uint64_t failed = std::exchange(failed_packets_, 0); failed != 0)
        window.health.errors.push_back(
            fmt::format("extractor {}: on_packet, {} times: {}", name_, failed, packet_error_));
    auto made = fenced([&] { return extractor_->on_window(Snapshot(window, source)); });
    if (made && !nlohmann::json::accept(made->json))
        made = fail(Errc::Invalid, "what it returned is no JSON: " + made->json.substr(0, 80));
    if (!made) {
        window.health.errors.push_back("extractor " + name_ + ": " + made.error().message);
        return;
    }
    window.extraction = std::move(*made);
}

}  // namespace weir::extract
