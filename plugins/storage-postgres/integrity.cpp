#include "integrity.hpp"

#include "row.hpp"
#include "statements.hpp"

#include <engram/cpp/batch_check.hpp>
#include <engram/cpp/filter.hpp>
#include <engram/cpp/text.hpp>

#include <rapidjson/document.h>

#include <map>

namespace engram::storage_postgres {
namespace {

constexpr int32_t kRows = 100;  // a text may be large
constexpr int32_t kSmallRows = 5000;
constexpr uint32_t kAll = ENGRAM_WANT_TEXT | ENGRAM_WANT_METADATA | ENGRAM_WANT_TERMS | ENGRAM_WANT_VECTORS;

[[noreturn]] void damaged(const std::string& what) { throw PostgresError("XX001", what); }

std::string ofLsn(uint64_t lsn) { return " of LSN " + std::to_string(lsn); }

bool isObjectOrEmpty(std::string_view json) {
    if (json.empty()) return true;
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
    return !document.HasParseError() && document.IsObject();
}

// The versions of a record or an edge after each other: each ends where the next one begins, and the last has no end.
class History {
public:
    explicit History(uint64_t newest) : newest_(newest) {}

    // True: the first of another history. `name` is for messages.
    bool next(const std::string& key, const std::string& name, uint64_t lsn, uint64_t lsn_to) {
        if (lsn == 0 || lsn > newest_)
            damaged(name + " has a version" + ofLsn(lsn) + ", and the tenant's newest is " + std::to_string(newest_));
        const bool first = key != key_;
        if (first) end();
        else if (lsn_to_ != lsn) damaged(name + " has a version" + ofLsn(lsn_) + " that does not end where the next begins");
        key_ = key;
        name_ = name;
        lsn_ = lsn;
        lsn_to_ = lsn_to;
        return first;
    }
    void end() const {
        if (!name_.empty() && lsn_to_ != ENGRAM_LSN_MAX)
            damaged(name_ + " has no current version, the last is" + ofLsn(lsn_));
    }

private:
    const uint64_t newest_;
    std::string key_, name_;
    uint64_t lsn_ = 0, lsn_to_ = ENGRAM_LSN_MAX;
};

class Check {
public:
    Check(Session& session, const engram_uuid& tenant) : session_(session), tenant_(tenant) {}

    bool run() {
        const Parameters tenant = forTenant();
        session_.queue(kBeginRead).queue(kTenant, tenant).queue(kStats, tenant).queue(kSpaces, tenant).queue(kCounters, tenant);
        const std::vector<Result> answers = session_.flush();
        if (answers[2].rows() == 0) return false;
        newest_ = static_cast<uint64_t>(answers[2].integer(0, 0));
        spaces(answers[3]);
        versions();
        counters(answers[4]);
        vectors();
        edges();
        laterLsns();
        session_.queue(kCommit).flush();
        return true;
    }

private:
    Parameters forTenant() const { return Parameters().add(tenant_); }
    Result ask(const Statement& statement, const Parameters& parameters) {
        return std::move(session_.queue(statement, parameters).flush().front());
    }

    void spaces(const Result& rows) {
        int active = 0, next = 0;
        for (int i = 0; i < rows.rows(); ++i) {
            dimensions_[static_cast<uint32_t>(rows.small(i, 0))] = static_cast<uint32_t>(rows.small(i, 1));
            active += rows.small(i, 3) == ENGRAM_SPACE_ACTIVE;
            next += rows.small(i, 3) == ENGRAM_SPACE_NEXT;
        }
        if (active > 1 || next > 1) damaged("more than one vector space is the active or the next one");
    }

    void versions() {
        History history(newest_);
        engram_uuid id{};
        for (int64_t rid = INT64_MIN;;) {
            const Result rows = ask(kEveryVersion, forTenant().add(int32_t(kAll)).add(id).add(rid).add(kRows));
            for (int i = 0; i < rows.rows(); ++i) version(history, rows, i);
            if (rows.rows() < kRows) return history.end();
            rid = rows.integer(kRows - 1, 0);
            id = binary::toUuid(rows.bytes(kRows - 1, 1));
        }
    }

    void version(History& history, const Result& rows, int i) {
        Row row(rows, i);
        const std::string name = "record " + filter::uuidText(row.id().bytes);
        const std::string which = name + ", version" + ofLsn(row.rid()) + ": ";
        const engram_record& r = decoded(row, which);
        const bool first = history.next(name, name, r.rid, r.lsn_to);
        const auto closes = static_cast<uint64_t>(rows.integer(i, rows.columns() - 2));  // NULL is 0
        if (closes != (first ? 0 : last_rid_)) damaged(which + "the version before it is not there");
        if (first ? r.version == 0 : r.version != last_version_ + 1)
            damaged(which + "its number is " + std::to_string(r.version));
        if (rows.small(i, rows.columns() - 1) != 0) damaged(which + "a later purge took it");
        last_rid_ = r.rid;
        last_version_ = r.version;
        if (r.deleted || r.lsn_to != ENGRAM_LSN_MAX) return;
        ++counted_["records." + std::to_string(r.kind)];
        ++counted_["workspace." + std::string(view(r.workspace))];
        counted_["bytes"] += static_cast<int64_t>(r.text.len + r.metadata.len);
    }

