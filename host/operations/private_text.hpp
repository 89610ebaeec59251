// Text without what its writer marked as private: <private>...</private>. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace engram::operations {

// Without the spans between <private> and </private>, the tags too; case does not count, spans may nest. A span that is not
// closed ends with the text, and a closing tag without its opening one goes alone: rather too much is left out than too little.
std::string withoutPrivate(std::string_view text);

}  // namespace engram::operations
