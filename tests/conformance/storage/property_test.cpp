// The plugin under test against the oracle, step by step: the same random batches to both, then the same
// random questions; every answer must be the same. ENGRAM_CONFORMANCE_SEEDS and ENGRAM_CONFORMANCE_STEPS ask
// for more of it, ENGRAM_CONFORMANCE_FIRST_SEED starts elsewhere.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include "random_workload.hpp"
#include "store.hpp"
#include "support/test.hpp"

using namespace engram::conformance;

namespace {

uint64_t setting(const char* name, uint64_t fallback) {
    const char* value = std::getenv(name);
    return value && *value ? std::strtoull(value, nullptr, 10) : fallback;
}

// Vectors may be kept quantised: their presence is compared here, their direction in vector_cases.cpp.
std::string plain(Record record) {
    for (auto& [space, values] : record.vectors) values.assign(1, static_cast<float>(values.size()));
    return show(record) + "\n";
}

std::string plain(const std::vector<Record>& records) {
    std::string out;
    for (const Record& record : records) out += plain(record);
    return out;
}

std::string plain(const std::vector<Change>& changes) {
    std::string out;
    for (Change change : changes) {
        for (auto& [space, values] : change.record.vectors)
            values.assign(1, static_cast<float>(values.size()));
        out += show(change) + "\n";
    }
    return out;
}

// Postings with their rid, which is each store's own, replaced by what it stands for; sorted by it.
std::string plain(const View& view, const std::vector<Posting>& postings) {
    std::map<std::string, std::string> lines;
    for (const Posting& posting : postings) {
        const auto record = view.byRid(posting.rid);
        CHECK_MESSAGE("match hands out a rid that get does not know", record.has_value());
        std::ostringstream line;
        line << " length " << posting.length << " tf";
        for (const uint32_t tf : posting.tf) line << ' ' << tf;
        lines[uuidText(record->id)] = line.str();
    }
    std::string out;
    for (const auto& [id, line] : lines) out += id + line + "\n";
    return out;
}

class Comparison {
public:
    Comparison(uint64_t seed, Store& oracle, Store& tested) : seed_(seed), oracle_(oracle), tested_(tested) {}

    void step(uint64_t number) { step_ = number; }

    void same(const std::string& what, const std::string& expected, const std::string& actual) const {
        if (expected == actual) return;
        std::ostringstream out;
        out << "seed " << seed_ << " step " << step_ << ": " << what << "\noracle:\n"
            << expected << "\nunder test:\n"
            << actual;
        CPPUNIT_FAIL(out.str());
    }

    void outcomes(const std::vector<Batch>& batches) const {
        std::string expected, actual;
        for (const Outcome& outcome : oracle_.apply(batches)) expected += show(outcome) + "\n";
        for (const Outcome& outcome : tested_.apply(batches)) actual += show(outcome) + "\n";
        same("outcomes of apply", expected, actual);
        same("newest lsn", std::to_string(oracle_.lsn()), std::to_string(tested_.lsn()));
        same("counters", counters(oracle_), counters(tested_));
    }

    void reads(RandomWorkload& random, uint64_t at) const {
        const auto expected = oracle_.view(at), actual = tested_.view(at);
        same("lsn of a view", std::to_string(expected->lsn()), std::to_string(actual->lsn()));
        same("get of every record", everything(*expected), everything(*actual));
        const Id id = random.id();
        same("history of " + uuidText(id), plain(expected->history(id)), plain(actual->history(id)));
        for (uint32_t incoming = 0; incoming < 2; ++incoming) {
            const Id end = idOf(1 + random.below(6));
            same("edges of " + uuidText(end), edges(*expected, end, incoming), edges(*actual, end, incoming));
        }
        const Listing listing = random.listing();
        same("list by " + std::to_string(listing.order) + (listing.descending ? " down" : " up") +
                 filterOf(listing.scope),
             plain(expected->listAll(listing)), plain(actual->listAll(listing)));
        lexical(random, *expected, *actual);
        nearest(random, *expected, *actual);
    }

