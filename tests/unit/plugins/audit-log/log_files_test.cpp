#include "log_files.hpp"

#include "sample.hpp"
#include "support/temporary_folder.hpp"
#include "support/test.hpp"
#include "verdict.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>

#include <sys/resource.h>
#include <sys/stat.h>

using namespace engram;
using namespace engram::audit_log;

namespace {

struct Opened {
    std::unique_ptr<LogFiles> files;
    std::string repaired;
};

Opened open(const std::string& folder, uint64_t max_bytes = 1 << 20, unsigned keep = 8) {
    Opened opened;
    opened.files = std::make_unique<LogFiles>(LogFiles::Options{folder, max_bytes, keep});
    CHECK_TEXT("", opened.files->open(opened.repaired));
    return opened;
}

void append(LogFiles& files, int n, std::string details = "{}") {
    for (int i = 0; i < n; ++i) {
        const Sample sample(static_cast<uint8_t>(i), details);
        CHECK_TEXT("", files.append(&sample.event, 1));
    }
}

Verdict judged(const LogFiles& files, const std::string& folder) { return judge(files.parts(), readHead(folder)); }

}  // namespace

TEST("the chain goes on over restarts and files") {
    testing::TemporaryFolder folder;
    for (int round = 0; round < 4; ++round) append(*open(folder.path(), 1000).files, 5);
    const auto opened = open(folder.path(), 1000);
    const Verdict verdict = judged(*opened.files, folder.path());
    CHECK_TEXT("", verdict.problem);
    CHECK_EQ(uint64_t(20), verdict.entries);
    CHECK_EQ(uint64_t(20), verdict.last);
    CHECK(opened.files->parts().size() > 1);
    for (const auto& part : opened.files->parts()) {
        struct stat about {};
        CHECK_EQ(0, stat(part.path.c_str(), &about));
        CHECK_EQ(mode_t(0600), about.st_mode & 0777);
        CHECK(about.st_size <= 1000);
    }
}

TEST("the oldest files go, and what is left is intact") {
    testing::TemporaryFolder folder;
    const auto opened = open(folder.path(), 1000, 3);
    append(*opened.files, 40);
    CHECK_EQ(size_t(3), opened.files->parts().size());
    const Verdict verdict = judged(*opened.files, folder.path());
    CHECK_TEXT("", verdict.problem);
    CHECK(verdict.first > 1);
    CHECK_EQ(uint64_t(40), verdict.last);
}

TEST("a line longer than a file has one of its own") {
    testing::TemporaryFolder folder;
    const auto opened = open(folder.path(), 1000);
    append(*opened.files, 1);
    append(*opened.files, 1, "{\"long\":\"" + std::string(5000, 'x') + "\"}");
    append(*opened.files, 1);
    CHECK_EQ(size_t(3), opened.files->parts().size());
    CHECK_TEXT("", judged(*opened.files, folder.path()).problem);
}

TEST("a line torn at any byte is taken back, and what comes again follows on") {
    for (size_t torn = 1; torn < 300; torn += 13) {
        testing::TemporaryFolder folder;
        std::string path;
        {
            const auto opened = open(folder.path());
            append(*opened.files, 3);
            path = opened.files->parts().back().path;
        }
        Link link{3, "x"};
        const Sample sample(9);
        const std::string line = lineOf(sample.event, link);
        std::ofstream(path, std::ios::app) << line.substr(0, std::min(torn, line.size() - 1));
        const auto opened = open(folder.path());
        CHECK(!opened.repaired.empty());
        append(*opened.files, 1);
        const Verdict verdict = judged(*opened.files, folder.path());
        CHECK_TEXT("", verdict.problem);
        CHECK_EQ(uint64_t(4), verdict.last);
    }
}

TEST("a tail that is gone shows, also after more was written") {
    testing::TemporaryFolder folder;
    std::string path;
    {
        const auto opened = open(folder.path());
        append(*opened.files, 5);
        path = opened.files->parts().back().path;
    }
    std::ifstream in(path);
    std::string kept, line;
    for (int i = 0; i < 3 && std::getline(in, line); ++i) kept += line + "\n";
    std::ofstream(path, std::ios::trunc) << kept;
    const auto opened = open(folder.path());
    CHECK(!judged(*opened.files, folder.path()).problem.empty());
    append(*opened.files, 1);
    const Verdict verdict = judged(*opened.files, folder.path());
    CHECK(verdict.problem.find("4 to 5 are missing") != std::string::npos);
    CHECK_EQ(uint64_t(6), verdict.last);
}

TEST("a disk that is full in the middle of a line leaves nothing of it, and the line comes again") {
    testing::TemporaryFolder folder;
    const auto opened = open(folder.path());
    append(*opened.files, 2);
    const uint64_t bytes = opened.files->parts().back().bytes;
    // A limit on file sizes ends a write() half-way, as a full disk does.
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    CHECK_EQ(0, getrlimit(RLIMIT_FSIZE, &before));
    rlimit full = before;
    full.rlim_cur = bytes + 100;
    CHECK_EQ(0, setrlimit(RLIMIT_FSIZE, &full));
    const Sample sample(3);
    const std::string error = opened.files->append(&sample.event, 1);
    CHECK_EQ(0, setrlimit(RLIMIT_FSIZE, &before));
    CHECK(!error.empty());
    CHECK_EQ(uint64_t(2), opened.files->link().seq);
    CHECK_EQ(bytes, uint64_t(std::filesystem::file_size(opened.files->parts().back().path)));
    append(*opened.files, 1);
    const Verdict verdict = judged(*opened.files, folder.path());
    CHECK_TEXT("", verdict.problem);
    CHECK_EQ(uint64_t(3), verdict.entries);
}

TEST("a file that cannot be begun loses nothing and is begun later") {
    testing::TemporaryFolder folder;
    const auto opened = open(folder.path(), 1000);
    std::filesystem::create_directory(folder / "audit-000002.jsonl");
    int stored = 0;
    std::string error;
    while (error.empty()) {
        const Sample sample(static_cast<uint8_t>(stored));
        error = opened.files->append(&sample.event, 1);
        if (error.empty()) ++stored;
    }
    CHECK(error.find("audit-000002") != std::string::npos);
    CHECK_EQ(uint64_t(stored), opened.files->link().seq);
    std::filesystem::remove(folder / "audit-000002.jsonl");
    append(*opened.files, 1);
    const Verdict verdict = judged(*opened.files, folder.path());
    CHECK_TEXT("", verdict.problem);
    CHECK_EQ(uint64_t(stored + 1), verdict.entries);
}
