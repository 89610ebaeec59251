#include "health/files.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

namespace engram::health {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFiles = 20000;

std::string octal(mode_t mode) {
    char text[8];
    std::snprintf(text, sizeof text, "%04o", mode & 07777);
    return text;
}

// By name: what the server and its plugins keep secrets in.
bool isSecret(const std::string& name) {
    return name == "first-key" || name == "pepper" || name.ends_with(".key") || name.ends_with(".pem") || name.find("secret") != std::string::npos;
}

// Exactly what an interrupted snapshot, restore or cursor leaves. Nothing that a person may have put there: a copy on its
// way into the place of a damaged file must not go.
bool isLeftover(const fs::path& path, mode_t mode) {
    const std::string name = path.filename().string();
    if (S_ISDIR(mode)) return name.ends_with(".coming");
    if (!S_ISREG(mode)) return false;
    return name == "snapshot.tmp" || (name.ends_with(".new") && path.parent_path().filename() == "spool");
}

// Calls `look` with path and status of everything below a folder; links are not followed.
template <class F>
void walk(const std::string& folder, F&& look) {
    std::error_code failed;
    size_t seen = 0;
    struct stat status {};
    for (fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, failed), end;
         !failed && it != end && seen < kMaxFiles; it.increment(failed), ++seen)
        if (lstat(it->path().c_str(), &status) == 0) look(it->path().string(), it->path().filename().string(), status);
}

struct Modes {
    Findings& out;
    std::string first_open;
    mode_t first_mode = 0;
    size_t open = 0;

    void look(const std::string& path, const std::string& name, const struct stat& status) {
        const bool others = (status.st_mode & 077) != 0 && !S_ISLNK(status.st_mode);
        if (S_ISREG(status.st_mode) && isSecret(name) && others) {
            out.push_back(finding("secret_readable", path + " has mode " + octal(status.st_mode)));
            out.back().path = path;
        } else if (others && open++ == 0) {
            first_open = path;
            first_mode = status.st_mode;
        }
        if (S_ISREG(status.st_mode) && name == "first-key") out.push_back(finding("first_key_file", path));
    }
};

}  // namespace

void checkFiles(const std::string& data, Findings& out) {
    struct stat status {};
    if (lstat(data.c_str(), &status) != 0) {
        if (errno != ENOENT) out.push_back(finding("data_unreadable", data + ": " + std::strerror(errno)));
        return;
    }
    if (status.st_uid != geteuid() && geteuid() != 0) {
        out.push_back(finding("data_unreadable", data + " belongs to user " + std::to_string(status.st_uid)));
        return;
    }
    Modes modes{out, {}, 0, 0};
    // What is inside a closed folder is closed, too; its own modes still tell of a mistake that a copy would carry along.
    modes.look(data, "", status);
    walk(data, [&](const std::string& path, const std::string& name, const struct stat& own) { modes.look(path, name, own); });
    if (modes.open == 0) return;
    const std::string more = modes.open > 1 ? " and " + std::to_string(modes.open - 1) + " others" : "";
    out.push_back(finding("data_open", modes.first_open + " (mode " + octal(modes.first_mode) + ")" + more));
    out.back().path = data;
}

void checkLeftovers(const std::string& data, Findings& out) {
    walk(data, [&](const std::string& path, const std::string&, const struct stat& own) {
        if (!isLeftover(path, own.st_mode)) return;
        out.push_back(finding("leftover_file", path));
        out.back().path = path;
    });
}

void checkConfigFile(const std::string& path, Findings& out) {
    for (const std::string& place : {path, fs::path(path).parent_path().string()}) {
        struct stat status {};
        if (place.empty() || stat(place.c_str(), &status) != 0) continue;
        const bool by_group = (status.st_mode & 020) && status.st_gid != 0 && status.st_gid != getegid();
        const bool by_others = (status.st_mode & 02) && !(status.st_mode & S_ISVTX);
        if (!by_group && !by_others) continue;
        out.push_back(finding("config_writable", place + " has mode " + octal(status.st_mode), "chmod go-w " + place));
        if (place == path) out.back().path = place;
    }
}

}  // namespace engram::health
