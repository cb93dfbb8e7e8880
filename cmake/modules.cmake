# SPDX-License-Identifier: Apache-2.0
# One static library per folder of src/, with the same warnings everywhere.
set(weir_warnings -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Werror=unused-result
    # g++ 12 sees overlaps in std::string that are not there (GCC bug 105329)
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    # clang means the members that LIBBPF_OPTS leaves to be zero
    $<$<CXX_COMPILER_ID:Clang>:-Wno-missing-designated-field-initializers>)
if(WEIR_WERROR)
    list(APPEND weir_warnings -Werror)
endif()
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:${weir_warnings}>")
if(WEIR_SANITIZE)
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
endif()

function(weir_module name)
    cmake_parse_arguments(arg "" "" "LINKS;PRIVATE_LINKS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
    add_library(weir_${name} STATIC ${sources})
    target_include_directories(weir_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include
        ${CMAKE_SOURCE_DIR}/bpf)  # weir/abi.h is shared with the BPF side
    target_link_libraries(weir_${name} PUBLIC ${arg_LINKS} Threads::Threads PRIVATE ${arg_PRIVATE_LINKS})
    # What nearly every file includes is parsed once: this halves the time of a build.
    if(name STREQUAL util)
        target_precompile_headers(weir_util PRIVATE <algorithm> <chrono> <expected> <filesystem> <functional>
            <memory> <optional> <span> <string> <vector> <fmt/format.h> <fmt/ranges.h>)
    else()
        target_precompile_headers(weir_${name} REUSE_FROM weir_util)
    endif()
endfunction()
