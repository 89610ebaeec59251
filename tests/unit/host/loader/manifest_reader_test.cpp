#include "loader/manifest_reader.hpp"

#include <elf.h>
#include <engram/drafts.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "loader/config_schema.hpp"
#include "loader/manifest.hpp"
#include "support/test.hpp"

using engram::loader::parseManifest;
using engram::loader::readManifest;

namespace {

std::string fileOf(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

const std::string& good() {
    static const std::string bytes = fileOf(PLUGIN_FAKE_AUTH);
    return bytes;
}

void refusedFor(const std::string& bytes, const std::string& reason) {
    auto read = readManifest(bytes);
    CHECK_MESSAGE("not refused, expected: " + reason, !read);
    CHECK_MESSAGE(read.error().message, read.error().message.find(reason) != std::string::npos);
    CHECK(!read.error().hint.empty());
}

std::string manifest(const std::string& more) {
    return R"({"id":"a","version":"1.0","kind":"auth","provides":["engram.auth/1"])" + more + "}";
}

void manifestRefusedFor(const std::string& text, const std::string& reason) {
    auto parsed = parseManifest(text);
    CHECK_MESSAGE("not refused, expected: " + reason, !parsed);
    CHECK_MESSAGE(parsed.error().message + parsed.error().hint,
                  (parsed.error().message + parsed.error().hint).find(reason) != std::string::npos);
}

}  // namespace

TEST("the manifest of a good plugin is read without loading it") {
    auto read = readManifest(good());
    CHECK(read.ok());
    auto parsed = parseManifest(read->manifest);
    CHECK_MESSAGE(parsed ? "" : parsed.error().message, parsed.ok());
    CHECK_TEXT("fake-auth", parsed->id);
    CHECK(parsed->offers("engram.auth/1"));
    CHECK(engram::loader::checkDrafts(*parsed, read->drafts, ENGRAM_DRAFTS).ok());
}

TEST("a file cut anywhere is refused") {
    for (size_t size = 0; size < good().size(); size += 64) CHECK(!readManifest(good().substr(0, size)));
}

TEST("a file with any byte corrupted is read or refused, never crashes") {
    std::string bytes = good();
    for (size_t at = 0; at < bytes.size(); at += 64)
        for (unsigned char flip : {0xFF, 0x80, 0x01}) {
            bytes[at] = static_cast<char>(bytes[at] ^ flip);
            if (auto read = readManifest(bytes)) (void)parseManifest(read->manifest);
            bytes[at] = static_cast<char>(bytes[at] ^ flip);
        }
}

TEST("every byte of the header and the section table may be hostile") {
    std::string bytes = good();
    Elf64_Ehdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    const size_t end = header.e_shoff + size_t(header.e_shnum) * header.e_shentsize;
    CHECK_EQ(bytes.size(), end);
    const auto hurt = [&](size_t at) {
        const char was = bytes[at];
        for (unsigned char value : {0x00, 0x7F, 0xFF}) {
            bytes[at] = static_cast<char>(value);
            if (auto read = readManifest(bytes)) (void)parseManifest(read->manifest);
        }
        bytes[at] = was;
    };
    for (size_t at = 0; at < sizeof header; ++at) hurt(at);
    for (size_t at = header.e_shoff; at < end; ++at) hurt(at);
}

TEST("what is no plugin is refused with the reason") {
    refusedFor("", "is not an ELF file");
    refusedFor("#!/bin/sh\n" + std::string(1000, 'x'), "is not an ELF file");
    refusedFor(fileOf("/proc/self/exe"), "exports the symbol");
    std::string other = good();
    other[EI_CLASS] = ELFCLASS32;
    refusedFor(other, "is not a 64-bit");
    other = good();
    other[offsetof(Elf64_Ehdr, e_machine)] = static_cast<char>(EM_S390);
    refusedFor(other, "another processor");
    other = good();
    other[other.find(std::string("engram_manifest\0", 16))] = 'x';
    refusedFor(other, "no section engram_manifest");
}

TEST("a manifest must name what it is") {
    CHECK(parseManifest(manifest("")).ok());
    manifestRefusedFor("", "not valid JSON");
    manifestRefusedFor("[]", "no JSON object");
    manifestRefusedFor(R"({"version":"1","kind":"auth","provides":["engram.auth/1"]})", "no 'id'");
    manifestRefusedFor(R"({"id":"../x","version":"1","kind":"auth","provides":["engram.auth/1"]})",
                       "no 'id'");
    manifestRefusedFor(R"({"id":"a","kind":"auth","provides":["engram.auth/1"]})", "no 'version'");
    manifestRefusedFor(R"({"id":"a","version":"1","kind":"auht","provides":["engram.auth/1"]})", "'auth'");
    manifestRefusedFor(R"({"id":"a","version":"1","kind":"auth","provides":[]})", "no 'provides'");
    manifestRefusedFor(R"({"id":"a","version":"1","kind":"auth","provides":["auth"]})", "no id such as");
    manifestRefusedFor(R"({"id":"a","version":"1","kind":"auth","provides":["a.b/1","a.b/1"]})", "twice");
    manifestRefusedFor(manifest(R"(,"servics":[])"), "did you mean 'services'?");
    manifestRefusedFor(manifest(R"(,"status":"fine")"), "stable, beta or experimental");
    CHECK(parseManifest(manifest(R"(,"homepage":"https://example.com")")).ok());
}

TEST("an interface unknown to the host or of another draft is refused") {
    const auto parsed = parseManifest(manifest(R"(,"services":["engram.host.log/1"])"));
    const auto reason = [&](const char* theirs, const char* ours) {
        auto checked = engram::loader::checkDrafts(*parsed, theirs, ours);
        return checked ? std::string() : checked.error().message;
    };
    CHECK_TEXT("", reason("engram.auth/1=1;engram.host.log/1=2;", "engram.host.log/1=2;engram.auth/1=1;"));
    CHECK(reason("engram.auth/1=1;", "engram.auth/1=1;").find("service engram.host.log/1") !=
          std::string::npos);
    CHECK(reason("engram.auth/1=1;", "engram.host.log/1=2;").find("does not know") != std::string::npos);
    CHECK(reason("engram.host.log/1=2", "engram.host.log/1=2;engram.auth/1=1;").find("draft") !=
          std::string::npos);
}

TEST("the published schema and the host agree on manifests") {
    auto schema = engram::json::parse(fileOf(MANIFEST_SCHEMA));
    CHECK(schema.ok());
    const auto agree = [&](const std::string& text) {
        const bool host = parseManifest(text).ok(),
                   published = engram::loader::applySchema(*schema, text).ok();
        CHECK_MESSAGE(text, host == published);
        return host;
    };
    CHECK(agree(readManifest(good())->manifest));
    CHECK(agree(manifest(R"(,"homepage":"https://example.com","config":{"type":"object"})")));
    CHECK(!agree(R"({"id":"a","version":"1","kind":"auth"})"));
    for (const char* kind : {"storage", "hook", "billing", "thing"})
        agree(R"({"id":"a","version":"1","provides":["a/1"],"kind":")" + std::string(kind) + "\"}");
    for (const char* id : {"A", "a_b", "a.b-c", "9"})
        agree(R"({"version":"1","kind":"auth","provides":["a/1"],"id":")" + std::string(id) + "\"}");
    CHECK(!agree(manifest(R"(,"status":"fine")")));
    CHECK(!agree(manifest(R"(,"services":["log"])")));
}
