// Cursors: where a page of an answer begins, as text that clients hand back. Opaque to them, and marked with the tenant and
// the query, so that one of another is recognised. Pure; any thread.
#pragma once

#include "engine/filter.hpp"

#include <engram/cpp/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace engram::engine {

// The mark of a query: all that makes its pages others.
class Fingerprint {
public:
    explicit Fingerprint(std::string_view tenant) { add(tenant); }
    void add(std::string_view text);
    void add(int64_t number) { add(std::string_view(std::to_string(number))); }
    void add(const Filter& filter);
    std::string bytes() const;  // 16 of a SHA-256

private:
    std::string text_;
};

std::string sealCursor(const std::string& mark, std::string_view place);  // base64url (RFC 4648)
// The place. invalid_cursor for a text that is not a cursor with this mark.
Result<std::string> openCursor(const std::string& cursor, const std::string& mark);

}  // namespace engram::engine
