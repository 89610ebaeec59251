#include "config/data_directory.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace fs = std::filesystem;
using engram::config::DataDirectory;
using engram::config::socketPath;
using engram::testing::TemporaryFolder;

namespace {

mode_t modeOf(const std::string& path) {
    struct stat status {};
    CHECK_EQ(0, lstat(path.c_str(), &status));
    return status.st_mode & 07777;
}

// Another process that holds the lock of a data directory until it is let go.
class Holder {
public:
    explicit Holder(const std::string& data) {
        int ready[2], leave[2];
        CHECK(pipe(ready) == 0 && pipe(leave) == 0);
        child_ = fork();
        if (child_ == 0) {
            close(leave[1]);
            auto held = DataDirectory::open(data);
            const char answer = held ? 'y' : 'n';
            char byte;
            const bool told = write(ready[1], &answer, 1) == 1 && read(leave[0], &byte, 1) == 0;
            _exit(told ? 0 : 1);
        }
        close(ready[1]);
        close(leave[0]);
        leave_ = leave[1];
        char answer = 0;
        CHECK(read(ready[0], &answer, 1) == 1 && answer == 'y');
        close(ready[0]);
    }
    pid_t pid() const { return child_; }
    void letGo() {
        if (leave_ < 0) return;
        close(leave_);
        leave_ = -1;
        int status = 0;
        waitpid(child_, &status, 0);
    }
    ~Holder() { letGo(); }

private:
    pid_t child_ = 0;
    int leave_ = -1;
};

// The environment decides where sockets are; each test says what it is and puts it back.
class Variable {
public:
    Variable(const char* name, const std::string& value) : name_(name) {
        if (const char* before = std::getenv(name)) before_ = before;
        setenv(name, value.c_str(), 1);
    }
    ~Variable() {
        if (before_.empty())
            unsetenv(name_);
        else
            setenv(name_, before_.c_str(), 1);
    }

private:
    const char* name_;
    std::string before_;
};

}  // namespace

TEST("a new data directory is ours alone") {
    TemporaryFolder folder;
    for (const char* name : {"/a", "/b/c/", "/d//"}) {
        auto data = DataDirectory::open(folder.path() + name);
        CHECK_MESSAGE(data ? "" : data.error().message, data.ok());
        CHECK_EQ(mode_t(0700), modeOf(data->path()));
        CHECK_EQ(mode_t(0600), modeOf(data->path() + "/LOCK"));
    }
}

TEST("the second holder is told who the first is, and gets the lock when it has gone") {
    TemporaryFolder folder;
    Holder holder(folder.path());
    auto second = DataDirectory::open(folder.path());
    CHECK(!second);
    CHECK_TEXT("locked", second.error().code);
    const std::string expected = "in use by process " + std::to_string(holder.pid()) + " since 20";
    CHECK_MESSAGE(second.error().message, second.error().message.find(expected) != std::string::npos);
    holder.letGo();
    CHECK(DataDirectory::open(folder.path()).ok());
}

TEST("a data directory that others can write, or that is none, is refused") {
    TemporaryFolder folder;
    CHECK_EQ(0, chmod(folder.path().c_str(), 0770));
    auto open = DataDirectory::open(folder.path());
    CHECK(!open && open.error().hint.find("chmod 700") != std::string::npos);
    CHECK_EQ(0, chmod(folder.path().c_str(), 0700));
    auto file = DataDirectory::open("/proc/self/status");
    CHECK(!file && file.error().message.find("is not a folder") != std::string::npos);
    CHECK(!DataDirectory::open("/proc/nowhere/data"));
}

TEST("a lock that is a link is not followed") {
    TemporaryFolder folder;
    fs::create_symlink(folder / "elsewhere", folder / "LOCK");
    CHECK(!DataDirectory::open(folder.path()));
    CHECK(!fs::exists(folder / "elsewhere"));
}

TEST("the socket lies in the runtime folder, one for each data directory") {
    TemporaryFolder runtime, data;
    Variable variable("XDG_RUNTIME_DIR", runtime.path());
    fs::create_directory(data / "one");
    fs::create_directory(data / "two");
    fs::create_directory_symlink(data / "one", data / "link");
    const std::string one = *socketPath(data / "one");
    CHECK(one.starts_with(runtime.path() + "/engram/") && one.ends_with(".sock"));
    CHECK_EQ(mode_t(0700), modeOf(runtime / "engram"));
    CHECK_TEXT(one, *socketPath(data / "link"));
    CHECK_TEXT(one, *socketPath((data / "one") + "/"));
    CHECK(one != *socketPath(data / "two"));
}

TEST("without a runtime folder the socket lies in a folder of ours in the temporary one") {
    TemporaryFolder temporary, data;
    Variable runtime("XDG_RUNTIME_DIR", ""), tmp("TMPDIR", temporary.path());
    const std::string folder = temporary / ("engram-" + std::to_string(geteuid()));
    CHECK((*socketPath(data.path())).starts_with(folder + "/"));
    CHECK_EQ(mode_t(0700), modeOf(folder));
}

TEST("a socket folder that somebody prepared is refused") {
    TemporaryFolder temporary, data, trap;
    Variable runtime("XDG_RUNTIME_DIR", ""), tmp("TMPDIR", temporary.path());
    const std::string folder = temporary / ("engram-" + std::to_string(geteuid()));
    fs::create_directory_symlink(trap.path(), folder);
    CHECK(!socketPath(data.path()));
    fs::remove(folder);
    fs::create_directory(folder);
    fs::permissions(folder, fs::perms::all);
    CHECK(socketPath(data.path()).ok());
    CHECK_EQ(mode_t(0700), modeOf(folder));
    if (geteuid() != 0) return;
    CHECK_EQ(0, chown(folder.c_str(), 4711, 4711));
    auto foreign = socketPath(data.path());
    CHECK(!foreign && foreign.error().message.find("belongs to another user") != std::string::npos);
}

TEST("a path that no socket can have is refused") {
    TemporaryFolder temporary, data;
    const std::string deep = temporary / std::string(100, 'd');
    fs::create_directory(deep);
    Variable runtime("XDG_RUNTIME_DIR", ""), tmp("TMPDIR", deep);
    auto path = socketPath(data.path());
    CHECK(!path && path.error().message.find("too long") != std::string::npos);
}