    void feed(uint64_t after, uint32_t limit) const {
        same("changes after " + std::to_string(after), plain(oracle_.changes(after, limit)),
             plain(tested_.changes(after, limit)));
    }

private:
    static std::string counters(const Store& store) {
        std::string out;
        for (const auto& [name, value] : store.counters()) out += name + " " + std::to_string(value) + "\n";
        return out;
    }

    static std::string everything(const View& view) {
        std::string out;
        for (uint64_t n = 1; n <= RandomWorkload::kIds; ++n)
            if (const auto record = view.get(idOf(n), kWantAll | ENGRAM_WANT_DELETED)) out += plain(*record);
        return out;
    }

    static std::string edges(const View& view, const Id& id, uint32_t incoming) {
        std::string out;
        for (const Edge& edge : view.edges(id, incoming)) out += show(edge) + "\n";
        return out;
    }

    static std::string filterOf(const Scope& scope) {
        std::string out = " of kind " + std::to_string(scope.kind) + " in";
        for (const std::string& workspace : scope.workspaces) out += " " + workspace;
        return out + (scope.filter.empty() ? "" : " where " + show(scope.filter.front()));
    }

    void lexical(RandomWorkload& random, const View& expected, const View& actual) const {
        const Scope scope = random.scope();
        const auto words = random.words();
        same("match" + filterOf(scope), plain(expected, expected.match(scope, words)),
             plain(actual, actual.match(scope, words)));
        same("terms" + filterOf(scope), shown(expected.terms(scope, words)),
             shown(actual.terms(scope, words)));
        best(random, scope, words, actual);
        similar(random, scope, words.front(), expected, actual);
        companions(random, scope, expected, actual);
        const uint32_t limit = 1 + static_cast<uint32_t>(random.below(5));
        const std::string prefix = words.front().substr(0, random.below(3));
        same("expand of '" + prefix + "'" + filterOf(scope), shown(expected.expand(scope, prefix, limit)),
             shown(actual.expand(scope, prefix, limit)));
    }

    // Of a word that is near others by a slip of the pen, of each kind.
    void similar(RandomWorkload& random, const Scope& scope, std::string word, const View& expected,
                 const View& actual) const {
        const size_t at = random.below(word.size());
        switch (random.below(4)) {
            case 0: word.erase(at, 1); break;
            case 1: word.insert(at, 1, 'o'); break;
            case 2: word[at] = 'e'; break;
            default: std::swap(word[at], word[random.below(word.size())]);
        }
        if (word.empty()) return;
        const auto most = static_cast<uint32_t>(1 + random.below(2)), limit = static_cast<uint32_t>(1 + random.below(5));
        const auto found = actual.similarTerms(scope, word, most, limit);
        if (!found) return;
        same("similar_terms of '" + word + "'" + filterOf(scope), shown(*expected.similarTerms(scope, word, most, limit)),
             shown(*found));
    }

    // Of some records that are there, and of rids that are none's.
    void companions(RandomWorkload& random, const Scope& scope, const View& expected, const View& actual) const {
        std::vector<uint64_t> oracle_rids, rids;
        for (uint64_t n = random.below(6); n > 0; --n) {
            const Id id = random.id();
            const auto there = expected.get(id);
            const auto tested = actual.get(id);
            oracle_rids.push_back(there ? there->rid : 0);
            rids.push_back(tested ? tested->rid : UINT64_MAX - n);
        }
        const uint64_t most = random.below(12);
        const auto found = actual.companions(scope, rids, most);
        if (!found) return;
        same("companions, at most " + std::to_string(most) + "," + filterOf(scope),
             shown(expected, *expected.companions(scope, oracle_rids, most)), shown(actual, *found));
    }

    static std::string shown(const View& view, const std::vector<Group>& groups) {
        std::string out;
        for (const Group& group : groups) {
            out += std::to_string(group.index) + ":";
            for (const engram_member& member : group.members)
                out += " " + uuidText(view.byRid(member.rid).value().id) + " of " + std::to_string(member.length);
            out += "\n";
        }
        return out;
    }

