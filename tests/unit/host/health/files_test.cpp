#include "health/files.hpp"

#include "codes.hpp"
#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <fstream>

#include <sys/stat.h>

using namespace engram::health;
using engram::testing::TemporaryFolder;

namespace {

void put(const std::string& path, mode_t mode) {
    std::ofstream(path) << "content";
    chmod(path.c_str(), mode);
}

Findings looked(const std::string& data) {
    Findings out;
    checkFiles(data, out);
    sortFindings(out);
    return out;
}

}  // namespace

TEST("a closed folder of closed files is well, and a missing one is no matter") {
    const TemporaryFolder folder;
    put(folder / "engram.db", 0600);
    CHECK_TEXT("", codesOf(looked(folder.path())));
    CHECK_TEXT("", codesOf(looked(folder / "none")));
}

TEST("files open to others are one finding with a count, secrets each their own") {
    const TemporaryFolder folder;
    mkdir((folder / "sub").c_str(), 0700);
    put(folder / "a.db", 0644);
    put(folder / "sub/b.db", 0640);
    put(folder / "sub/pepper", 0644);
    put(folder / "tls.key", 0640);
    const Findings found = looked(folder.path());
    CHECK_TEXT("secret_readable secret_readable data_open", codesOf(found));
    CHECK(found[2].evidence.find(" and 1 others") != std::string::npos);
    CHECK(found[2].evidence.find("mode 06") != std::string::npos);
    CHECK_TEXT(folder.path(), found[2].path);
}

TEST("the folder itself may be what is open") {
    const TemporaryFolder folder;
    chmod(folder.path().c_str(), 0755);
    CHECK_TEXT("data_open", codesOf(looked(folder.path())));
}

TEST("the first key lying about is a note, and an error once others can read it") {
    const TemporaryFolder folder;
    put(folder / "first-key", 0600);
    CHECK_TEXT("first_key_file", codesOf(looked(folder.path())));
    chmod((folder / "first-key").c_str(), 0604);
    CHECK_TEXT("secret_readable first_key_file", codesOf(looked(folder.path())));
}

TEST("leftovers are told of by name; what is in use is none") {
    const TemporaryFolder folder;
    mkdir((folder / "tenants").c_str(), 0700);
    mkdir((folder / "tenants/0.coming").c_str(), 0700);
    put(folder / "tenants/snapshot.tmp", 0600);
    mkdir((folder / "spool").c_str(), 0700);
    put(folder / "spool/cursor.new", 0600);
    put(folder / "tenants/engram.db.new", 0600);  // a person's: a good copy on its way
    put(folder / "notes.tmp", 0600);
    put(folder / "engram.db", 0600);
    put(folder / "engram.db-wal", 0600);
    Findings out;
    checkLeftovers(folder.path(), out);
    CHECK_TEXT("leftover_file leftover_file leftover_file", codesOf(out));
}

TEST("a configuration that others can change is an error with the command that closes it") {
    const TemporaryFolder folder;
    put(folder / "engram.toml", 0644);
    Findings out;
    checkConfigFile(folder / "engram.toml", out);
    CHECK_TEXT("", codesOf(out));
    chmod((folder / "engram.toml").c_str(), 0646);
    checkConfigFile(folder / "engram.toml", out);
    CHECK_TEXT("config_writable", codesOf(out));
    CHECK_TEXT("chmod go-w " + (folder / "engram.toml"), out[0].fix);
}
