// SPDX-License-Identifier: Apache-2.0
#include "bpf/elf.h"

#include <gelf.h>
#include <libelf.h>

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

/// Sorts the symbols that the relocations of .maps name into functions and maps.
void read_map_relocations(Elf* elf, Elf_Scn* relocations, ElfFacts& facts) {
    GElf_Shdr header;
    if (gelf_getshdr(relocations, &header) == nullptr || header.sh_entsize == 0) return;
    Elf_Scn* symbols = elf_getscn(elf, header.sh_link);
    GElf_Shdr symbols_header;
    if (symbols == nullptr || gelf_getshdr(symbols, &symbols_header) == nullptr) return;
    Elf_Data* entries = elf_getdata(relocations, nullptr);
    Elf_Data* table = elf_getdata(symbols, nullptr);
    if (entries == nullptr || table == nullptr) return;
    const auto count = static_cast<int>(header.sh_size / header.sh_entsize);
    for (int i = 0; i < count; ++i) {
        GElf_Rel entry;
        GElf_Sym symbol;
        if (gelf_getrel(entries, i, &entry) == nullptr) return;
        if (gelf_getsym(table, static_cast<int>(GELF_R_SYM(entry.r_info)), &symbol) == nullptr)
            return;
        const char* name = elf_strptr(elf, symbols_header.sh_link, symbol.st_name);
        if (name == nullptr || *name == '\0') continue;
        const bool is_function = GELF_ST_TYPE(symbol.st_info) == STT_FUNC;
        (is_function ? facts.functions_in_maps : facts.maps_in_maps).emplace_back(name);
    }
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
    for (Elf_Scn* s = elf_nextscn(elf.get(), nullptr); s != nullptr;
         s = elf_nextscn(elf.get(), s)) {
        const std::string_view name = section_name(elf.get(), s, names);
        if (name == ".BTF") facts.has_btf = true;
        if (name == "maps") facts.has_legacy_maps = true;
        if (name == ".rel.maps") read_map_relocations(elf.get(), s, facts);
    }
    return facts;
}

}  // namespace weir::bpf
