// The bytes of a response. Pure but for the clock of the Date header; any thread.
#pragma once

#include "http/message.hpp"

#include <string>
#include <string_view>

namespace engram::http {

enum class Connection { KeepAlive, Close };

// Status line and header section, ready for the body; into `out`, which is emptied first.
void writeHead(std::string& out, const Response& response, std::string_view request_id, Connection connection);

}  // namespace engram::http
