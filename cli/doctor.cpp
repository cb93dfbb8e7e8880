// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "bpf/features.h"
#include "bpf/interface.h"
#include "cli/doctor_report.h"
#include "cli/doctor_tools.h"
#include "util/privileges.h"

namespace weir::cli {
namespace {

using Findings = std::vector<Finding>;
using State = bpf::Outcome::State;

Finding kernel_finding() {
    utsname names{};
    ::uname(&names);
    Finding finding{.group = "kernel",
                    .feature = "Linux",
                    .state = FindingState::Ok,
                    .outcome = names.release,
                    .why = fmt::format("weir needs {} or later", to_string(bpf::kMinimumKernel))};
    if (bpf::running_kernel() < bpf::kMinimumKernel) {
        finding.state = FindingState::No;
        finding.blocks = Errc::Unsupported;
    }
    return finding;
}

/// What follows from a feature that is not there.
std::string consequence(const bpf::FeatureInfo& feature) {
    if (feature.is_required()) return "weir inject needs it";
    return fmt::format("without it: {}", feature.without);
}

std::string why_missing(const bpf::FeatureInfo& feature) {
    const bpf::KernelVersion running = bpf::running_kernel();
    if (running < feature.since) {
        return fmt::format("needs Linux >= {}, this is {}; {}", to_string(feature.since),
                           to_string(running), consequence(feature));
    }
    return consequence(feature);
}

Finding feature_finding(const bpf::FeatureInfo& feature) {
    const bpf::Outcome outcome = bpf::probe(feature.feature);
    Finding finding{.group = std::string(feature.group),
                    .feature = std::string(feature.name),
                    .state = FindingState::Ok,
                    .outcome = outcome.what,
                    .why = std::string(feature.used_for)};
    if (outcome.state == State::Works) return finding;
    finding.state =
        outcome.state == State::Missing ? FindingState::No : FindingState::NotApplicable;
    if (outcome.state == State::Missing) {
        finding.why = why_missing(feature);
        if (feature.is_required()) finding.blocks = Errc::Unsupported;
    }
    if (outcome.state == State::Denied && !require_inject_privileges()) {
        finding.why = "not allowed: see privileges";  // which say what blocks
    } else if (outcome.state == State::Denied) {
        finding.why = "refused although the capabilities are held: a container, seccomp?";
        if (feature.is_required()) finding.blocks = Errc::Permission;
    }
    return finding;
}

void add_features(Findings& findings, std::string_view group) {
    for (const bpf::FeatureInfo& feature : bpf::features()) {
        if (feature.group == group) findings.push_back(feature_finding(feature));
    }
}

Finding capability_finding(Capability capability, CapabilitySet held, std::string_view used_for) {
    Finding finding{.group = "privileges",
                    .feature = capability_name(capability),
                    .state = FindingState::Ok,
                    .outcome = "effective",
                    .why = std::string(used_for)};
    if (held.has(capability)) return finding;
    if (capability != Capability::NetAdmin && held.has(Capability::SysAdmin)) {
        finding.outcome = "CAP_SYS_ADMIN stands for it";
        return finding;
    }
    finding.state = FindingState::No;
    finding.outcome = "not effective";
    return finding;
}

void add_privileges(Findings& findings) {
    const auto held = effective_capabilities();
    if (!held) {
        findings.push_back({.group = "privileges",
                            .feature = "capabilities",
                            .state = FindingState::No,
                            .outcome = held.error().message,
                            .why = "weir inject needs them",
                            .blocks = held.error().code});
        return;
    }
    const auto allowed = require_inject_privileges();
    for (const auto& [capability, used_for] :
         {std::pair{Capability::Bpf, "loading programs, creating maps"},
          std::pair{Capability::NetAdmin, "XDP programs, attaching them"},
          std::pair{Capability::Perfmon,
                    "pointer arithmetic, bpf_printk in probes; raw tracepoints"}}) {
        Finding finding = capability_finding(capability, *held, used_for);
        if (finding.state == FindingState::No) {
            finding.blocks = Errc::Permission;
            finding.why = allowed ? finding.why : allowed.error().hint;
        }
        findings.push_back(std::move(finding));
    }
    Finding admin = capability_finding(Capability::SysAdmin, *held,
                                       "names of others' programs; network namespaces");
    if (admin.state == FindingState::No) admin.state = FindingState::NotApplicable;
    findings.push_back(std::move(admin));
}

/// WEIR_DISABLE takes features away from weir that the kernel has.
void add_disabled(Findings& findings) {
    const char* disabled = std::getenv("WEIR_DISABLE");
    if (disabled == nullptr || *disabled == '\0') return;
    findings.push_back({.group = "reading",
                        .feature = "WEIR_DISABLE",
                        .state = FindingState::NotApplicable,
                        .outcome = disabled,
                        .why = "not used by weir, though the kernel may have it"});
}

std::string driver_advice(const bpf::XdpFacts& facts) {
    if (!facts.driver_has_xdp.has_value())
        return "this kernel cannot tell whether the driver has XDP";
    if (!*facts.driver_has_xdp) return "the driver has no XDP: skb mode only";
    if (facts.driver_has_frags.value_or(false)) return "the driver has XDP with frags: try -x drv";
    return "the driver has XDP: try -x drv";
}

Finding interface_finding(const bpf::Interface& interface) {
    Finding finding{.group = "interfaces",
                    .feature = interface.name,
                    .state = FindingState::No,
                    .outcome = {},
                    .why = {}};
    const auto facts = bpf::xdp_facts(interface.index);
    const auto mtu = bpf::interface_mtu(interface.index);
    if (!facts || !mtu) {
        finding.outcome = facts ? mtu.error().message : facts.error().message;
        return finding;
    }
    if (!facts->owners.empty()) {
        finding.outcome = bpf::describe_owner(interface.name, facts->owners.front());
        finding.why = "weir does not replace others' programs: detach it first";
        return finding;
    }
    finding.state = FindingState::Ok;
    finding.outcome = fmt::format("XDP hook free, MTU {}", *mtu);
    finding.why = driver_advice(*facts);
    return finding;
}

Findings examine() {
    Findings findings{kernel_finding()};
    add_features(findings, "kernel");
    add_privileges(findings);
    add_features(findings, "data path");
    add_features(findings, "reading");
    add_disabled(findings);
    for (const bpf::Interface& interface : bpf::interfaces()) {
        findings.push_back(interface_finding(interface));
    }
    add_compiler(findings);
    add_models(findings);
    add_tools(findings);
    return findings;
}

}  // namespace

int run_doctor(DoctorFormat format) {
    const Findings findings = examine();
    const bool is_coloured = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    const std::string text = format == DoctorFormat::Json
                                 ? as_json(findings)
                                 : as_text(findings, is_coloured ? Colour::Always : Colour::Never);
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
        return exit_code(Errc::Io);
    const Finding* blocking = first_blocking(findings);
    return blocking == nullptr ? 0 : exit_code(blocking->blocks.value_or(Errc::Io));
}

}  // namespace weir::cli
