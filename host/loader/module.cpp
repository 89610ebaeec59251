#define BOOST_DLL_USE_STD_FS
#include "loader/module.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>

#include "config/did_you_mean.hpp"

namespace engram::loader {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFile = size_t(512) << 20;  // a sanitizer build of a large plugin is some tens of MiB
constexpr size_t kMaxSuggestions = 256;

Error refuse(std::string reason, std::string fix) {
    return {"plugin", std::move(reason), std::move(fix), ""};
}

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_;
};

bool isFileName(std::string_view use) {
    return !use.empty() && use.size() <= 64 && use.front() != '.' &&
           std::all_of(use.begin(), use.end(),
                       [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; });
}

std::string listed(const std::vector<fs::path>& folders) {
    std::string out;
    for (const fs::path& folder : folders) out += (out.empty() ? "" : ", ") + folder.string();
    return out.empty() ? "no folder (plugins.dirs is empty)" : out;
}

Error missing(const std::string& use, const std::vector<fs::path>& folders) {
    std::set<std::string> present;
    for (const fs::path& folder : folders) {
        std::error_code failed;
        for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed))
            if (it->path().extension() == ".so" && present.size() < kMaxSuggestions)
                present.insert(it->path().stem().string());
    }
    const std::vector<std::string_view> names(present.begin(), present.end());
    const auto close = config::closest(use, names);
    return refuse("there is no file " + use + ".so in " + listed(folders),
                  close ? "did you mean use = \"" + std::string(*close) + "\"?"
                        : "install the plugin there, or add its folder to plugins.dirs");
}

bool isTrustedOwner(uid_t owner) {
    return owner == 0 || owner == geteuid();
}

Result<void> checkFolder(const fs::path& folder, int fd) {
    struct stat status {};
    if (fstat(fd, &status) != 0)
        return refuse("its folder cannot be examined: " + std::string(std::strerror(errno)),
                      "check " + folder.string());
    if (!isTrustedOwner(status.st_uid))
        return refuse("its folder " + folder.string() + " belongs to user " + std::to_string(status.st_uid),
                      "chown root " + folder.string());
    if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0)
        return refuse("its folder " + folder.string() + " can be written by others",
                      "chmod o-w " + folder.string());
    return {};
}

Result<size_t> checkFile(const fs::path& path, int fd) {
    struct stat status {};
    if (fstat(fd, &status) != 0)
        return refuse("cannot be examined: " + std::string(std::strerror(errno)), "check the file");
    if (!S_ISREG(status.st_mode)) return refuse("is not a regular file", "install the plugin's .so itself");
    if (!isTrustedOwner(status.st_uid))
        return refuse("belongs to user " + std::to_string(status.st_uid) + ", who could change it",
                      "chown root " + path.string());
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return refuse("can be written by others", "chmod go-w " + path.string());
    if (static_cast<uint64_t>(status.st_size) > kMaxFile) return refuse("is over 512 MiB", "strip it");
    return static_cast<size_t>(status.st_size);
}

Result<std::string> readAll(int fd, size_t size) {
    std::string bytes(size, '\0');
    size_t filled = 0;
    while (filled < size) {
        const ssize_t n = pread(fd, bytes.data() + filled, size - filled, static_cast<off_t>(filled));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return refuse("cannot be read: " + std::string(std::strerror(errno)), "check the disk");
        if (n == 0) return refuse("became shorter while it was read", "install it again");
        filled += static_cast<size_t>(n);
    }
    return bytes;
}

std::string sha256Of(std::string_view bytes) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr) != 1) return {};
    constexpr char kDigits[] = "0123456789abcdef";
    std::string hex;
    for (unsigned i = 0; i < length; ++i) {
        hex += kDigits[digest[i] >> 4];
        hex += kDigits[digest[i] & 15];
    }
    return hex;
}

