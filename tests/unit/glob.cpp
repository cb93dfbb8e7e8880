// SPDX-License-Identifier: Apache-2.0
#include "util/glob.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

struct Case {
    const char* pattern;
    const char* name;
    bool fits;
};

TEST(Glob, FitsWholeNamesOnly) {
    for (const Case& one :
         {Case{"eth0", "eth0", true}, Case{"eth0", "eth01", false}, Case{"eth*", "eth0", true},
          Case{"eth*", "eth", true}, Case{"eth*", "veth0", false}, Case{"*", "lo", true},
          Case{"eth?", "eth0", true}, Case{"eth?", "eth10", false}, Case{"eth[0-2]", "eth1", true},
          Case{"eth[0-2]", "eth3", false}, Case{"eth[!0]", "eth0", false},
          Case{"br-\\*", "br-*", true}, Case{"br-\\*", "br-1", false}, Case{"a[b", "a[b", true},
          Case{"", "lo", false}})
        EXPECT_EQ(matches(one.pattern, one.name), one.fits) << one.pattern << " " << one.name;
}

TEST(Glob, IsToldFromANameByItsSigns) {
    for (const char* glob : {"eth*", "eth?", "eth[01]", "\\*"}) EXPECT_TRUE(is_glob(glob)) << glob;
    for (const char* name : {"eth0", "br-lan.7", "wg0@x", ""}) EXPECT_FALSE(is_glob(name)) << name;
}

}  // namespace
}  // namespace weir
