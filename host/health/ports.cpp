#include "health/ports.hpp"

#include "config/address.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include <arpa/inet.h>

namespace engram::health {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxLines = 100000, kMaxProcesses = 100000;
constexpr std::string_view kListening = "0A";  // net/tcp_states.h

using Bytes = std::vector<unsigned char>;  // of an address in network order: 4 or 16

bool isWildcard(const Bytes& address) {
    for (const unsigned char byte : address)
        if (byte != 0) return false;
    return true;
}

std::vector<Bytes> addressesOf(const std::string& host) {
    Bytes four(4), six(16);
    if (host == "localhost") {
        inet_pton(AF_INET, "127.0.0.1", four.data());
        inet_pton(AF_INET6, "::1", six.data());
        return {four, six};
    }
    if (inet_pton(AF_INET, host.c_str(), four.data()) == 1) return {four};
    if (inet_pton(AF_INET6, host.c_str(), six.data()) == 1) return {six};
    return {};
}

// "0100007F:1C3B": words of the address in the machine's byte order, in hex, then the port.
bool parseLocal(const std::string& text, Bytes& address, uint16_t& port) {
    const size_t colon = text.find(':');
    if (colon != 8 && colon != 32) return false;
    address.clear();
    for (size_t word = 0; word < colon; word += 8) {
        const auto value = static_cast<uint32_t>(std::strtoul(text.substr(word, 8).c_str(), nullptr, 16));
        const auto* bytes = reinterpret_cast<const unsigned char*>(&value);
        address.insert(address.end(), bytes, bytes + 4);
    }
    port = static_cast<uint16_t>(std::strtoul(text.c_str() + colon + 1, nullptr, 16));
    return true;
}

// An IPv6 wildcard usually takes IPv4's ports too.
bool overlap(const Bytes& listening, const std::vector<Bytes>& wanted) {
    for (const Bytes& own : wanted) {
        if (listening == own) return true;
        if (listening.size() == own.size() && (isWildcard(listening) || isWildcard(own))) return true;
        if (listening.size() == 16 && isWildcard(listening)) return true;
    }
    return false;
}

// Inode of the listening socket, empty if there is none.
std::string listeningInode(const std::string& table, const std::vector<Bytes>& wanted, uint16_t port) {
    std::ifstream file(table);
    std::string line;
    std::getline(file, line);  // titles
    for (size_t n = 0; n < kMaxLines && std::getline(file, line); ++n) {
        std::istringstream words(line);
        std::array<std::string, 10> word;
        for (std::string& w : word) words >> w;
        Bytes address;
        uint16_t own = 0;
        if (word[3] == kListening && parseLocal(word[1], address, own) && own == port && overlap(address, wanted))
            return word[9];
    }
    return {};
}

bool holds(const fs::path& process, const std::string& link) {
    std::error_code failed;
    for (fs::directory_iterator it(process / "fd", failed), end; !failed && it != end; it.increment(failed)) {
        std::error_code unreadable;
        if (fs::read_symlink(it->path(), unreadable).string() == link) return true;
    }
    return false;
}

Listener ownerOf(const std::string& inode, const std::string& proc) {
    const std::string link = "socket:[" + inode + "]";
    std::error_code failed;
    size_t seen = 0;
    for (fs::directory_iterator it(proc, failed), end; !failed && it != end && seen < kMaxProcesses; it.increment(failed)) {
        const std::string name = it->path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        ++seen;
        if (!holds(it->path(), link)) continue;
        Listener found{std::atoi(name.c_str()), ""};
        std::ifstream comm(it->path() / "comm");
        std::getline(comm, found.command);
        return found;
    }
    return {};
}

}  // namespace

std::optional<Listener> findListener(const std::string& host, uint16_t port, const std::string& proc) {
    const std::vector<Bytes> wanted = addressesOf(host);
    for (const char* table : {"/net/tcp", "/net/tcp6"})
        if (const std::string inode = listeningInode(proc + table, wanted, port); !inode.empty()) return ownerOf(inode, proc);
    return std::nullopt;
}

void checkPort(const std::string& address, const std::string& key, Findings& out) {
    const auto parsed = config::parseAddress(address);
    if (!parsed || parsed->port == 0) return;
    const auto listener = findListener(parsed->host, parsed->port);
    if (!listener) return;
    const std::string who = listener->pid ? "process " + std::to_string(listener->pid) + " (" + listener->command + ")"
                                          : std::string("a process of another user");
    out.push_back(finding("port_in_use", key + " " + address + " is taken by " + who));
}

}  // namespace engram::health
