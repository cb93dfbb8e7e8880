// SPDX-License-Identifier: Apache-2.0
// weir doctor: its place on the command line; doctor.cpp does the work.
#include "cli/doctor.h"
#include "cli/verbs.h"

namespace weir::cli {

Run add_doctor(CLI::App& app) {
    CLI::App* verb =
        app.add_subcommand("doctor", "What works on this machine and what does not, and why");
    auto format = std::make_shared<std::string>("text");
    verb->add_option("--format", *format, "text for people, json for programs")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
    return [format] {
        return run_doctor(*format == "json" ? DoctorFormat::Json : DoctorFormat::Text);
    };
}

}  // namespace weir::cli
