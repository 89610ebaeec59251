#include "loader/manifest_reader.hpp"

#include <elf.h>
#include <engram/plugin.h>

#include <cstring>
#include <optional>
#include <vector>

namespace engram::loader {
namespace {

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
#else
#error "name this machine's ELF number here"
#endif

constexpr const char* kRebuild = "build it with engram_add_plugin() of this version's SDK";
constexpr const char* kCopyAgain = "copy or install the file again";

Error refuse(std::string reason, const char* fix) {
    return {"plugin", std::move(reason), fix, ""};
}

// Copies T's out of the file; nothing outside of it is ever touched.
class Bytes {
public:
    explicit Bytes(std::string_view file) : file_(file) {}

    bool holds(uint64_t offset, uint64_t size) const {
        return offset <= file_.size() && size <= file_.size() - offset;
    }
    template <class T>
    std::optional<T> at(uint64_t offset) const {
        if (!holds(offset, sizeof(T))) return std::nullopt;
        T value;
        std::memcpy(&value, file_.data() + offset, sizeof value);
        return value;
    }
    // `count` T's, or nothing if they are not all inside.
    template <class T>
    std::optional<std::vector<T>> array(uint64_t offset, uint64_t count) const {
        if (count > file_.size() / sizeof(T) || !holds(offset, count * sizeof(T))) return std::nullopt;
        std::vector<T> values(count);
        if (count) std::memcpy(values.data(), file_.data() + offset, count * sizeof(T));
        return values;
    }
    std::string_view slice(uint64_t offset, uint64_t size) const { return file_.substr(offset, size); }

private:
    std::string_view file_;
};

// The NUL-terminated name at `offset` of a string table; empty if it is not inside.
std::string_view nameAt(std::string_view table, uint64_t offset) {
    if (offset >= table.size()) return {};
    const std::string_view rest = table.substr(offset);
    const size_t end = rest.find('\0');
    return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

Result<Elf64_Ehdr> readHeader(const Bytes& bytes) {
    const auto header = bytes.at<Elf64_Ehdr>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return refuse("is not an ELF file", kCopyAgain);
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
        return refuse("is not a 64-bit little-endian ELF file", kRebuild);
    if (header->e_type != ET_DYN) return refuse("is not a shared object", kRebuild);
    if (header->e_machine != kMachine)
        return refuse(
            "was built for another processor (ELF machine " + std::to_string(header->e_machine) + ")",
            "install the build for this machine");
    return *header;
}

Result<void> checkSegments(const Bytes& bytes, const Elf64_Ehdr& header) {
    if (header.e_phentsize != sizeof(Elf64_Phdr))
        return refuse("has a broken program header table", kCopyAgain);
    const auto segments = bytes.array<Elf64_Phdr>(header.e_phoff, header.e_phnum);
    if (!segments) return refuse("is truncated: its program headers are missing", kCopyAgain);
    for (const Elf64_Phdr& segment : *segments) {
        if (segment.p_type == PT_LOAD && !bytes.holds(segment.p_offset, segment.p_filesz))
            return refuse("is truncated: a segment ends behind the end of the file", kCopyAgain);
        if (segment.p_type == PT_GNU_STACK && (segment.p_flags & PF_X) != 0)
            return refuse("asks for an executable stack", kRebuild);
    }
    return {};
}

struct Sections {
    std::vector<Elf64_Shdr> headers;
    std::string_view names;

    std::string_view nameOf(const Elf64_Shdr& section) const { return nameAt(names, section.sh_name); }
};

Result<Sections> readSections(const Bytes& bytes, const Elf64_Ehdr& header) {
    if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum == 0 ||
        header.e_shstrndx >= header.e_shnum)
        return refuse("has a broken section table", kCopyAgain);
    auto headers = bytes.array<Elf64_Shdr>(header.e_shoff, header.e_shnum);
    if (!headers) return refuse("is truncated: its section table is missing", kCopyAgain);
    const Elf64_Shdr& strings = (*headers)[header.e_shstrndx];
    if (strings.sh_type != SHT_STRTAB || !bytes.holds(strings.sh_offset, strings.sh_size))
        return refuse("has a broken table of section names", kCopyAgain);
    return Sections{std::move(*headers), bytes.slice(strings.sh_offset, strings.sh_size)};
}

// Text of a section up to its first NUL; nullopt if there is no such section.
Result<std::optional<std::string>> readText(const Bytes& bytes, const Sections& sections,
                                            std::string_view name) {
    for (const Elf64_Shdr& section : sections.headers) {
        if (sections.nameOf(section) != name) continue;
        if (section.sh_type == SHT_NOBITS || section.sh_size > kMaxManifest ||
            !bytes.holds(section.sh_offset, section.sh_size))
            return refuse("has a broken section " + std::string(name), kRebuild);
        const std::string_view text = bytes.slice(section.sh_offset, section.sh_size);
        return std::optional(std::string(text.substr(0, text.find('\0'))));
    }
    return std::optional<std::string>();
}

Result<void> checkSymbolTable(const Bytes& bytes, const Sections& sections, const Elf64_Shdr& table,
                              size_t& entries) {
    const auto symbols = bytes.array<Elf64_Sym>(table.sh_offset, table.sh_size / sizeof(Elf64_Sym));
    if (!symbols || table.sh_link >= sections.headers.size())
        return refuse("has a broken symbol table", kCopyAgain);
    const Elf64_Shdr& strings = sections.headers[table.sh_link];
    if (strings.sh_type != SHT_STRTAB || !bytes.holds(strings.sh_offset, strings.sh_size))
        return refuse("has a broken symbol table", kCopyAgain);
    const std::string_view names = bytes.slice(strings.sh_offset, strings.sh_size);
    for (const Elf64_Sym& symbol : *symbols) {
        if (symbol.st_shndx == SHN_UNDEF || ELF64_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
        const std::string name(nameAt(names, symbol.st_name).substr(0, 120));
        if (ELF64_ST_BIND(symbol.st_info) == STB_GNU_UNIQUE)
            return refuse("has the GNU_UNIQUE symbol " + name, kRebuild);
        if (name != ENGRAM_ENTRY_SYMBOL) return refuse("exports the symbol " + name, kRebuild);
        ++entries;
    }
    return {};
}

Result<void> checkExports(const Bytes& bytes, const Sections& sections) {
    size_t entries = 0;
    for (const Elf64_Shdr& section : sections.headers)
        if (section.sh_type == SHT_DYNSYM)
            if (auto ok = checkSymbolTable(bytes, sections, section, entries); !ok) return ok;
    if (entries != 1) return refuse("does not export " ENGRAM_ENTRY_SYMBOL ", so it is no plugin", kRebuild);
    return {};
}

}  // namespace

Result<ManifestSections> readManifest(std::string_view file) {
    const Bytes bytes(file);
    auto header = readHeader(bytes);
    if (!header) return header.error();
    if (auto ok = checkSegments(bytes, *header); !ok) return ok.error();
    auto sections = readSections(bytes, *header);
    if (!sections) return sections.error();
    if (auto ok = checkExports(bytes, *sections); !ok) return ok.error();
    auto manifest = readText(bytes, *sections, "engram_manifest");
    if (!manifest) return manifest.error();
    if (!*manifest)
        return refuse("has no section engram_manifest", "declare it with ENGRAM_PLUGIN or ENGRAM_MANIFEST");
    auto drafts = readText(bytes, *sections, "engram_drafts");
    if (!drafts) return drafts.error();
    return ManifestSections{std::move(**manifest), drafts->value_or("")};
}

}  // namespace engram::loader