    static std::string shown(const std::vector<SimilarTerm>& terms) {
        std::string out;
        for (const SimilarTerm& term : terms)
            out += term.text + " " + std::to_string(term.distance) + " " + std::to_string(term.df) + "\n";
        return out;
    }

    // What match_best hands over is of match(), and none of the best is missing.
    void best(RandomWorkload& random, const Scope& scope, const std::vector<std::string>& words, const View& view) const {
        const engram::Bm25 bm25{random.below(2) ? 1.2 : 0.0, random.below(2) ? 0.75 : 0.0,
                        1.0 + static_cast<double>(random.below(9))};
        const auto keep = static_cast<uint32_t>(1 + random.below(6));
        std::vector<double> weights;
        for (size_t i = 0; i < words.size(); ++i) weights.push_back(0.5 * static_cast<double>(1 + random.below(3)));
        const auto found = view.matchBest(scope, words, bm25, weights, keep);
        if (!found) return;
        std::map<uint64_t, std::string> all, got;
        std::vector<std::pair<double, uint64_t>> ranked;
        for (const Posting& posting : view.match(scope, words)) {
            double score = 0;
            for (size_t t = 0; t < words.size(); ++t) score += bm25.share(weights[t], posting.tf[t], posting.length);
            ranked.emplace_back(-score, posting.rid);
            all[posting.rid] = plain(view, {posting});
        }
        for (const Posting& posting : *found) got[posting.rid] = plain(view, {posting});
        const std::string what = "match_best, " + std::to_string(keep) + " of " + std::to_string(all.size()) + filterOf(scope);
        for (const auto& [rid, line] : got) same(what, all.contains(rid) ? all.at(rid) : "not of match", line);
        std::sort(ranked.begin(), ranked.end());
        for (size_t i = 0; i < ranked.size() && i < keep; ++i)
            if (!got.contains(ranked[i].second)) same(what, all.at(ranked[i].second), "missing");
    }

    static std::string shown(const Terms& terms) {
        std::string out =
            std::to_string(terms.documents) + " documents of " + std::to_string(terms.total_length) + ":";
        for (const uint64_t df : terms.df) out += " " + std::to_string(df);
        return out;
    }

    static std::string shown(const std::vector<std::pair<std::string, uint64_t>>& terms) {
        std::string out;
        for (const auto& [term, df] : terms) out += term + " " + std::to_string(df) + "\n";
        return out;
    }

    // The k-th similarity may be off by the quantisation, so what is clearly better than it must be there.
    void nearest(RandomWorkload& random, const View& expected, const View& actual) const {
        constexpr float kQuantisation = 0.01f;
        const Scope scope = random.scope();
        const auto vector = random.vector();
        const uint32_t k = 1 + static_cast<uint32_t>(random.below(6));
        const auto all = byId(expected, expected.nearest(scope, space_, vector, RandomWorkload::kIds));
        const auto found = actual.nearest(scope, space_, vector, k);
        same("number of neighbours" + filterOf(scope), std::to_string(std::min<size_t>(k, all.size())),
             std::to_string(found.size()));
        for (size_t i = 1; i < found.size(); ++i)
            if (found[i - 1].similarity < found[i].similarity) same("neighbours best first", "", "not so");
        const auto got = byId(actual, found);
        for (const auto& [id, similarity] : got) {
            auto truth = all.find(id);
            if (truth == all.end()) same("neighbours of the scope" + filterOf(scope), "", id);
            if (std::fabs(truth->second - similarity) > kQuantisation)
                same("similarity of " + id, std::to_string(truth->second), std::to_string(similarity));
        }
        if (found.empty()) return;
        for (const auto& [id, similarity] : all)
            if (similarity > found.back().similarity + 2 * kQuantisation && !got.contains(id))
                same("neighbours" + filterOf(scope), id + " at " + std::to_string(similarity), "missing");
    }

