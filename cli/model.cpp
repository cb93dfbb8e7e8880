// SPDX-License-Identifier: Apache-2.0
// weir model: what a neural network is, as ONNX, and how well it tells attacks.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "cli/model_report.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "model/model_file.h"
#include "util/file.h"
#include "util/paths.h"

namespace weir::cli {
namespace fs = std::filesystem;
namespace {

struct ModelArguments {
    std::string model, target;
    std::vector<std::string> sets;
    double threshold = 0.5;
    std::string device = "cpu";
    std::string scores;
    std::string format = "text";
    int threads = 1;
    bool is_verbose = false;

    [[nodiscard]] bool as_json() const { return format == "json"; }
};

Result<> print(const std::string& text) {
    auto output = Output::open("");
    if (!output) return pass_on(output);
    return output->write(text);
}

Result<> show(const ModelArguments& a) {
    auto description = model::describe(a.model);
    if (!description) return wrap(description, "model");
    auto plan = model::plan_detector(description->signature, {.file = a.model});
    const ModelReport report{
        .file = a.model, .description = std::move(*description), .plan = std::move(plan)};
    return print(a.as_json() ? model_json(report) : model_text(report));
}

Result<> convert(const ModelArguments& a) {
    auto kind = model::file_kind(a.model);
    if (!kind) return wrap(kind, "model");
    if (*kind == model::FileKind::Onnx)
        return fail(Errc::Invalid, fmt::format("model {}: not a Keras file", a.model),
                    "weir model convert turns .h5 and .keras into .onnx");
    std::error_code error;
    if (fs::equivalent(a.model, a.target, error))
        return fail(Errc::Invalid, fmt::format("{}: it is the model itself", a.target),
                    "name another file");
    auto onnx = model::read_as_onnx(a.model);
    if (!onnx) return wrap(onnx, "model");
    if (auto runner = model::Runner::from_onnx(*onnx, {}); !runner)
        return wrap(runner, "model " + a.model);
    return write_result(a.target, std::as_bytes(std::span(*onnx)));
}

Result<> score(const ModelArguments& a) {
    auto runner = model::Runner::open(
        a.model, {.device = a.device == "cuda" ? model::Device::Cuda : model::Device::Cpu,
                  .threads = a.threads});
    if (!runner) return wrap(runner, "model");
    if (auto r = check_sets(a.model, *runner, a.sets); !r) return r;
    ProgressLine progress;
    ScoreOptions options{.threshold = a.threshold, .on_score = {}, .on_batch = {}};
    options.on_batch = [&](const std::string& set, std::uint64_t done, std::uint64_t samples) {
        progress.show(done * 100 / samples, [&] { return fmt::format("of {}", set); });
    };
    std::optional<Output> csv;
    std::string lines = "set,sample,label,score\n";
    if (!a.scores.empty()) {
        auto opened = Output::open(a.scores);
        if (!opened) return pass_on(opened);
        csv = std::move(*opened);
        options.on_score = [&](const std::string& set, std::uint64_t sample, int label,
                               float value) -> Result<> {
            lines += fmt::format("{},{},{},{:.9g}\n", set, sample,
                                 label < 0 ? "" : std::to_string(label), value);
            if (lines.size() < 65536) return {};
            return csv->write(std::exchange(lines, {}));
        };
    }
    ScoreReport report{.model = a.model, .threshold = a.threshold, .sets = {}};
    for (const std::string& set : a.sets) {
        auto scored = score_set(*runner, set, options);
        progress.erase();
        if (!scored) return pass_on(scored);
        report.sets.push_back(std::move(*scored));
    }
    if (csv)
        if (auto r = csv->write(lines); !r) return r;
    return print(a.as_json() ? score_json(report) : score_text(report));
}

void add_format(CLI::App& verb, ModelArguments& a) {
    verb.add_option("--format", a.format, "text or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
}

void add_model(CLI::App& verb, ModelArguments& a) {
    verb.add_option("model", a.model,
                    "Model: .h5 or .keras of Keras 2 or 3, .onnx, or a shipped one's name")
        ->required()
        ->type_name("MODEL");
    verb.add_flag("--verbose", a.is_verbose, "With an error, all that ONNX Runtime said");
}

CLI::App* add_show(CLI::App& verb, ModelArguments& a) {
    CLI::App* show = verb.add_subcommand("show", "What a model takes, gives and is made of");
    add_model(*show, a);
    add_format(*show, a);
    show->footer(
        "The profile is the one that weir inject -m and weir replay -m take without --profile.\n"
        "Examples:\n  weir model show lucid.h5\n  weir model show --format json lucid.onnx");
    return show;
}

CLI::App* add_convert(CLI::App& verb, ModelArguments& a) {
    CLI::App* convert = verb.add_subcommand("convert", "Turn a Keras file into an ONNX file");
    add_model(*convert, a);
    convert->add_option("target", a.target, "The ONNX file to write")
        ->required()
        ->type_name("OUT.onnx");
    convert->footer("Examples:\n  weir model convert lucid.h5 lucid.onnx");
    return convert;
}

CLI::App* add_score(CLI::App& verb, ModelArguments& a) {
    CLI::App* score =
        verb.add_subcommand("score", "How well a model tells attacks in sets of samples");
    add_model(*score, a);
    score->add_option("sets", a.sets, "Sets in LUCID's format: HDF5 with set_x and set_y")
        ->required()
        ->type_name("SET.hdf5");
    score->add_option("--threshold", a.threshold, "A score above it is an attack")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    score->add_option("--scores", a.scores, "Write the score of every sample")
        ->type_name("OUT.csv");
    score->add_option("--device", a.device, "cpu or cuda")
        ->check(CLI::IsMember({"cpu", "cuda"}))
        ->capture_default_str();
    score->add_option("--threads", a.threads, "Threads that predict")
        ->type_name("N")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    add_format(*score, a);
    score->footer(
        "Examples:\n"
        "  weir model score lucid.h5 test.hdf5\n"
        "  weir model score --threshold 0.9 --scores scores.csv lucid.onnx a.hdf5 b.hdf5");
    return score;
}

}  // namespace

Run add_model(CLI::App& app) {
    CLI::App* verb = app.add_subcommand("model", "Look at, convert or try out a neural network");
    auto a = std::make_shared<ModelArguments>();
    verb->require_subcommand(1);
    const std::vector<std::pair<CLI::App*, Result<> (*)(const ModelArguments&)>> verbs = {
        {add_show(*verb, *a), &show},
        {add_convert(*verb, *a), &convert},
        {add_score(*verb, *a), &score},
    };
    const Run calibrate = add_calibrate(*verb);
    verb->footer(
        "Examples:\n"
        "  weir model show lucid.h5                  input, output, layers, profile\n"
        "  weir model show ddos                      the same of a shipped model\n"
        "  weir model convert lucid.h5 lucid.onnx\n"
        "  weir model score lucid.h5 test.hdf5       accuracy and confusion matrix\n"
        "  weir model calibrate monday.pcap          a threshold for your own traffic");
    return [a, verb, verbs, calibrate] {
        if (verb->got_subcommand("calibrate")) return calibrate();
        for (const auto& [chosen, run] : verbs) {
            if (!chosen->parsed()) continue;
            a->model = named_model(a->model);
            auto done = run(*a);
            return done ? 0 : print_error(done.error(), a->is_verbose);
        }
        return exit_code(Errc::Invalid);
    };
}

}  // namespace weir::cli
