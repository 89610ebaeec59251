#include "storage-memory/stream.hpp"

#include "support/test.hpp"

using namespace engram::storage_memory;

namespace {

std::string streamOfOne() {
    Database database;
    Version version;
    version.id[0] = 1;
    version.text = "kept";
    version.pinned = true;
    version.version = version.lsn_from = version.rid = database.lsn = 1;
    database.records[version.id] = {version};
    return serialise(database);
}

// Of a database with a single version and nothing else. Behind `pinned` come the version's last four numbers and five
// empty lists, of eight bytes each.
std::string asVersion1(std::string stream) {
    stream.replace(stream.find('2'), 1, "1");
    stream.erase(stream.size() - 9 * 8 - 1, 1);
    return stream;
}

}  // namespace

TEST("a stream comes back as what it was made of") {
    Database copy;
    const std::string stream = streamOfOne();
    CHECK(deserialise(stream, copy));
    CHECK(copy.records.begin()->second.front().pinned);
    CHECK_EQ(stream, serialise(copy));
}

TEST("a stream of version 1 is read, with nothing pinned") {
    Database copy;
    CHECK(deserialise(asVersion1(streamOfOne()), copy));
    const Version& version = copy.records.begin()->second.front();
    CHECK_TEXT("kept", version.text);
    CHECK(!version.pinned);
    CHECK_EQ(uint64_t(1), version.rid);
}

TEST("a stream of an unknown version, or of a version that its bytes are not of, is refused") {
    std::string stream = streamOfOne();
    Database copy, other;
    stream.replace(stream.find('2'), 1, "1");
    CHECK(!deserialise(stream, copy));
    stream.replace(stream.find('1'), 1, "3");
    CHECK(!deserialise(stream, other));
}