    const engram_record& decoded(Row& row, const std::string& which) const {
        const engram_record* r = nullptr;
        try {
            r = row.record(kAll);
        } catch (const PostgresError& e) {
            damaged(which + e.message);
        }
        const std::string why = batch_check::complaint(*r, [&](uint32_t space) {
            auto it = dimensions_.find(space);
            return it == dimensions_.end() ? 0u : it->second;
        });
        if (!why.empty()) damaged(which + why);
        if (!isObjectOrEmpty(view(r->metadata))) damaged(which + "metadata that is not a JSON object");
        if (r->deleted && (r->text.len || r->metadata.len || r->name.len || r->n_tags || r->n_terms || r->n_vectors))
            damaged(which + "a deleted record with content");
        return *r;
    }

    void counters(const Result& rows) {
        std::map<std::string, int64_t> kept;
        for (int i = 0; i < rows.rows(); ++i) kept[std::string(rows.bytes(i, 0))] = rows.integer(i, 1);
        for (const auto& [name, value] : kept)
            if (value != counted_[name]) miscounted(name, value, counted_[name]);
        for (const auto& [name, value] : counted_)
            if (value != kept[name]) miscounted(name, kept[name], value);
    }

    [[noreturn]] static void miscounted(const std::string& name, int64_t kept, int64_t counted) {
        damaged("the counter " + name + " is " + std::to_string(kept) + ", and there are " + std::to_string(counted));
    }

    // Those of a row have been seen with it.
    void vectors() {
        int64_t rid = INT64_MIN;
        for (int32_t space = INT32_MIN;;) {
            const Result rows = ask(kEveryVector, forTenant().add(rid).add(space).add(kSmallRows));
            for (int i = 0; i < rows.rows(); ++i)
                if (rows.small(i, 2) == 0)
                    damaged("a vector of the version" + ofLsn(uint64_t(rows.integer(i, 0))) + ", which is not there");
            if (rows.rows() < kSmallRows) return;
            rid = rows.integer(kSmallRows - 1, 0);
            space = rows.small(kSmallRows - 1, 1);
        }
    }

    void edges() {
        History history(newest_);
        engram_edge last{};
        std::string type;
        for (int64_t lsn = INT64_MIN;;) {
            Parameters after = forTenant();
            after.add(last.from).add(std::string_view(type)).add(last.to).add(lsn).add(kSmallRows);
            const Result rows = ask(kEveryEdge, after);
            for (int i = 0; i < rows.rows(); ++i) edge(history, edgeAt(rows, i), rows.small(i, rows.columns() - 1));
            if (rows.rows() < kSmallRows) return history.end();
            last = edgeAt(rows, kSmallRows - 1);
            type = view(last.type);
            lsn = static_cast<int64_t>(last.lsn_from);
        }
    }

    static void edge(History& history, const engram_edge& edge, int32_t clashes) {
        const std::string from = filter::uuidText(edge.from.bytes), to = filter::uuidText(edge.to.bytes);
        const std::string name = "edge from " + from + " to " + to, which = name + ", version" + ofLsn(edge.lsn_from) + ": ";
        history.next(from + to + std::string(view(edge.type)), name, edge.lsn_from, edge.lsn_to);
        if (const std::string why = batch_check::complaint(edge); !why.empty()) damaged(which + why);
        if (!isObjectOrEmpty(view(edge.metadata))) damaged(which + "metadata that is not a JSON object");
        if (clashes != 0) damaged(which + "a later purge took it, or a record has its LSN");
    }

    void laterLsns() {
        if (ask(kPurgesSince, forTenant().add(newest_).add(kCurrent)).rows() > 0)
            damaged("a purge is later than the tenant's newest LSN");
        if (ask(kLaterKeys, forTenant().add(newest_)).rows() > 0)
            damaged("an idempotency key is later than the tenant's newest LSN");
    }

    Session& session_;
    const engram_uuid tenant_;
    uint64_t newest_ = 0, last_rid_ = 0, last_version_ = 0;
    std::map<uint32_t, uint32_t> dimensions_;  // by space
    std::map<std::string, int64_t> counted_;
};

}  // namespace

bool checkTenant(Session& session, const engram_uuid& tenant) { return Check(session, tenant).run(); }

}  // namespace engram::storage_postgres
