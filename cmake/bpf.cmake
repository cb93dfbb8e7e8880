# SPDX-License-Identifier: Apache-2.0
# BPF objects: the core programs that go into the binary, and the shipped probes.
find_program(WEIR_BPF_CLANG NAMES clang-19 clang-20 clang-18 clang-17 clang-16 clang-15 clang-14 clang REQUIRED)
set(weir_bpf_flags -target bpf -O2 -g -mcpu=v3 -Wall -Werror -std=gnu17
    -I${CMAKE_SOURCE_DIR}/bpf -I/usr/include/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)

# Further arguments are further flags.
function(weir_bpf_object source output)
    add_custom_command(
        OUTPUT ${output}
        COMMAND ${WEIR_BPF_CLANG} ${weir_bpf_flags} ${ARGN} -MD -MF ${output}.d -MT ${output} -c ${source} -o ${output}
        DEPENDS ${source}
        DEPFILE ${output}.d
        COMMENT "BPF ${output}"
        VERBATIM)
endfunction()

# A core program, built to <build>/core/NAME.bpf.o.
function(weir_core_object name)
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/core)
    weir_bpf_object(${CMAKE_SOURCE_DIR}/bpf/core/${name}.bpf.c ${CMAKE_BINARY_DIR}/core/${name}.bpf.o)
endfunction()

# Puts core objects into a library as weir_core_NAME_begin / _end (src/probe/core_objects.h).
function(weir_embed_core target)
    set(asm ${CMAKE_BINARY_DIR}/core/embed.S)
    set(text "    .section .note.GNU-stack,\"\",@progbits\n    .section .rodata\n")
    set(objects)
    foreach(name ${ARGN})
        string(APPEND text "    .balign 16\n    .global weir_core_${name}_begin, weir_core_${name}_end\n"
            "weir_core_${name}_begin:\n    .incbin \"${name}.bpf.o\"\nweir_core_${name}_end:\n")
        list(APPEND objects ${CMAKE_BINARY_DIR}/core/${name}.bpf.o)
    endforeach()
    file(CONFIGURE OUTPUT ${asm} CONTENT "${text}" @ONLY)
    set_source_files_properties(${asm} PROPERTIES OBJECT_DEPENDS "${objects}"
        COMPILE_OPTIONS "-I${CMAKE_BINARY_DIR}/core")
    target_sources(${target} PRIVATE ${asm})
endfunction()

# <build>/share/weir is laid out as <prefix>/share/weir is when installed, so that the binary finds its
# headers and probes beside itself in both places.
function(weir_share)
    set(share ${CMAKE_BINARY_DIR}/share/weir)
    file(MAKE_DIRECTORY ${share}/include ${share}/probes)
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/bpf/weir ${share}/include/weir SYMBOLIC)
    file(MAKE_DIRECTORY ${share}/cxx)
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/include/weir ${share}/cxx/weir SYMBOLIC)
endfunction()

# A shipped model: models/NAME, found by its name, and by default with the probe of that name.
function(weir_shipped_model name)
    set(folder ${CMAKE_BINARY_DIR}/share/weir/models)
    file(MAKE_DIRECTORY ${folder})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/models/${name} ${folder}/${name} SYMBOLIC)
endfunction()

# A shipped probe: compiled here, for either kind of hook, and needs no clang where weir runs.
function(weir_shipped_probe name)
    set(source ${CMAKE_SOURCE_DIR}/probes/${name}/${name}.bpf.c)
    set(object ${CMAKE_BINARY_DIR}/share/weir/probes/${name})
    weir_bpf_object(${source} ${object}.bpf.o)
    weir_bpf_object(${source} ${object}.tc.bpf.o -DWEIR_HOOK_TC=1)
    add_custom_target(probe_${name} ALL DEPENDS ${object}.bpf.o ${object}.tc.bpf.o)
endfunction()
