#include "config/did_you_mean.hpp"

#include "support/test.hpp"

using engram::config::closest;

namespace {

constexpr std::string_view kWords[] = {"listen", "admin_listen", "data", "max_body"};

std::string near(std::string_view word) {
    return std::string(closest(word, kWords).value_or("nothing"));
}

}  // namespace

TEST("a slip of the pen finds the word that was meant") {
    CHECK_TEXT("listen", near("lsiten"));
    CHECK_TEXT("listen", near("listn"));
    CHECK_TEXT("admin_listen", near("admin-listen"));
    CHECK_TEXT("data", near("date"));
    CHECK_TEXT("max_body", near("maxbody"));
    CHECK_TEXT("data", near("data"));
}

TEST("another word finds nothing") {
    CHECK_TEXT("nothing", near("colour"));
    CHECK_TEXT("nothing", near(""));
    CHECK_TEXT("nothing", near(std::string(100000, 'x')));
    CHECK(!closest("listen", {}));
}
