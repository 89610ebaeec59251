// embed-http: vectors from any server that speaks OpenAI's POST /v1/embeddings.
#include "provider.hpp"
#include "wire.hpp"

#include <engram/cpp/embed.hpp>

#include <algorithm>

namespace engram::embed_http {
namespace {

class EmbedHttp {
public:
    using Clock = Provider::Clock;

    EmbedHttp(Host host, Config config) : host_(host), settings_(Settings::from(config)) {}

    engram_status start(engram_call* call) {
        metrics_ = host_.service<engram_host_metrics_v1>(ENGRAM_HOST_METRICS);
        defineMetrics();
        try {
            provider_ = std::make_unique<Provider>(
                settings_, Provider::Outlets{[this](const char* outcome) { countRequest(outcome); }, [this] { count(retries_); }});
        } catch (const Poco::Exception& e) {
            return fail(call, ENGRAM_FAILED_PRECONDITION, "TLS cannot be set up (ca_file): " + e.displayText());
        }
        return ENGRAM_OK;
    }

    engram_status stop(engram_call*) {
        provider_.reset();
        return ENGRAM_OK;
    }

    // RESOURCE_EXHAUSTED: memories are written and found by their words, only vectors do not come.
    engram_status health(engram_call* call) {
        const std::string trouble = provider_->trouble();
        return trouble.empty() ? engram_status(ENGRAM_OK) : fail(call, ENGRAM_RESOURCE_EXHAUSTED, "the provider fails: " + trouble);
    }

    engram_status info(engram_call* call, engram_embed_info* out) {
        out->dimensions = settings_.dimensions;
        out->max_batch = static_cast<uint32_t>(settings_.max_batch);
        out->deterministic = 0;
        out->model = keep(call, settings_.space);
        return ENGRAM_OK;
    }

    engram_status embed(engram_call* call, uint32_t purpose, const engram_str* texts, size_t n, float* out, uint64_t* tokens) {
        const bool query = purpose == ENGRAM_EMBED_QUERY;
        const std::string& prefix = query ? settings_.query_prefix : settings_.document_prefix;
        const Clock::time_point deadline = deadlineOf(call, query ? settings_.query_timeout : settings_.timeout);
        uint64_t counted = 0;
        std::fill(out, out + n * settings_.dimensions, 0.0f);
        for (size_t first = 0; first < n; first += settings_.max_batch) {
            const size_t count = std::min(settings_.max_batch, n - first);
            const Provider::Answer answer =
                embedBatch(prefix, texts + first, count, deadline, call, out + first * settings_.dimensions);
            counted += answer.tokens;
            if (answer.status != ENGRAM_OK) return fail(call, answer.status, answer.why);
        }
        if (tokens) *tokens = counted;
        if (metrics_ && counted) metrics_->add(host_.raw(), tokens_, nullptr, 0, static_cast<double>(counted));
        return ENGRAM_OK;
    }

private:
    // A text without a visible character keeps its vector of zeros: providers refuse empty input.
    Provider::Answer embedBatch(const std::string& prefix, const engram_str* texts, size_t n, Clock::time_point deadline,
                                const engram_call* call, float* out) {
        std::vector<std::string> asked;
        std::vector<size_t> places;
        for (size_t i = 0; i < n; ++i) {
            const std::string_view text = cut(view(texts[i]), settings_.max_text);
            if (text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos) continue;
            asked.push_back(prefix + std::string(text));
            places.push_back(i);
        }
        if (asked.empty()) return {};
        std::vector<float> vectors(asked.size() * settings_.dimensions);
        const Provider::Answer answer = provider_->embed(asked, deadline, call, vectors.data());
        if (answer.status != ENGRAM_OK) return answer;
        for (size_t i = 0; i < places.size(); ++i)
            std::copy_n(vectors.data() + i * settings_.dimensions, settings_.dimensions, out + places[i] * settings_.dimensions);
        return answer;
    }

    static Clock::time_point deadlineOf(const engram_call* call, std::chrono::milliseconds own) {
        Clock::time_point deadline = Clock::now() + own;
        if (call->deadline_ns)
            deadline = std::min(deadline, Clock::time_point(std::chrono::nanoseconds(call->deadline_ns)));
        return deadline;
    }

