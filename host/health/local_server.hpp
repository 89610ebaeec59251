// What can be told of a data directory's server from outside: its lock, its socket, sockets of servers that are gone.
// Any thread.
#pragma once

#include "health/issue.hpp"

#include <string>

namespace engram::health {

enum class Holder { Nobody, Somebody };

// Whether the process that <data>/LOCK names still has the file open; of a process whose files we may not see, whether it
// lives. Looks without taking the lock, which could turn away a server that starts at this moment.
Holder lockHolder(const std::string& data);

enum class Listening { Yes, No, Absent };

// Whether somebody accepts connections at a Unix socket.
Listening probe(const std::string& socket);

// Without an answering server: server_silent if the lock is held, else server_stopped, and stale_socket for the data
// directory's socket.
void checkServer(const std::string& data, const std::string& socket, Findings& out);

// stale_socket for other sockets in the socket's folder at which nobody listens and that are older than a minute, so
// that a server that is just starting is left alone.
void checkOtherSockets(const std::string& socket, Findings& out);

}  // namespace engram::health
