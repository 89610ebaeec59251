#include "last_use.hpp"

#include "key_document.hpp"

#include <engram/cpp/text.hpp>

namespace engram::auth_apikey {

void LastUse::note(const std::string& tenant, const std::string& key_id, int64_t now) {
    // The usual case, one key again and again, takes no lock.
    thread_local std::string last_id;
    thread_local int64_t last_minute = 0;
    const int64_t minute = now / 60000;
    if (last_minute == minute && last_id == key_id) return;
    last_id = key_id;
    last_minute = minute;
    std::lock_guard lock(mutex_);
    used_[{tenant, key_id}] = now;
}

void LastUse::write(const engram_host* host, const engram_host_directory_v1& directory, engram_call* call) {
    std::map<std::pair<std::string, std::string>, int64_t> used;
    {
        std::lock_guard lock(mutex_);
        used.swap(used_);
    }
    for (const auto& [key, when] : used) {
        engram_doc doc{};
        doc.size = sizeof doc;
        if (directory.get(host, call, ENGRAM_DOC_API_KEY, borrow(key.first), borrow(key.second), 0, &doc) != ENGRAM_OK)
            continue;
        auto document = readDocument(view(doc.json));
        if (!document) continue;
        setText(*document, "last_used_at", formatTime(when));
        const std::string json = writeDocument(*document);
        const engram_doc_change change = documentChange(borrow(key.first), key.second, json, doc.version);
        uint64_t epoch = 0;
        directory.apply(host, call, &change, 1, &epoch);
    }
}

}  // namespace engram::auth_apikey