    void defineMetrics() {
        if (!metrics_) return;
        const engram_str label = engram_lit("outcome");
        metrics_->define(host_.raw(), ENGRAM_METRIC_COUNTER, engram_lit("requests_total"),
                         engram_lit("Requests to the provider of embeddings, by outcome"), &label, 1, &requests_);
        metrics_->define(host_.raw(), ENGRAM_METRIC_COUNTER, engram_lit("retries_total"),
                         engram_lit("Requests to the provider that were repeated"), nullptr, 0, &retries_);
        metrics_->define(host_.raw(), ENGRAM_METRIC_COUNTER, engram_lit("tokens_total"),
                         engram_lit("Tokens that the provider counted"), nullptr, 0, &tokens_);
    }

    void countRequest(const char* outcome) {
        const engram_str label = engram_lit(outcome);
        if (metrics_) metrics_->add(host_.raw(), requests_, &label, 1, 1);
    }
    void count(uint64_t metric) {
        if (metrics_) metrics_->add(host_.raw(), metric, nullptr, 0, 1);
    }

    Host host_;
    const Settings settings_;
    std::unique_ptr<Provider> provider_;
    const engram_host_metrics_v1* metrics_ = nullptr;
    uint64_t requests_ = 0, retries_ = 0, tokens_ = 0;
};

}  // namespace
}  // namespace engram::embed_http

ENGRAM_PLUGIN(engram::embed_http::EmbedHttp, R"json({
  "id": "embed-http", "version": "0.1.0", "kind": "embed", "provides": ["engram.embed/1"],
  "services": ["engram.host.log/1", "engram.host.json/1", "engram.host.metrics/1"],
  "status": "beta", "license": "MIT",
  "description": "Vectors from a server that speaks OpenAI's POST /v1/embeddings: OpenAI, Ollama, TEI, vLLM and others",
  "config": {"type": "object", "additionalProperties": false, "required": ["url", "model", "dimensions"], "properties": {
    "url": {"type": "string", "minLength": 1, "maxLength": 2048, "description": "Whole address of the endpoint, e.g. http://127.0.0.1:11434/v1/embeddings"},
    "model": {"type": "string", "minLength": 1, "maxLength": 256, "description": "The model as the provider calls it"},
    "dimensions": {"type": "integer", "minimum": 1, "maximum": 65536, "description": "Numbers in a vector; an answer with another count is refused"},
    "send_dimensions": {"type": "boolean", "default": false, "description": "Ask the provider for that many, where the model can be shortened"},
    "revision": {"type": "string", "maxLength": 64, "default": "", "description": "Change it when the provider's model changes under the same name: vectors are then made anew"},
    "api_key": {"type": "string", "maxLength": 4096, "default": "", "description": "Secret: take it from ${env:NAME} or ${file:PATH}; needs https:// but on this machine"},
    "api_key_header": {"type": "string", "maxLength": 64, "default": "Authorization", "description": "Header that carries the key; as a bearer token in Authorization, bare in any other"},
    "ca_file": {"type": "string", "default": "", "description": "File of the authority that signed the provider's certificate; empty = those of the system"},
    "document_prefix": {"type": "string", "maxLength": 512, "default": "", "description": "Put before memories, where the model wants it, e.g. 'search_document: '"},
    "query_prefix": {"type": "string", "maxLength": 512, "default": "", "description": "Put before queries"},
    "max_batch": {"type": "integer", "minimum": 1, "maximum": 2048, "default": 64, "description": "Texts a request"},
    "max_text_bytes": {"type": "integer", "minimum": 16, "maximum": 1048576, "default": 8000, "description": "The first bytes of a text that count; models refuse or cut what is too long for them"},
    "max_answer_bytes": {"type": "integer", "minimum": 1024, "maximum": 1073741824, "default": 33554432, "description": "Longest answer that is read"},
    "connections": {"type": "integer", "minimum": 1, "maximum": 256, "default": 4, "description": "Requests at the same time"},
    "retries": {"type": "integer", "minimum": 0, "maximum": 10, "default": 3, "description": "Repetitions of a request that may succeed later: 408, 429, 5xx, no connection"},
    "timeout_ms": {"type": "integer", "minimum": 10, "maximum": 600000, "default": 30000, "description": "For a batch of memories, repetitions included"},
    "query_timeout_ms": {"type": "integer", "minimum": 10, "maximum": 600000, "default": 10000, "description": "For a query; a search waits at most 1500 ms for it, then goes on by words"}}}
})json", engram::embed)
