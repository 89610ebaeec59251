// Are the constants of context and dates right for conversations that they were not chosen on? Every choice of a grid is
// tried on LoCoMo's conversations; the best on two of them is shown on the third, all three ways, beside the constants in use.
// The figures are those of bench_recall.py, from the engine alone. ENGRAM_CORPORA says where the conversations are.
#include "engine/engine.hpp"
#include "engine/time.hpp"
#include "json/json.hpp"
#include "support/plugin_under_test.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <future>
#include <set>
#include <sstream>

using namespace engram;
using namespace engram::engine;

namespace {

const std::string kTenant = "01890000-0000-7000-8000-000000000001";
constexpr size_t kBatch = 100;

struct Question {
    size_t conversation;
    std::string text;
    std::set<std::string> evidence;  // ids of turns
};

struct Figures {
    double turn10 = 0, mrr = 0, session5 = 0, session10 = 0;
    size_t n = 0;
    double objective() const { return (turn10 + mrr + session5 + session10) / 4; }
};

std::string sessionOfTurn(const std::string& dia_id) { return dia_id.substr(0, dia_id.find(':')); }

// "1:56 pm on 8 May, 2023"
std::optional<int64_t> timeOf(const std::string& text) {
    int hour = 0, minute = 0, day = 0, year = 0;
    char half[3] = {}, month[16] = {};
    if (std::sscanf(text.c_str(), "%d:%d %2s on %d %15[A-Za-z], %d", &hour, &minute, half, &day, month, &year) != 6)
        return std::nullopt;
    static const char* kMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                    "July",    "August",   "September", "October", "November", "December"};
    const auto it = std::find(std::begin(kMonths), std::end(kMonths), std::string(month));
    char out[32];
    std::snprintf(out, sizeof out, "%04d-%02d-%02dT%02d:%02d:00Z", year, static_cast<int>(it - std::begin(kMonths)) + 1, day,
                  hour % 12 + (half[0] == 'p' ? 12 : 0), minute);
    return parseTime(out);
}

std::vector<NewMemory> turnsOf(const json::Value& sample, const std::string& workspace) {
    std::vector<NewMemory> turns;
    const json::Value& conversation = sample["conversation"];
    for (int n = 1; n < 100; ++n) {
        const std::string name = "session_" + std::to_string(n);
        const json::Value* session = json::find(conversation, name);
        if (!session) continue;
        const json::Value* when = json::find(conversation, name + "_date_time");
        for (const json::Value& turn : session->GetArray()) {
            NewMemory memory;
            memory.workspace = workspace;
            memory.content = std::string(turn["speaker"].GetString()) + ": " + turn["text"].GetString();
            memory.metadata = "{\"session\":\"" + name + "\",\"dia_id\":\"" + turn["dia_id"].GetString() + "\"}";
            if (when) memory.occurred_at = timeOf(when->GetString());
            turns.push_back(std::move(memory));
        }
    }
    return turns;
}

std::string diaIdOf(const Memory& memory) {
    auto metadata = json::parse(memory.metadata);
    return (*metadata)["dia_id"].GetString();
}

// "D8:6; D9:17" names two.
void addEvidence(const std::string& text, const std::set<std::string>& known, std::set<std::string>& out) {
    std::stringstream parts(text);
    for (std::string part; std::getline(parts, part, ';');) {
        part.erase(std::remove(part.begin(), part.end(), ' '), part.end());
        if (known.contains(part)) out.insert(part);
    }
}

template <class T>
double recall(const std::vector<std::string>& ranked, const T& wanted, size_t k) {
    size_t found = 0;
    for (size_t i = 0; i < ranked.size() && i < k; ++i) found += wanted.contains(ranked[i]);
    return static_cast<double>(found) / static_cast<double>(wanted.size());
}

class Conversations {
public:
    explicit Conversations(const json::Value& samples)
        : storage_plugin_(PLUGIN_STORAGE_SQLITE, storage_host_), embed_plugin_(PLUGIN_EMBED_BUILTIN, embed_host_) {
        auto writer = engineWith({});
        for (const json::Value& sample : samples.GetArray()) {
            const std::string workspace = sample["sample_id"].GetString();
            names.push_back(workspace);
            auto turns = turnsOf(sample, workspace);
            std::set<std::string> known;
            for (const NewMemory& turn : turns) {
                Memory memory;
                memory.metadata = turn.metadata;
                known.insert(diaIdOf(memory));
            }
            addQuestions(sample, known);
            for (size_t at = 0; at < turns.size(); at += kBatch)
                create(*writer, {turns.begin() + static_cast<std::ptrdiff_t>(at),
                                 turns.begin() + static_cast<std::ptrdiff_t>(std::min(turns.size(), at + kBatch))});
        }
        writer->stop();
    }

    // By conversation.
    std::vector<Figures> measure(const SearchOptions& search) {
        auto engine = engineWith(search);
        std::vector<Figures> figures(names.size());
        for (const Question& question : questions_) {
            SearchQuery query;
            query.text = question.text;
            query.workspaces = {names[question.conversation]};
            query.limit = 100;
            const auto answer = engine->search(kTenant, query, {});
            if (!answer) throw std::runtime_error(answer.error().message);
            add(figures[question.conversation], question, *answer);
        }
        engine->stop();
        return figures;
    }

