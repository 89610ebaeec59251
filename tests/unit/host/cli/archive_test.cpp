#include "cli/archive.hpp"

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <sys/stat.h>

using namespace engram::cli;
using engram::testing::TemporaryFolder;

namespace {

std::string contentOf(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

}  // namespace

TEST("tar unpacks what was written, whatever its length") {
    const TemporaryFolder folder;
    const std::string long_text(100000, 'x'), block(512, 'y');
    CHECK(writeArchive(folder / "a.tgz", {{"b/empty", ""}, {"b/block", block}, {"b/long", long_text}}, 1750000000).ok());
    CHECK_EQ(0, std::system(("tar -C " + folder.path() + " -xzf " + (folder / "a.tgz")).c_str()));
    CHECK_TEXT("", contentOf(folder / "b/empty"));
    CHECK_TEXT(block, contentOf(folder / "b/block"));
    CHECK_TEXT(long_text, contentOf(folder / "b/long"));
    struct stat status {};
    CHECK_EQ(0, stat((folder / "b/long").c_str(), &status));
    CHECK_EQ(time_t(1750000000), status.st_mtime);
    CHECK_EQ(0, stat((folder / "a.tgz").c_str(), &status));
    CHECK_EQ(mode_t(0600), status.st_mode & 07777);
}

TEST("a file that is there is not touched, and a folder that is not is an error that names it") {
    const TemporaryFolder folder;
    std::ofstream(folder / "a.tgz") << "mine";
    auto refused = writeArchive(folder / "a.tgz", {}, 0);
    CHECK(!refused.ok());
    CHECK(refused.error().message.find("a.tgz") != std::string::npos);
    CHECK_TEXT("mine", contentOf(folder / "a.tgz"));
    CHECK(!writeArchive(folder / "none/a.tgz", {}, 0).ok());
}