    static std::map<std::string, float> byId(const View& view,
                                             const std::vector<engram_neighbour>& neighbours) {
        std::map<std::string, float> out;
        for (const engram_neighbour& neighbour : neighbours) {
            const auto record = view.byRid(neighbour.rid);
            CHECK_MESSAGE("nearest hands out a rid that get does not know", record.has_value());
            CHECK_MESSAGE("a neighbour twice",
                          out.emplace(uuidText(record->id), neighbour.similarity).second);
        }
        return out;
    }

public:
    uint32_t space_ = 0;

private:
    uint64_t seed_, step_ = 0;
    Store &oracle_, &tested_;
};

// Closes and opens both; what keeps its state is stopped and made anew between.
void reopen(Store& oracle, Store& tested) {
    oracle.close();
    oracle.open();
    tested.close();
    if (target().durable) tested.plugin().restart();
    tested.open();
}

void replayed(Comparison& comparison, Store& from, Store& into) {
    for (const Change& change : from.changes()) {
        Batch batch;
        batch.flags = ENGRAM_BATCH_REPLAY;
        batch.ops.push_back(replayOf(change));
        const Outcome outcome = into.apply(batch);
        comparison.same("replay of " + show(change), "outcome 0",
                        "outcome " + std::to_string(outcome.outcome));
    }
}

void runSeed(uint64_t seed, uint64_t steps) {
    Plugin oracle_plugin(target().oracle, "{}"), tested_plugin;
    Store oracle(oracle_plugin), tested(tested_plugin);
    const uint32_t space = oracle.createSpace("model", RandomWorkload::kDimensions);
    CHECK_EQ(space, tested.createSpace("model", RandomWorkload::kDimensions));
    RandomWorkload random(seed, space);
    Comparison comparison(seed, oracle, tested);
    comparison.space_ = space;
    for (uint64_t step = 1; step <= steps; ++step) {
        comparison.step(step);
        comparison.outcomes(random.batches());
        if (random.below(100) < 4) reopen(oracle, tested);
        comparison.reads(random, ENGRAM_LSN_MAX);
        comparison.reads(random, random.below(oracle.lsn() + 1));
        comparison.feed(random.below(oracle.lsn() + 2), 1 + static_cast<uint32_t>(random.below(20)));
    }
    comparison.feed(0, 1000000);
    tested.check();

    // What the feed says, said again to an empty tenant, gives the same store.
    Store copy(tested_plugin, "018f0000-0000-7000-8000-000000000002");
    CHECK_EQ(space, copy.createSpace("model", RandomWorkload::kDimensions));
    Comparison replay(seed, tested, copy);
    replay.space_ = space;
    replay.step(steps + 1);
    replayed(replay, tested, copy);
    replay.feed(0, 1000000);
    copy.check();
    for (int i = 0; i < 20; ++i) replay.reads(random, random.below(tested.lsn() + 1));

    // So does a snapshot.
    const std::string third = "018f0000-0000-7000-8000-000000000003";
    expect(ENGRAM_OK, tested_plugin.tryRestore(third, tested.snapshot()), "restore");
    Store restored(tested_plugin, third);
    Comparison snapshot(seed, tested, restored);
    snapshot.space_ = space;
    snapshot.step(steps + 2);
    snapshot.feed(0, 1000000);
    for (int i = 0; i < 20; ++i) snapshot.reads(random, random.below(tested.lsn() + 1));
    snapshot.outcomes(random.batches());
    restored.check();
}

}  // namespace

TEST("random batches and questions get the oracle's answers, step by step") {
    const uint64_t first = setting("ENGRAM_CONFORMANCE_FIRST_SEED", 1);
    const uint64_t seeds = setting("ENGRAM_CONFORMANCE_SEEDS", 20);
    const uint64_t steps = setting("ENGRAM_CONFORMANCE_STEPS", 150);
    for (uint64_t seed = first; seed < first + seeds; ++seed) runSeed(seed, steps);
}
