#include "health/fixes.hpp"

#include "codes.hpp"
#include "config/data_directory.hpp"
#include "health/files.hpp"
#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <filesystem>
#include <fstream>

#include <sys/stat.h>

using namespace engram;
using namespace engram::health;
using engram::testing::TemporaryFolder;

namespace {

mode_t modeOf(const std::string& path) {
    struct stat status {};
    CHECK_EQ(0, lstat(path.c_str(), &status));
    return status.st_mode & 07777;
}

Findings messIn(const TemporaryFolder& folder) {
    mkdir((folder / "sub").c_str(), 0755);
    chmod((folder / "sub").c_str(), 0755);
    for (const char* name : {"sub/a.db", "pepper", "sub/snapshot.tmp"}) {
        std::ofstream(folder / name) << "content";
        chmod((folder / name).c_str(), 0664);
    }
    Findings out;
    checkFiles(folder.path(), out);
    checkLeftovers(folder.path(), out);
    return out;
}

}  // namespace

TEST("a dry run says what would be done and changes nothing") {
    const TemporaryFolder folder;
    const Findings mess = messIn(folder);
    CHECK(!applyFixes(mess, folder.path(), Mode::DryRun).empty());
    CHECK_EQ(mode_t(0664), modeOf(folder / "pepper"));
    CHECK(std::filesystem::exists(folder / "sub/snapshot.tmp"));
}

TEST("permissions are closed, leftovers removed, and nothing is left to find") {
    const TemporaryFolder folder;
    const Findings mess = messIn(folder);
    for (const Fix& fix : applyFixes(mess, folder.path(), Mode::Apply)) CHECK_TEXT("", fix.error);
    CHECK_EQ(mode_t(0600), modeOf(folder / "pepper"));
    CHECK_EQ(mode_t(0700), modeOf(folder / "sub"));
    CHECK(!std::filesystem::exists(folder / "sub/snapshot.tmp"));
    Findings left;
    checkFiles(folder.path(), left);
    checkLeftovers(folder.path(), left);
    CHECK_TEXT("", codesOf(left));
    CHECK(applyFixes(mess, folder.path(), Mode::Apply).size() <= 1);  // again: nothing but what is already gone
}

TEST("a link is not followed, and contents stay") {
    const TemporaryFolder folder, outside;
    std::ofstream(outside / "theirs") << "content";
    chmod((outside / "theirs").c_str(), 0666);
    std::filesystem::create_symlink(outside / "theirs", folder / "pepper");
    Finding found = finding("secret_readable", "pepper");
    found.path = folder / "pepper";
    applyFixes({found}, folder.path(), Mode::Apply);
    CHECK_EQ(mode_t(0666), modeOf(outside / "theirs"));
}

TEST("leftovers stay while a server holds the data, and the first key always does") {
    const TemporaryFolder folder;
    const std::string data = folder / "data";
    auto held = config::DataDirectory::open(data);
    for (const char* name : {"/snapshot.tmp", "/first-key"}) std::ofstream(data + name) << "content";
    Findings found;
    checkFiles(data, found);
    checkLeftovers(data, found);
    applyFixes(found, data, Mode::Apply);
    CHECK(std::filesystem::exists(data + "/snapshot.tmp"));
    CHECK(std::filesystem::exists(data + "/first-key"));
}
