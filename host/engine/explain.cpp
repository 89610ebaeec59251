// How a score came about, as JSON.
#include "engine/search.hpp"
#include "json/json.hpp"

namespace engram::engine {
namespace {

void number(json::Writer& out, const char* name, double value) {
    out.Key(name);
    out.Double(value);
}

void text(json::Writer& out, const std::string& value) {
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

}  // namespace

std::string Hit::explainJson() const {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    number(out, "score", score);
    number(out, "lexical", lexical);
    number(out, "bm25", bm25);
    out.Key("terms");
    out.StartArray();
    for (const TermScore& term : terms) {
        out.StartObject();
        out.Key("term");
        text(out, term.term);
        out.Key("df");
        out.Uint64(term.df);
        out.Key("tf");
        out.Uint(term.tf);
        number(out, "idf", term.idf);
        number(out, "score", term.score);
        if (!term.stands_for.empty()) {
            out.Key("stands_for");
            text(out, term.stands_for);
            out.Key("distance");
            out.Uint(term.distance);
        }
        out.EndObject();
    }
    out.EndArray();
    out.Key("dropped_terms");
    out.StartArray();
    for (const std::string& term : dropped_terms) text(out, term);
    out.EndArray();
    number(out, "vector", vector);
    number(out, "similarity", similarity);
    number(out, "neighbours", neighbours);
    number(out, "session", session);
    number(out, "date", date);
    number(out, "importance", importance);
    number(out, "recency", recency);
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace engram::engine
