# SPDX-License-Identifier: Apache-2.0
# libweir_python.so: CPython, embedded. The binary loads it for a .py alone, and is not linked with Python.
# The distribution's Python, not another one that stands first on PATH: its numpy and its bcc are what
# scripts expect, and its library is the one that packages depend on.
function(weir_python)
    set(share ${CMAKE_BINARY_DIR}/share/weir/python)
    file(MAKE_DIRECTORY ${share})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/python/weir ${share}/weir SYMBOLIC)
    if(NOT DEFINED Python_EXECUTABLE AND EXISTS /usr/bin/python3)
        set(Python_EXECUTABLE /usr/bin/python3)
    endif()
    find_package(Python 3.11 QUIET COMPONENTS Interpreter Development)
    set(PYBIND11_FINDPYTHON ON)
    if(Python_FOUND)
        find_package(pybind11 2.10 QUIET CONFIG)
    endif()
    if(NOT Python_FOUND OR NOT pybind11_FOUND)
        message(STATUS "No Python extractors: they need python3-dev and pybind11-dev (./dev deps)")
        return()
    endif()
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/python/host/*.cpp)
    add_library(weir_python MODULE ${sources})
    target_include_directories(weir_python PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/python)
    target_link_libraries(weir_python PRIVATE weir_model pybind11::embed Threads::Threads ${CMAKE_DL_LIBS})
    # What Python has loaded stays in the process, and so must this (nodelete).
    target_link_options(weir_python PRIVATE -Wl,-z,nodelete)
    target_compile_definitions(weir_python PRIVATE WEIR_PYTHON_EXECUTABLE="${Python_EXECUTABLE}")
    set_target_properties(weir_python PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${share}
        CXX_VISIBILITY_PRESET hidden)
    add_dependencies(weir weir_python)

    # The package's own engine: a program in Python that imports weir needs no weir binary.
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/python/core/*.cpp)
    foreach(shared errors facts memory network raw_table raw_table_class types)
        list(APPEND sources ${CMAKE_SOURCE_DIR}/python/host/${shared}.cpp)
    endforeach()
    pybind11_add_module(weir_core MODULE ${sources})
    target_include_directories(weir_core PRIVATE ${CMAKE_SOURCE_DIR}/python)
    target_link_libraries(weir_core PRIVATE weir_engine)
    set_target_properties(weir_core PROPERTIES OUTPUT_NAME _weir_core LIBRARY_OUTPUT_DIRECTORY ${share})
    add_dependencies(weir_core weir)
endfunction()
