#include "operations/private_text.hpp"

#include "support/test.hpp"

using engram::operations::withoutPrivate;

TEST("private spans go with their tags, nested ones and those in capitals too") {
    CHECK_TEXT("a  b", withoutPrivate("a <private>secret</private> b"));
    CHECK_TEXT("ab", withoutPrivate("a<PRIVATE>x<private>y</private>z</Private>b"));
    CHECK_TEXT("", withoutPrivate("<private>all</private>"));
    CHECK_TEXT("no < tag > private", withoutPrivate("no < tag > private"));
}

TEST("a span that is not closed ends with the text; a closing tag alone goes alone") {
    CHECK_TEXT("a ", withoutPrivate("a <private>secret"));
    CHECK_TEXT("ab", withoutPrivate("a</private>b"));
    CHECK_TEXT("a", withoutPrivate("a<private></private"));
}

TEST("what is left makes no new span") {
    CHECK_TEXT("<pri secretvate>", withoutPrivate("<pri<private>x</private> secretvate>"));
    CHECK_TEXT("<private>", withoutPrivate("<pri<private></private>vate>"));  // text, as nobody wrote it as a tag
}
