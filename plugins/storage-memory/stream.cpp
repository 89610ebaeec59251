#include "stream.hpp"

#include <cstring>

namespace engram::storage_memory {
namespace {

// The digit is the version: a stream of version 1 does not say what is pinned, and nothing was.
constexpr std::string_view kMagic = "engram-memory-2\n", kMagic1 = "engram-memory-1\n";

// One description of the layout for both directions: Out appends, In reads.
class Out {
public:
    std::string bytes;
    template <class T>
    void number(const T& value) {
        bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void text(const std::string& value) {
        number(static_cast<uint64_t>(value.size()));
        bytes.append(value);
    }
    template <class C, class F>
    void list(const C& items, F&& each) {
        number(static_cast<uint64_t>(items.size()));
        for (const auto& item : items) each(item);
    }
};

class In {
public:
    In(std::string_view bytes, unsigned version) : bytes_(bytes), version_(version) {}
    unsigned version() const { return version_; }
    template <class T>
    void number(T& value) {
        if (bytes_.size() < sizeof value) {
            good_ = false;
            return;
        }
        std::memcpy(&value, bytes_.data(), sizeof value);
        bytes_.remove_prefix(sizeof value);
    }
    void number(bool& value) {
        uint8_t byte = 0;
        number(byte);
        value = byte != 0;
    }
    void text(std::string& value) {
        uint64_t n = 0;
        number(n);
        if (n > bytes_.size()) {
            good_ = false;
            return;
        }
        value.assign(bytes_.substr(0, n));
        bytes_.remove_prefix(n);
    }
    template <class F>
    void list(F&& each) {
        uint64_t n = 0;
        number(n);
        for (uint64_t i = 0; i < n && good_; ++i) each();
    }
    bool done() const { return good_ && bytes_.empty(); }
    bool good() const { return good_; }

private:
    std::string_view bytes_;
    const unsigned version_;
    bool good_ = true;
};

void write(Out& out, const Version& v) {
    out.number(v.id);
    out.number(v.kind);
    for (const std::string* s : {&v.workspace, &v.name, &v.type, &v.text, &v.metadata}) out.text(*s);
    out.number(v.parent);
    out.number(v.position);
    out.list(v.tags, [&](const std::string& tag) { out.text(tag); });
    out.number(v.importance);
    for (const engram_time* t :
         {&v.occurred_at, &v.created_at, &v.updated_at, &v.expires_at, &v.valid_from, &v.valid_until})
        out.number(*t);
    out.list(v.terms, [&](const auto& term) {
        out.text(term.first);
        out.number(term.second);
    });
    out.list(v.vectors, [&](const auto& vector) {
        out.number(vector.first);
        out.list(vector.second, [&](float f) { out.number(f); });
    });
    out.number(v.length);
    out.number(v.deleted);
    out.number(v.pinned);
    for (const uint64_t* n : {&v.version, &v.lsn_from, &v.lsn_to, &v.rid}) out.number(*n);
}

void read(In& in, Version& v) {
    in.number(v.id);
    in.number(v.kind);
    for (std::string* s : {&v.workspace, &v.name, &v.type, &v.text, &v.metadata}) in.text(*s);
    in.number(v.parent);
    in.number(v.position);
    in.list([&] { in.text(v.tags.emplace_back()); });
    in.number(v.importance);
    for (engram_time* t :
         {&v.occurred_at, &v.created_at, &v.updated_at, &v.expires_at, &v.valid_from, &v.valid_until})
        in.number(*t);
    in.list([&] {
        std::string term;
        in.text(term);
        in.number(v.terms[term]);
    });
    in.list([&] {
        uint32_t space = 0;
        in.number(space);
        in.list([&] { in.number(v.vectors[space].emplace_back()); });
    });
    in.number(v.length);
    in.number(v.deleted);
    if (in.version() > 1) in.number(v.pinned);
    for (uint64_t* n : {&v.version, &v.lsn_from, &v.lsn_to, &v.rid}) in.number(*n);
}

void write(Out& out, const Edge& e) {
    out.number(e.from);
    out.number(e.to);
    out.text(e.type);
    out.text(e.metadata);
    out.number(e.weight);
    for (const engram_time* t : {&e.valid_from, &e.valid_until, &e.created_at}) out.number(*t);
    out.number(e.deleted);
    out.number(e.lsn_from);
    out.number(e.lsn_to);
}

void read(In& in, Edge& e) {
    in.number(e.from);
    in.number(e.to);
    in.text(e.type);
    in.text(e.metadata);
    in.number(e.weight);
    for (engram_time* t : {&e.valid_from, &e.valid_until, &e.created_at}) in.number(*t);
    in.number(e.deleted);
    in.number(e.lsn_from);
    in.number(e.lsn_to);
}

}  // namespace

std::string serialise(const Database& d) {
    Out out;
    out.bytes = kMagic;
    out.number(d.lsn);
    out.number(d.next_rid);
    out.list(d.records,
             [&](const auto& record) { out.list(record.second, [&](const Version& v) { write(out, v); }); });
    out.list(d.edges, [&](const Edge& e) { write(out, e); });
    out.list(d.log, [&](const Change& c) {
        out.number(c.kind);
        out.number(c.lsn);
        write(out, c.version);
        write(out, c.edge);
    });
    out.list(d.keys, [&](const auto& key) {
        out.text(key.first);
        out.text(key.second.request_hash);
        out.text(key.second.answer);
        out.number(key.second.lsn);
        out.number(key.second.expires);
    });
    out.list(d.counters, [&](const auto& counter) {
        out.text(counter.first);
        out.number(counter.second);
    });
    out.list(d.spaces, [&](const Space& s) {
        out.number(s.id);
        out.number(s.dimensions);
        out.text(s.name);
        out.number(s.active);
    });
    return std::move(out.bytes);
}

bool deserialise(std::string_view bytes, Database& d) {
    static_assert(kMagic.size() == kMagic1.size());
    const bool old = bytes.starts_with(kMagic1);
    if (!old && !bytes.starts_with(kMagic)) return false;
    In in(bytes.substr(kMagic.size()), old ? 1 : 2);
    in.number(d.lsn);
    in.number(d.next_rid);
    in.list([&] {
        std::vector<Version> versions;
        in.list([&] { read(in, versions.emplace_back()); });
        if (!versions.empty()) {
            const Id id = versions.front().id;
            d.records[id] = std::move(versions);
        }
    });
    in.list([&] { read(in, d.edges.emplace_back()); });
    in.list([&] {
        Change& c = d.log.emplace_back();
        in.number(c.kind);
        in.number(c.lsn);
        read(in, c.version);
        read(in, c.edge);
    });
    in.list([&] {
        std::string name;
        in.text(name);
        KeyEntry& key = d.keys[name];
        in.text(key.request_hash);
        in.text(key.answer);
        in.number(key.lsn);
        in.number(key.expires);
    });
    in.list([&] {
        std::string name;
        in.text(name);
        in.number(d.counters[name]);
    });
    in.list([&] {
        Space& s = d.spaces.emplace_back();
        in.number(s.id);
        in.number(s.dimensions);
        in.text(s.name);
        in.number(s.active);
    });
    return in.done();
}

}  // namespace engram::storage_memory
