// SPDX-License-Identifier: Apache-2.0
#pragma once
// An object file on its way into the kernel. Phases are types: an Object can be edited and is
// nothing to the kernel; load() consumes it and gives a LoadedObject, whose programs and maps exist
// and can no longer be edited.
//
//     auto object = bpf::Object::open(elf, "flows");
//     object->find_map("counters")->make_mmapable();
//     auto loaded = std::move(*object).load();
//
// Ownership: the object owns its programs and maps; MapSpec, ProgramSpec, Map and Program borrow
// from it. Thread rule: one thread. Kernel: 5.15.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/elf.h"
#include "bpf/map.h"
#include "weir/hook.h"
#include "weir/result.h"

struct bpf_map;
struct bpf_program;

namespace weir::bpf {

enum class ProgramKind {
    Xdp,
    Tc,
    Other,
    Unknown
};  // Unknown: a section name that libbpf does not know

/// A map of an opened object, before it exists.
struct MapSpec {
    MapShape shape;
    std::vector<std::string> tags;   // BTF declaration tags on the map, in order of appearance
    bool is_inner = false;           // stands in the initial values of a map of maps
    bool is_pinned_by_name = false;  // the source asks for LIBBPF_PIN_BY_NAME
    ::bpf_map* handle = nullptr;     // borrowed
    UniqueFd inner_example;          // open until the object is loaded

    [[nodiscard]] Result<> make_mmapable();
    /// Hash kinds: a hash without a random seed, so that two runs have their rows in one order. The
    /// kernel wants CAP_SYS_ADMIN for it (kernel/bpf/hashtab.c:htab_map_alloc_check).
    [[nodiscard]] Result<> make_seedless();
    [[nodiscard]] Result<> set_max_entries(std::uint32_t entries);
    /// Gives the value another type and size. The kernel then has no BTF for the map; we have.
    [[nodiscard]] Result<> set_value(TypePtr type);
    /// Uses an existing map instead of creating one; the kernel counts who does.
    [[nodiscard]] Result<> share(const Map& existing);
    /// Does not pin and does not look for a pin.
    [[nodiscard]] Result<> unpin();
    /// For a map of maps: the shape of the maps inside, by example. Errors: Io, Permission.
    [[nodiscard]] Result<> set_inner(const MapShape& example);
    /// Globals: their initial content, which may be edited; empty for other maps.
    [[nodiscard]] std::span<std::byte> initial_value();
};

struct ProgramSpec {
    std::string function;
    std::string section;
    ProgramKind kind = ProgramKind::Unknown;
    ::bpf_program* handle = nullptr;  // borrowed

    void set_autoload(bool load);
    /// A program of a chain on the hook. One expected attach type for all of them, as the kernel
    /// wants for the programs of a program array since 6.18: BPF_XDP, or none for tc. With frags,
    /// an XDP program takes packets of many buffers (5.18).
    [[nodiscard]] Result<> make_for(Hook hook, bool with_frags);
    /// Puts a value wherever the program, less its subprograms, loads `placeholder`, a 64-bit
    /// immediate.
    [[nodiscard]] Result<> set_immediate(std::uint64_t placeholder, std::uint64_t value);
};

/// A program that exists. Borrows its descriptor.
struct Program {
    std::string function;
    int fd = -1;
};

class LoadedObject;

class Object {
public:
    /// Opens an ELF object; `name` is how messages and the kernel call it.
    /// Errors: Invalid (no ELF, no BPF object, no BTF, SEC("maps")), each with its word.
    [[nodiscard]] static Result<Object> open(std::span<const std::byte> elf,
                                             const std::string& name);

    Object(Object&&) noexcept;
    Object& operator=(Object&&) noexcept;
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;
    ~Object();

    [[nodiscard]] std::vector<MapSpec>& maps();
    [[nodiscard]] const std::vector<MapSpec>& maps() const;
    [[nodiscard]] MapSpec* find_map(std::string_view name);
    [[nodiscard]] std::vector<ProgramSpec>& programs();
    [[nodiscard]] ProgramSpec* find_program(std::string_view function);

    /// Functions that the initial values of program arrays name: they must be loaded too.
    [[nodiscard]] const std::vector<std::string>& static_tail_call_targets() const;
    /// What else the ELF file says of maps and functions.
    [[nodiscard]] const ElfFacts& elf_facts() const;

    /// A `const volatile` global, by name: its bytes in the image of .rodata*; empty if there is
    /// none.
    struct Constant {
        std::span<std::byte> bytes;
        TypePtr type;
    };
    [[nodiscard]] std::optional<Constant> constant(std::string_view name);
    /// Every `const volatile` global of the author's, by name.
    [[nodiscard]] std::vector<std::string> constants();

    /// Creates the maps and loads the programs that are set to autoload.
    /// Errors: Rejected (verifier: the message holds the lines that matter, the log everything),
    /// Permission, Unsupported, Io (memory). On error nothing stays in the kernel.
    [[nodiscard]] Result<LoadedObject> load() &&;

private:
    struct State;
    explicit Object(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
    friend class LoadedObject;
};

class LoadedObject {
public:
    LoadedObject(LoadedObject&&) noexcept;
    LoadedObject& operator=(LoadedObject&&) noexcept;
    LoadedObject(const LoadedObject&) = delete;
    LoadedObject& operator=(const LoadedObject&) = delete;
    ~LoadedObject();

    [[nodiscard]] const std::vector<Map>& maps() const { return maps_; }
    [[nodiscard]] const Map* find_map(std::string_view name) const;
    /// Null: no such program, or it was not loaded.
    [[nodiscard]] std::optional<Program> program(std::string_view function) const;
    /// The maps stay; programs end when nothing in the kernel refers to them any more.
    void unload_programs();

private:
    friend class Object;
    LoadedObject(std::unique_ptr<Object::State> state, std::vector<Map> maps);
    std::unique_ptr<Object::State> state_;
    std::vector<Map> maps_;
};

}  // namespace weir::bpf
