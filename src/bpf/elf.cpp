// SPDX-License-Identifier: Apache-2.0
#include "bpf/elf.h"

#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace weir::bpf {
namespace {

using ElfHandle = std::unique_ptr<Elf, decltype([](Elf* e) { elf_end(e); })>;

std::string_view section_name(Elf* elf, Elf_Scn* section, std::size_t names) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) return {};
    const char* name = elf_strptr(elf, names, header.sh_name);
    return name != nullptr ? name : "";
}

struct Symbol {
    std::string name;
    std::size_t section = 0;  // index of the one that it is defined in
    std::uint64_t begin = 0, end = 0;
    bool is_function = false;
};

/// The named symbols of a symbol table, by their index in it; the others are empty.
std::vector<Symbol> read_symbols(Elf* elf, Elf_Scn* table) {
    std::vector<Symbol> symbols;
    GElf_Shdr header;
    if (table == nullptr || gelf_getshdr(table, &header) == nullptr || header.sh_entsize == 0)
        return symbols;
    Elf_Data* data = elf_getdata(table, nullptr);
    const auto count = static_cast<int>(header.sh_size / header.sh_entsize);
    for (int i = 0; data != nullptr && i < count; ++i) {
        GElf_Sym symbol;
        if (gelf_getsym(data, i, &symbol) == nullptr) break;
        const char* name = elf_strptr(elf, header.sh_link, symbol.st_name);
        symbols.push_back({.name = name != nullptr ? name : "",
                           .section = symbol.st_shndx,
                           .begin = symbol.st_value,
                           .end = symbol.st_value + symbol.st_size,
                           .is_function = GELF_ST_TYPE(symbol.st_info) == STT_FUNC});
    }
    return symbols;
}

/// What is defined around the place; null where nothing with a name is.
const Symbol* symbol_at(const std::vector<Symbol>& symbols, std::size_t section,
                        std::uint64_t offset) {
    const auto it = std::ranges::find_if(symbols, [&](const Symbol& s) {
        return s.section == section && s.begin <= offset && offset < s.end && !s.name.empty();
    });
    return it != symbols.end() ? &*it : nullptr;
}

/// Reads the relocations of .maps (what stands in a map) and of code (which maps it uses).
void read_relocations(Elf* elf, Elf_Scn* relocations, std::size_t maps, ElfFacts& facts) {
    GElf_Shdr header;
    if (gelf_getshdr(relocations, &header) == nullptr || header.sh_entsize == 0) return;
    const std::vector<Symbol> symbols = read_symbols(elf, elf_getscn(elf, header.sh_link));
    Elf_Data* entries = elf_getdata(relocations, nullptr);
    const auto count = static_cast<int>(header.sh_size / header.sh_entsize);
    for (int i = 0; entries != nullptr && i < count; ++i) {
        GElf_Rel entry;
        if (gelf_getrel(entries, i, &entry) == nullptr) return;
        const std::size_t index = GELF_R_SYM(entry.r_info);
        if (index >= symbols.size() || symbols[index].name.empty()) continue;
        const Symbol& named = symbols[index];
        const Symbol* around = symbol_at(symbols, header.sh_info, entry.r_offset);
        if (header.sh_info == maps) {
            (named.is_function ? facts.functions_in_maps : facts.maps_in_maps)
                .push_back(named.name);
            if (named.is_function && around != nullptr)
                facts.static_calls.push_back({.map = around->name, .function = named.name});
        } else if (named.section == maps && around != nullptr && around->is_function) {
            facts.map_uses.push_back({.map = named.name, .function = around->name});
        }
    }
}

/// The index of a section, 0 where there is none of that name.
std::size_t find_section(Elf* elf, std::size_t names, std::string_view name) {
    for (Elf_Scn* s = elf_nextscn(elf, nullptr); s != nullptr; s = elf_nextscn(elf, s))
        if (section_name(elf, s, names) == name) return elf_ndxscn(s);
    return 0;
}

}  // namespace

bool is_elf(std::span<const std::byte> bytes) {
    return bytes.size() >= SELFMAG && std::memcmp(bytes.data(), ELFMAG, SELFMAG) == 0;
}

Result<ElfFacts> read_elf_facts(std::span<const std::byte> bytes) {
    if (!is_elf(bytes)) return fail(Errc::Invalid, "not an ELF object");
    elf_version(EV_CURRENT);
    // SAFETY: libelf takes char*, and only reads: the descriptor is never written or updated.
    const ElfHandle elf(
        elf_memory(const_cast<char*>(reinterpret_cast<const char*>(bytes.data())), bytes.size()));
    GElf_Ehdr header;
    if (!elf || gelf_getehdr(elf.get(), &header) == nullptr)
        return fail(Errc::Invalid, "not an ELF object (damaged header)");
    if (header.e_machine != EM_BPF) {
        return fail(Errc::Invalid, "an ELF file, but not a BPF object",
                    "compile it with: clang -target bpf -O2 -g -c");
    }
    std::size_t names = 0;
    if (elf_getshdrstrndx(elf.get(), &names) != 0)
        return fail(Errc::Invalid, "damaged ELF object (no section names)");
    ElfFacts facts;
    const std::size_t maps = find_section(elf.get(), names, ".maps");
    for (Elf_Scn* s = elf_nextscn(elf.get(), nullptr); s != nullptr;
         s = elf_nextscn(elf.get(), s)) {
        const std::string_view name = section_name(elf.get(), s, names);
        if (name == ".BTF") facts.has_btf = true;
        if (name == "maps") facts.has_legacy_maps = true;
        if (maps != 0 && name.starts_with(".rel")) read_relocations(elf.get(), s, maps, facts);
    }
    return facts;
}

}  // namespace weir::bpf
