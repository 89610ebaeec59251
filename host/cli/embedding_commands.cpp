// Which model memories are searched by, and changing it.
#include "cli/client_commands.hpp"

namespace engram::cli {
namespace {

using Takes = Option::Takes;

std::vector<Option> with(std::vector<Option> own) {
    for (const Option& option : kConnectionOptions) own.push_back(option);
    return own;
}

void showEmbedding(const json::Value& answer, std::ostream& out) {
    const json::Value& embedding = answer["embedding"];
    const std::string memories = text(embedding, "memories");
    if (embedding["spaces"].Empty()) out << "no vectors: memories are found by their words\n";
    for (const auto& space : embedding["spaces"].GetArray()) {
        const std::string embedder = text(space, "embedder"), pending = text(space, "pending"), refused = text(space, "refused");
        out << text(space, "id") << "  " << text(space, "state") << "  " << text(space, "model") << "  "
            << (embedder.empty() ? "(no embedder)" : embedder) << "  " << text(space, "covered") << " of " << memories;
        if (pending != "0") out << "  " << pending << " pending";
        if (refused != "0") out << "  " << refused << " refused";
        out << "\n";
    }
    for (const auto& embedder : embedding["embedders"].GetArray())
        out << "embedder  " << text(embedder, "name") << "  " << text(embedder, "model") << "\n";
    if (const std::string failure = text(embedding, "failure"); !failure.empty()) out << "failing: " << failure << "\n";
}

}  // namespace

void addEmbeddingCommands(std::vector<Command>& commands, const Connect& connect) {
    commands.push_back({"embedding", "show", "", "which model memories are searched by, and how many wait for vectors", 0, 0,
                        with({}), [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"GET", "/v1/embedding", "", {}}, s, &showEmbedding);
                        }});
    commands.push_back({"embedding", "switch", "EMBEDDER", "search by another embedder's model once all memories have its vectors", 1,
                        1, with({{"now", Takes::Nothing, "", "at once, without waiting for vectors: also the way back"}}),
                        [connect](const Arguments& a, Streams s) {
                            json::Buffer buffer;
                            json::Writer out(buffer);
                            out.StartObject();
                            out.Key("embedder");
                            out.String(a.words[0].data(), static_cast<rapidjson::SizeType>(a.words[0].size()));
                            out.Key("when");
                            out.String(a.has("now") ? "now" : "complete");
                            out.EndObject();
                            const std::string body(buffer.GetString(), buffer.GetSize());
                            return request(connect, a, {"POST", "/v1/embedding:switch", body, {}}, s, &showEmbedding);
                        }});
    commands.push_back({"embedding", "drop", "ID", "delete the vectors of a model that is not in use", 1, 1, with({}),
                        [connect](const Arguments& a, Streams s) {
                            const std::string target = "/v1/embedding/spaces/" + percentEncode(a.words[0]);
                            return request(connect, a, {"DELETE", target, "", {}}, s, &showEmbedding);
                        }});
}

}  // namespace engram::cli
