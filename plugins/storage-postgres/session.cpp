#include "session.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace engram::storage_postgres {
namespace {

using Clock = std::chrono::steady_clock;

// Beyond the server's own timeouts: then it is the server or the network that hangs.
constexpr std::chrono::seconds kGrace{5};

std::string trimmed(const char* message) {
    std::string out = message ? message : "";
    while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
    std::replace(out.begin(), out.end(), '\n', ' ');
    return out;
}

}  // namespace

bool PostgresError::lost() const {
    return state.empty() || state.starts_with("08") || state.starts_with("57P");
}

Session::Session(const ConnectOptions& options)
    : connection_(nullptr, &PQfinish), patience_(options.statement + kGrace) {
    const std::string seconds = std::to_string(std::max<int64_t>(2, options.connect.count() / 1000));
    // Set by the connection's own request, so that nothing of a role's or database's defaults comes between.
    const std::string settings = "-c statement_timeout=" + std::to_string(options.statement.count()) +
                                 " -c lock_timeout=" + std::to_string(options.lock.count()) +
                                 " -c idle_in_transaction_session_timeout=60000 -c search_path=" + options.schema +
                                 " -c default_transaction_isolation=read\\ committed -c row_security=on" +
                                 " -c TimeZone=UTC -c client_min_messages=warning"
                                 // One plan a statement, the one that a test has looked at: by index, row by row. Else what
                                 // was planned while a table was empty would stay when it is not.
                                 " -c plan_cache_mode=force_generic_plan -c jit=off -c enable_seqscan=off"
                                 " -c enable_hashjoin=off -c enable_mergejoin=off -c enable_material=off";
    const std::string patience = std::to_string(patience_.count());
    // Later keywords win over what the URL says.
    constexpr const char* kEnd = nullptr;
    const std::array keys{"dbname",           "connect_timeout",           "options", "client_encoding",
                          "tcp_user_timeout", "fallback_application_name", kEnd};
    const std::array values{options.url.c_str(), seconds.c_str(), settings.c_str(), "UTF8", patience.c_str(), "engram", kEnd};
    connection_.reset(PQconnectdbParams(keys.data(), values.data(), 1));
    if (!connection_ || PQstatus(connection_.get()) != CONNECTION_OK) {
        const std::string why = connection_ ? trimmed(PQerrorMessage(connection_.get())) : "out of memory";
        throw PostgresError("", why);
    }
    PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
    if (PQsetnonblocking(connection_.get(), 1) != 0 || PQenterPipelineMode(connection_.get()) != 1)
        lose("the connection cannot send in pipelines");
}

void Session::lose(const std::string& why) {
    lost_ = true;
    throw PostgresError("", why);
}

void Session::check(int sent) {
    if (sent != 1) lose(trimmed(PQerrorMessage(connection_.get())));
}

Session& Session::queue(const Statement& statement, const Parameters& parameters) {
    if (!usable()) lose("the connection is lost");
    if (!prepared_.contains(statement.name)) {
        check(PQsendPrepare(connection_.get(), statement.name, statement.sql, 0, nullptr));
        sent_.push_back({&statement});
        prepared_.insert(statement.name);
    }
    std::vector<const char*> values;
    std::vector<int> lengths, formats;
    for (const std::string& value : parameters.values()) {
        values.push_back(value.data());
        lengths.push_back(static_cast<int>(value.size()));
        formats.push_back(1);
    }
    check(PQsendQueryPrepared(connection_.get(), statement.name, static_cast<int>(values.size()), values.data(),
                              lengths.data(), formats.data(), 1));
    sent_.push_back({nullptr});
    return *this;
}

Result Session::run(const std::string& sql, const Parameters& parameters) {
    if (!usable()) lose("the connection is lost");
    std::vector<const char*> values;
    std::vector<int> lengths, formats;
    for (const std::string& value : parameters.values()) {
        values.push_back(value.data());
        lengths.push_back(static_cast<int>(value.size()));
        formats.push_back(1);
    }
    check(PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                            lengths.data(), formats.data(), 1));
    sent_.push_back({nullptr});
    return std::move(flush().front());
}

void Session::await(short events) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
    if (left.count() <= 0) lose("PostgreSQL did not answer within " + std::to_string(patience_.count()) + " ms");
    pollfd socket{PQsocket(connection_.get()), events, 0};
    if (poll(&socket, 1, static_cast<int>(left.count())) < 0 && errno != EINTR) lose("poll failed");
    if ((socket.revents & (POLLIN | POLLHUP | POLLERR)) && PQconsumeInput(connection_.get()) != 1)
        lose(trimmed(PQerrorMessage(connection_.get())));
}

void Session::send() {
    check(PQpipelineSync(connection_.get()));
    deadline_ = Clock::now() + patience_;
    for (int left = PQflush(connection_.get()); left != 0; left = PQflush(connection_.get())) {
        if (left < 0) lose(trimmed(PQerrorMessage(connection_.get())));
        await(POLLIN | POLLOUT);
    }
}

PGresult* Session::next() {
    while (PQisBusy(connection_.get())) await(POLLIN);
    return PQgetResult(connection_.get());
}

void Session::fail(const PGresult* result) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    throw PostgresError(state ? state : "", trimmed(primary ? primary : PQresultErrorMessage(result)));
}

std::vector<Result> Session::flush() {
    const std::vector<Sent> sent = std::move(sent_);
    sent_.clear();
    send();
    std::vector<Result> results;
    std::optional<PostgresError> failed;
    for (const Sent& one : sent) {
        PGresult* raw = next();
        if (!raw && failed) throw *failed;
        if (!raw) lose("the connection was closed by the server");
        Result result(raw);
        while (PGresult* more = next()) PQclear(more);  // ends with NULL
        const ExecStatusType status = PQresultStatus(raw);
        const bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
        if (!good && one.prepares) prepared_.erase(one.prepares->name);
        if (good && !one.prepares) results.push_back(std::move(result));
        if (good || failed || status == PGRES_PIPELINE_ABORTED) continue;
        try {
            fail(raw);
        } catch (const PostgresError& e) {
            failed = e;
            if (e.lost()) lost_ = true;
        }
    }
    if (failed && failed->lost()) throw *failed;
    PGresult* end = next();
    const bool synced = end && PQresultStatus(end) == PGRES_PIPELINE_SYNC;
    PQclear(end);
    if (failed) throw *failed;
    if (!synced) lose("the connection was closed by the server");
    return results;
}

bool Session::rollback() noexcept {
    try {
        if (!usable()) return false;
        if (!sent_.empty()) flush();
        if (PQtransactionStatus(connection_.get()) != PQTRANS_IDLE) run("ROLLBACK");
        return PQtransactionStatus(connection_.get()) == PQTRANS_IDLE;
    } catch (const std::exception&) {
        return false;
    }
}

bool Session::usable() const { return !lost_ && PQstatus(connection_.get()) == CONNECTION_OK; }

std::string Session::quoted(std::string_view identifier) const {
    char* text = PQescapeIdentifier(connection_.get(), identifier.data(), identifier.size());
    std::string out = text ? text : "";
    PQfreemem(text);
    if (out.empty()) throw PostgresError("22021", "not an identifier");
    return out;
}

std::string Session::server() const {
    const char* host = PQhost(connection_.get());
    const char* port = PQport(connection_.get());
    return std::string(host ? host : "") + ":" + (port ? port : "");
}

}  // namespace engram::storage_postgres
