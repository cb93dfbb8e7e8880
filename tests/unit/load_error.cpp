// SPDX-License-Identifier: Apache-2.0
#include "bpf/load_error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace weir::bpf {
namespace {

TEST(LoadError, NamesTheMapThatTheKernelDidNotCreate) {
    const auto error = load_error(EINVAL,
                                  "libbpf: map 'sizes': failed to create: Invalid argument(-22)\n"
                                  "libbpf: failed to load object 'probe'\n");
    EXPECT_EQ(error.code, Errc::Rejected);
    EXPECT_EQ(error.message, "load: EINVAL: map 'sizes': failed to create: Invalid argument(-22)");
    EXPECT_EQ(failed_map(error.log), "sizes");
}

TEST(LoadError, SaysWhatItHasWhereThatIsAll) {
    EXPECT_EQ(load_error(EINVAL, "libbpf: failed to load object 'probe'\n").message,
              "load: EINVAL: failed to load object 'probe'");
    EXPECT_EQ(load_error(EPERM, "").message, "load: EPERM");
    EXPECT_EQ(load_error(EPERM, "").code, Errc::Permission);
}

TEST(LoadError, NamesWhatThisKernelHasNot) {
    const auto function =
        load_error(EINVAL,
                   "libbpf: extern (func ksym) 'bpf_new': not found in kernel or module BTFs\n"
                   "libbpf: failed to load object 'probe'\n");
    EXPECT_EQ(function.code, Errc::Unsupported);
    EXPECT_EQ(function.message, "this kernel has no function bpf_new");
    const auto setting = load_error(ESRCH, "libbpf: extern 'CONFIG_NEW' (strong): not resolved\n");
    EXPECT_EQ(setting.code, Errc::Unsupported);
    EXPECT_EQ(setting.message, "this kernel has no CONFIG_NEW");
}

TEST(LoadError, TellsMissingTypesFromARejection) {
    const auto begin = std::string("libbpf: prog 'weir_entry': BPF program load failed: EINVAL\n");
    const auto log = [&](const std::string& complaint) {
        return begin +
               "libbpf: prog 'weir_entry': -- BEGIN PROG LOAD LOG --\n; a = b->c; @ f.c:7\n" +
               complaint + "\n-- END PROG LOAD LOG --\nlibbpf: failed to load object 'probe'\n";
    };
    const auto missing =
        load_error(EINVAL, log("failed to resolve CO-RE relocation <byte_off> [31] struct b.c"));
    EXPECT_EQ(missing.code, Errc::Unsupported);
    EXPECT_NE(missing.message.find("struct b.c"), std::string::npos) << missing.message;
    const auto rejected = load_error(EINVAL, log("invalid access to packet"));
    EXPECT_EQ(rejected.code, Errc::Rejected);
    EXPECT_NE(rejected.message.find("rejects weir_entry"), std::string::npos) << rejected.message;
}

TEST(LoadError, NamesWhatNothingDefines) {
    EXPECT_EQ(missing_extern("libbpf: failed to find BTF for extern 'rx_cnt' [43] section: -2\n"),
              "rx_cnt");
    EXPECT_EQ(missing_extern("libbpf: elf: not a BPF object\n"), "");
}

}  // namespace
}  // namespace weir::bpf