Result<void> checkPin(std::string pin, std::string_view bytes) {
    if (pin.empty()) return {};
    std::transform(pin.begin(), pin.end(), pin.begin(), [](unsigned char c) { return std::tolower(c); });
    const std::string actual = sha256Of(bytes);
    if (actual == pin) return {};
    return refuse("has the SHA-256 " + actual + ", pinned is " + pin.substr(0, 64),
                  "install the pinned build, or correct sha256 if you trust this one");
}

Result<ModuleFile> inspectFile(const fs::path& path, int fd, const std::string& pin) {
    auto size = checkFile(path, fd);
    if (!size) return size.error();
    auto bytes = readAll(fd, *size);
    if (!bytes) return bytes.error();
    if (auto ok = checkPin(pin, *bytes); !ok) return ok.error();
    auto sections = readManifest(*bytes);
    if (!sections) return sections.error();
    auto manifest = parseManifest(sections->manifest);
    if (!manifest) return manifest.error();
    if (auto ok = checkDrafts(*manifest, sections->drafts, ENGRAM_DRAFTS); !ok) return ok.error();
    return ModuleFile{path, std::move(*manifest)};
}

Result<const engram_plugin*> checkTable(const engram_plugin* table) {
    if (!ENGRAM_HAS(engram_plugin, table, get))
        return refuse("has a table that is too small for this ABI", "rebuild it with this version's SDK");
    if (table->abi_minor > ENGRAM_ABI_MINOR)
        return refuse("needs ABI 1." + std::to_string(table->abi_minor) + ", this host has 1." +
                          std::to_string(ENGRAM_ABI_MINOR),
                      "upgrade Engram, or install an older build of the plugin");
    if (!table->create || !table->destroy || !table->get)
        return refuse("has a table without create, destroy or get", "see engram/plugin.h");
    return table;
}

// Leaked on purpose: destroying a shared_library would unload it.
void keepForever(boost::dll::shared_library library) {
    static std::mutex mutex;
    static auto* const kept = new std::vector<boost::dll::shared_library>;
    const std::lock_guard lock(mutex);
    kept->push_back(std::move(library));
}

}  // namespace

Result<ModuleFile> inspect(const ModuleRequest& request, const std::vector<fs::path>& folders) {
    if (!isFileName(request.use))
        return refuse("'use' must be a file name of letters, digits, '.', '_' and '-'",
                      "put the folder into plugins.dirs and write the name without .so");
    const std::string name = request.use + ".so";
    for (const fs::path& folder : folders) {
        const Descriptor opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (opened.get() < 0) continue;
        // Without O_NONBLOCK, opening a FIFO would wait for its writer.
        const Descriptor file(
            openat(opened.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        const fs::path path = folder / name;
        if (file.get() < 0 && errno == ENOENT) continue;
        if (file.get() < 0 && errno == ELOOP)
            return refuse(path.string() + " is a symbolic link",
                          "install the file itself in the plugin folder");
        if (file.get() < 0)
            return refuse(path.string() + " cannot be opened: " + std::strerror(errno),
                          "check its mode and owner");
        if (auto ok = checkFolder(folder, opened.get()); !ok) return ok.error();
        auto inspected = inspectFile(path, file.get(), request.sha256);
        if (!inspected) inspected.error().message = path.string() + " " + inspected.error().message;
        return inspected;
    }
    return missing(request.use, folders);
}

Result<const engram_plugin*> loadModule(const ModuleFile& file) {
    // By its path and not by a descriptor, so that debuggers and profilers find it: nobody but root and we
    // could have changed file or folder since the check.
    try {
        namespace dll = boost::dll;
        dll::shared_library library(file.path, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
        const auto entry = library.get<const engram_plugin*()>(ENGRAM_ENTRY_SYMBOL);
        keepForever(library);
        auto table = checkTable(entry());
        if (!table) table.error().message = file.path.string() + " " + table.error().message;
        return table;
    } catch (const std::exception& e) {
        return refuse(file.path.string() + " cannot be loaded: " + e.what(),
                      "install the libraries it needs (ldd " + file.path.string() + ")");
    }
}

}  // namespace engram::loader
