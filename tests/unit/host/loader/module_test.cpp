#include "loader/module.hpp"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace fs = std::filesystem;
using engram::loader::inspect;
using engram::testing::TemporaryFolder;

namespace {

// A folder of our own with a copy of a good plugin.
struct Place {
    TemporaryFolder folder;
    std::string file = folder / "plugin.so";

    Place() {
        fs::copy_file(PLUGIN_FAKE_AUTH, file);
        mode(file, 0755);
    }
    static void mode(const std::string& path, mode_t bits) { CHECK_EQ(0, chmod(path.c_str(), bits)); }
    engram::Result<engram::loader::ModuleFile> look(const std::string& use = "plugin",
                                                    const std::string& pin = "") {
        return inspect({use, pin}, {folder.path()});
    }
    void refuses(const std::string& reason, const std::string& fix, const std::string& use = "plugin") {
        auto found = look(use);
        CHECK_MESSAGE("not refused: " + reason, !found);
        CHECK_MESSAGE(found.error().message, found.error().message.find(reason) != std::string::npos);
        CHECK_MESSAGE(found.error().hint, found.error().hint.find(fix) != std::string::npos);
    }
};

std::string sha256(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    unsigned char digest[32];
    EVP_Digest(bytes.data(), bytes.size(), digest, nullptr, EVP_sha256(), nullptr);
    std::string hex;
    for (unsigned char byte : digest) {
        char two[3];
        std::snprintf(two, sizeof two, "%02X", byte);
        hex += two;
    }
    return hex;
}

}  // namespace

TEST("a plugin is found in the first folder that has it") {
    Place place;
    TemporaryFolder empty;
    auto found = inspect({"plugin", ""}, {empty.path(), "/nonexistent", place.folder.path()});
    CHECK_MESSAGE(found ? "" : found.error().message, found.ok());
    CHECK_TEXT(place.file, found->path.string());
    CHECK(engram::loader::loadModule(*found).ok());
}

TEST("a file that others can write is refused with the command that repairs it") {
    Place place;
    Place::mode(place.file, 0757);
    place.refuses("can be written by others", "chmod go-w " + place.file);
    Place::mode(place.file, 0775);
    place.refuses("can be written by others", "chmod go-w " + place.file);
    Place::mode(place.file, 0700);
    CHECK(place.look().ok());
}

TEST("a folder that others can write is refused unless it is sticky") {
    Place place;
    Place::mode(place.folder.path(), 0777);
    place.refuses("its folder " + place.folder.path() + " can be written by others", "chmod o-w");
    Place::mode(place.folder.path(), 01777);
    CHECK(place.look().ok());
    Place::mode(place.folder.path(), 0700);
}

TEST("a file or folder of another user is refused") {
    if (geteuid() != 0) {
        std::cerr << "skipped: needs root to give a file away\n";
        return;
    }
    Place place;
    CHECK_EQ(0, chown(place.file.c_str(), 4711, 4711));
    place.refuses("belongs to user 4711", "chown root");
    CHECK_EQ(0, chown(place.file.c_str(), 0, 0));
    CHECK_EQ(0, chown(place.folder.path().c_str(), 4711, 4711));
    place.refuses("belongs to user 4711", "chown root");
    CHECK_EQ(0, chown(place.folder.path().c_str(), 0, 0));
}

TEST("links, folders and pipes are no plugins") {
    Place place;
    fs::create_symlink(place.file, place.folder / "link.so");
    place.refuses("is a symbolic link", "install the file itself", "link");
    fs::create_directory(place.folder / "folder.so");
    place.refuses("is not a regular file", "install", "folder");
    CHECK_EQ(0, mkfifo((place.folder / "pipe.so").c_str(), 0600));
    place.refuses("is not a regular file", "install", "pipe");
}

TEST("a name cannot lead out of the plugin folders") {
    Place place;
    for (const char* use : {"../plugin", "/etc/passwd", "", ".", "..", "a/b", "plugin\n"})
        place.refuses("must be a file name", "plugins.dirs", use);
}

TEST("a pin admits the file it was made for and no other") {
    Place place;
    const std::string pin = sha256(place.file);
    CHECK(place.look("plugin", pin).ok());
    std::ofstream(place.file, std::ios::app) << "x";
    auto found = place.look("plugin", pin);
    CHECK(!found);
    CHECK(found.error().message.find("has the SHA-256") != std::string::npos);
}

TEST("a truncated file is refused before it is mapped") {
    Place place;
    fs::resize_file(place.file, fs::file_size(place.file) / 2);
    place.refuses("is truncated", "install the file again");
    fs::resize_file(place.file, 10);
    place.refuses("is not an ELF file", "install the file again");
}
