#include "random_workload.hpp"

#include <limits>
#include <set>

namespace engram::conformance {
namespace {

const std::vector<std::string> kWorkspaces{"default", "w\xc3\xb6rk", "other"};
const std::vector<std::string> kNames{"", "", "persona", "plan"};
const std::vector<std::string> kTypes{"", "fact", "event", "Fact"};
const std::vector<std::string> kTags{"red", "green", "blue", "gr\xc3\xbcn", "a b"};
const std::vector<std::string> kWords{"tea", "team", "teapot", "sea",  "b\xc3\xa4r",
                                      "cat", "car",  "x",      "zebra"};
const std::vector<std::string> kTexts{"", "drinks tea", "a longer text about a zebra", "\xf0\x9f\x90\x88"};
const std::vector<std::string> kMetadata{
    "",
    "{}",
    R"({"a":1,"b":{"c":"deep"},"list":[1,"two",null,true]})",
    R"({"a":1.5,"s":"text","t":true,"n":null})",
    R"({"a":"1","a/b":1,"m~n":2,"":3,"s":"t\u00e9xt"})",
    R"({"a":-3,"b":[{"c":1}],"t":false,"big":9007199254740993})",
    R"({"a":["1",-3,1.0,"",null,false],"list":[9007199254740993,0.41866852935895693,"t\u00e9xt",[1],{"a":1}]})",
    R"({"a":[],"b":[true,"deep"],"list":[0.0,-0.0,1e300,9007199254740992]})",
};
// A path to each array of these.
const std::vector<std::string> kArrays{"/a", "/b", "/list", "/list/3"};
const std::vector<std::string> kPaths{"/a",      "/b",      "/b/c",  "/b/0/c",   "/list/1", "/list/2",
                                      "/list/3", "/list/9", "/a~1b", "/m~0n",    "/",       "/s",
                                      "/t",      "/n",      "/big",  "/list/01", "/list/-"};
constexpr engram_time kDay = 24LL * 3600 * 1000;

}  // namespace

engram_time RandomWorkload::time() {
    return chance(25) ? ENGRAM_TIME_NONE : static_cast<engram_time>(below(6)) * 1000 - 2000;
}

std::vector<float> RandomWorkload::vector() {
    std::vector<float> out(kDimensions);
    for (float& f : out) f = static_cast<float>(static_cast<int64_t>(below(2001)) - 1000) / 1000.0f;
    out[0] += 0.0001f;  // never the zero vector
    return out;
}

Record RandomWorkload::record() {
    Record r;
    r.id = id();
    r.kind = chance(80) ? ENGRAM_KIND_MEMORY : ENGRAM_KIND_BLOCK;
    r.workspace = pick(kWorkspaces);
    r.name = pick(kNames);
    r.type = pick(kTypes);
    r.text = pick(kTexts);
    r.metadata = pick(kMetadata);
    if (chance(30)) r.parent = id();
    r.position = below(4);
    for (const std::string& tag : kTags)
        if (chance(25)) r.tags.push_back(tag);
    r.importance = static_cast<double>(below(5)) / 4;
    r.occurred_at = time();
    r.created_at = static_cast<engram_time>(below(5)) * 1000;
    r.updated_at = static_cast<engram_time>(below(5)) * 1000;
    r.expires_at = time();
    r.valid_from = time();
    r.valid_until = time();
    r.pinned = chance(30);
    for (const std::string& word : kWords)
        if (chance(30)) r.length += r.terms[word] = 1 + static_cast<uint32_t>(below(3));
    if (chance(60)) r.terms[ENGRAM_GROUP_MARK + std::to_string(below(3))] = 1;
    if (chance(70)) r.vectors[space_] = vector();
    return r;
}

Edge RandomWorkload::edge() {
    Edge e;
    e.from = idOf(1 + below(6));
    e.to = idOf(1 + below(6));
    e.type = chance(50) ? "about" : "causes";
    e.weight = static_cast<double>(below(5)) / 4;
    e.metadata = chance(50) ? "" : R"({"k":1})";
    e.valid_from = time();
    return e;
}

// Something that no store may accept.
void RandomWorkload::spoil(Op& op) {
    switch (below(6)) {
        case 0:
            op.record.importance = std::numeric_limits<double>::quiet_NaN();
            break;
        case 1:
            op.record.workspace.clear();
            break;
        case 2:
            op.record.terms[std::string(65, 't')] = 1;
            break;
        case 3:
            op.record.vectors[space_] = {1, 2};
            break;
        case 4:
            op.record.pinned = 2;
            break;
        default:
            op.record.kind = 0;
            break;
    }
}

Op RandomWorkload::op() {
    const uint64_t which = below(100);
    if (which < 60) {
        const uint64_t how = below(10);
        Op made = put(record(), how < 6 ? ENGRAM_VERSION_ANY : how < 7 ? ENGRAM_VERSION_NEW : 1 + below(4));
        if (chance(4)) spoil(made);
        return made;
    }
    if (which < 78) return remove(id(), chance(70) ? ENGRAM_VERSION_ANY : 1 + below(4), 7000);
    if (which < 83) return purge(id());
    return which < 95 ? putEdge(edge()) : removeEdge(edge());
}

Batch RandomWorkload::batch() {
    Batch b;
    std::set<Id> seen;
    for (uint64_t n = 1 + below(4); n > 0; --n) {
        Op made = op();
        const bool on_edge = made.kind == ENGRAM_OP_PUT_EDGE || made.kind == ENGRAM_OP_DELETE_EDGE;
        if (!on_edge && !seen.insert(made.record.id).second && !chance(2)) continue;
        b.ops.push_back(std::move(made));
    }
    if (chance(30)) {
        b.key = "key-" + std::to_string(below(5));
        b.hash = std::string(32, chance(80) ? 'h' : 'i');
        b.answer = "answer " + std::to_string(below(1000));
    }
    if (chance(10)) b.limits.push_back({"records.1", 3 + below(12)});
    if (chance(10)) b.limits.push_back({"workspace." + pick(kWorkspaces), 2 + below(5)});
    if (chance(5)) b.limits.push_back({"bytes", 100 + below(400)});
    now_ += chance(5) ? kDay + 1 : 1000;
    b.now = now_;
    return b;
}

std::vector<Batch> RandomWorkload::batches() {
    std::vector<Batch> out;
    for (uint64_t n = chance(80) ? 1 : 2 + below(3); n > 0; --n) out.push_back(batch());
    return out;
}

Value RandomWorkload::value(uint32_t field) {
    if (chance(12)) return integer(static_cast<int64_t>(below(4)));
    switch (field) {
        case ENGRAM_FIELD_ID:
        case ENGRAM_FIELD_PARENT:
            return text(uuidText(id()));
        case ENGRAM_FIELD_WORKSPACE:
            return text(pick(kWorkspaces));
        case ENGRAM_FIELD_TYPE:
            return text(pick(kTypes));
        case ENGRAM_FIELD_TAG:
            return text(pick(kTags));
        case ENGRAM_FIELD_NAME:
            return text(pick(kNames));
        case ENGRAM_FIELD_IMPORTANCE:
            return chance(50) ? real(static_cast<double>(below(5)) / 4)
                              : integer(static_cast<int64_t>(below(2)));
        case ENGRAM_FIELD_POSITION:
            return integer(static_cast<int64_t>(below(4)));
        case ENGRAM_FIELD_PINNED:
            return boolean(chance(50));
        case ENGRAM_FIELD_TEXT:
            return text(pick(kTexts));
        case ENGRAM_FIELD_METADATA:
            break;
        default:
            return chance(80) ? integer(static_cast<int64_t>(below(6)) * 1000 - 2000) : real(1000.5);
    }
    switch (below(7)) {
        case 0:
            return integer(static_cast<int64_t>(below(5)) - 3);
        case 1:
            return real(pick(std::vector<double>{1.5, 1, 0, 0.41866852935895693, 9007199254740992}));
        case 2:
            return boolean(chance(50));
        case 3:
            return integer(9007199254740992 + static_cast<int64_t>(below(2)));
        default:
            return text(pick(std::vector<std::string>{"1", "two", "deep", "text", "t\xc3\xa9xt", ""}));
    }
}

// A piece of a text, that may begin and end inside of a character.
Value RandomWorkload::piece(Value whole) {
    if (whole.type != ENGRAM_VALUE_STRING) return whole;
    const size_t from = below(whole.text.size() + 1);
    return text(whole.text.substr(from, below(4)));
}

Condition RandomWorkload::leaf() {
    Condition c;
    c.field = 1 + static_cast<uint32_t>(below(17));
    if (chance(30)) c.field = ENGRAM_FIELD_METADATA;
    c.op = ENGRAM_EQ + static_cast<uint32_t>(below(8));
    if (chance(20)) c.op = ENGRAM_CONTAINS;
    if (c.field == ENGRAM_FIELD_METADATA)
        c.path = pick(c.op == ENGRAM_CONTAINS && chance(70) ? kArrays : kPaths);
    if (c.op == ENGRAM_EXISTS) return c;
    if (c.op == ENGRAM_CONTAINS) {
        const Value whole = value(c.field);
        c.values.push_back(chance(50) ? whole : piece(whole));
        return c;
    }
    for (uint64_t n = c.op == ENGRAM_IN ? below(4) : 1; n > 0; --n) c.values.push_back(value(c.field));
    return c;
}

Condition RandomWorkload::condition(unsigned depth) {
    if (depth == 0 || chance(50)) return leaf();
    if (chance(25)) return negate(condition(depth - 1));
    std::vector<Condition> children;
    for (uint64_t n = below(4); n > 0; --n) children.push_back(condition(depth - 1));
    return chance(50) ? every(std::move(children)) : some(std::move(children));
}

Scope RandomWorkload::scope() {
    Scope s;
    s.kind = chance(40) ? ENGRAM_KIND_ANY : chance(80) ? ENGRAM_KIND_MEMORY : ENGRAM_KIND_BLOCK;
    for (const std::string& workspace : kWorkspaces)
        if (chance(25)) s.workspaces.push_back(workspace);
    if (chance(60)) s.filter.push_back(condition(3));
    return s;
}

Listing RandomWorkload::listing() {
    Listing l;
    l.scope = scope();
    l.order = 1 + static_cast<uint32_t>(below(4));
    l.descending = static_cast<uint32_t>(below(2));
    l.limit = 1 + static_cast<uint32_t>(below(7));
    return l;
}

std::vector<std::string> RandomWorkload::words() {
    std::vector<std::string> out;
    for (const std::string& word : kWords)
        if (chance(30)) out.push_back(word);
    if (chance(10)) out.push_back("absent");
    if (out.empty()) out.push_back(pick(kWords));
    return out;
}

}  // namespace engram::conformance