    std::vector<std::string> names;

private:
    std::unique_ptr<Engine> engineWith(const SearchOptions& search) {
        Engine::Options options;
        options.search = search;
        return std::make_unique<Engine>(
            StorageBinding{storage_plugin_.interface<engram_storage_v1>(ENGRAM_STORAGE), storage_plugin_.self()},
            std::vector<EmbedBinding>{
                {embed_plugin_.interface<engram_embed_v1>(ENGRAM_EMBED), embed_plugin_.self(), "embed-builtin"}},
            clock_, options);
    }

    void addQuestions(const json::Value& sample, const std::set<std::string>& known) {
        for (const json::Value& qa : sample["qa"].GetArray()) {
            Question question{names.size() - 1, qa["question"].GetString(), {}};
            if (const json::Value* evidence = json::find(qa, "evidence"))
                for (const json::Value& entry : evidence->GetArray()) addEvidence(entry.GetString(), known, question.evidence);
            if (!question.evidence.empty()) questions_.push_back(std::move(question));
        }
    }

    static void create(Engine& engine, std::vector<NewMemory> memories) {
        std::promise<Result<Receipt>> done;
        WriteOptions options;
        options.render = [](std::span<const Memory>) { return std::string(); };
        engine.create(kTenant, std::move(memories), options, [&](Result<Receipt> receipt) { done.set_value(std::move(receipt)); });
        if (auto receipt = done.get_future().get(); !receipt) throw std::runtime_error(receipt.error().message);
    }

    static void add(Figures& figures, const Question& question, const SearchAnswer& answer) {
        std::vector<std::string> turns, sessions;
        std::set<std::string> wanted;
        for (const std::string& turn : question.evidence) wanted.insert(sessionOfTurn(turn));
        double rank = 0;
        for (const Hit& hit : answer.hits) {
            turns.push_back(diaIdOf(hit.memory));
            const std::string session = sessionOfTurn(turns.back());
            if (std::find(sessions.begin(), sessions.end(), session) == sessions.end()) sessions.push_back(session);
            if (rank == 0 && question.evidence.contains(turns.back())) rank = 1.0 / static_cast<double>(turns.size());
        }
        figures.turn10 += recall(turns, question.evidence, 10);
        figures.mrr += rank;
        figures.session5 += recall(sessions, wanted, 5);
        figures.session10 += recall(sessions, wanted, 10);
        ++figures.n;
    }

    testing::TemporaryFolder folder_;
    testing::FakeHost storage_host_{"storage-sqlite", folder_.path()}, embed_host_{"embed-builtin"};
    testing::PluginUnderTest storage_plugin_, embed_plugin_;
    SystemClock clock_;
    std::vector<Question> questions_;
};

Figures mean(const std::vector<Figures>& of, const std::vector<size_t>& conversations) {
    Figures sum;
    for (const size_t c : conversations) {
        sum.turn10 += of[c].turn10;
        sum.mrr += of[c].mrr;
        sum.session5 += of[c].session5;
        sum.session10 += of[c].session10;
        sum.n += of[c].n;
    }
    const double n = static_cast<double>(sum.n) / 100;
    return {sum.turn10 / n, sum.mrr / n, sum.session5 / n, sum.session10 / n, sum.n};
}

void print(const char* what, const Figures& f) {
    std::printf("  %-34s turn R@10 %5.1f  MRR %5.1f  session R@5 %5.1f  R@10 %5.1f\n", what, f.turn10, f.mrr, f.session5, f.session10);
}

std::vector<SearchOptions> grid() {
    std::vector<SearchOptions> out;
    for (const double next : {0.2, 0.4, 0.6})
        for (const double second : {0.5, 0.25})  // of `next`
            for (const double session : {0.5, 1.0, 2.0})
                for (const double date : {1.3, 1.6, 2.0}) {
                    SearchOptions options;
                    options.context.next = next;
                    options.context.second = next * second;
                    options.context.session = session;
                    options.date_factor = date;
                    out.push_back(options);
                }
    return out;
}

std::string shown(const SearchOptions& o) {
    char out[96];
    std::snprintf(out, sizeof out, "%.1f %.2f session %.1f date %.1f", o.context.next, o.context.second, o.context.session, o.date_factor);
    return out;
}

int run(const char* corpora) {
    std::ifstream file(std::string(corpora) + "/locomo-dev/locomo-dev.json");
    std::stringstream text;
    text << file.rdbuf();
    auto samples = json::parse(text.str());
    if (!samples) return 77;
    Conversations conversations(*samples);
    const auto options = grid();
    std::vector<std::vector<Figures>> measured;
    for (const SearchOptions& option : options) measured.push_back(conversations.measure(option));
    const auto in_use = conversations.measure({});
    for (size_t third = 0; third < conversations.names.size(); ++third) {
        std::vector<size_t> others;
        for (size_t c = 0; c < conversations.names.size(); ++c)
            if (c != third) others.push_back(c);
        size_t best = 0;
        for (size_t i = 1; i < options.size(); ++i)
            if (mean(measured[i], others).objective() > mean(measured[best], others).objective()) best = i;
        std::printf("shown on %s, fitted on the others: %s\n", conversations.names[third].c_str(), shown(options[best]).c_str());
        print("fitted", mean(measured[best], {third}));
        print(("in use: " + shown({})).c_str(), mean(in_use, {third}));
    }
    std::vector<size_t> every;
    for (size_t c = 0; c < conversations.names.size(); ++c) every.push_back(c);
    std::printf("all conversations\n");
    print("in use", mean(in_use, every));
    return 0;
}

}  // namespace

int main() {
    const char* corpora = std::getenv("ENGRAM_CORPORA");
    return corpora ? run(corpora) : 77;
}
