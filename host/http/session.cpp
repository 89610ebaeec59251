#include "http/session.hpp"

#include "http/response_writer.hpp"
#include "problem/problem.hpp"

#include <boost/asio/post.hpp>

#include <cstdlib>
#include <cstring>

#include <sys/random.h>

namespace engram::http {
namespace {

constexpr size_t kInitialBuffer = 4096;
constexpr size_t kBodyRead = 64 * 1024;

int64_t nanoseconds(Session::Clock::time_point at) { return at.time_since_epoch().count(); }

// 26 characters of base32, 130 bits: 10 of a counter's kind would do, but ids must not be guessed either.
std::string mintId() {
    thread_local unsigned char pool[416];
    thread_local size_t next = sizeof pool;
    if (next + 16 > sizeof pool) {
        if (getrandom(pool, sizeof pool, 0) != static_cast<ssize_t>(sizeof pool)) std::abort();
        next = 0;
    }
    constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    std::string id = "req_";
    unsigned bits = 0, have = 0;
    for (size_t i = 0; i < 16; ++i) {
        bits = bits << 8 | pool[next++];
        for (have += 8; have >= 5; have -= 5) id.push_back(kAlphabet[bits >> (have - 5) & 31]);
    }
    return id;
}

}  // namespace

Exchange::~Exchange() {
    if (!session_) return;
    try {
        Response response;
        response.status = 500;
        response.content_type = problem::kContentType;
        response.body = problem::document({"internal", "the request was dropped", "", ""}, request().id());
        std::move(*this).reply(std::move(response));
    } catch (const std::bad_alloc&) {
        // The sweep answers in our place when the time is over.
    }
}

const Request& Exchange::request() const { return session_->request(); }
Attachment* Exchange::attachment() const { return session_->attachment.get(); }
void Exchange::attach(std::unique_ptr<Attachment> attachment) { session_->attachment = std::move(attachment); }
void Exchange::pin(std::shared_ptr<Handler> handler) { session_->pinned = std::move(handler); }
std::shared_ptr<Handler> Exchange::pinned() const { return session_->pinned; }
void Exchange::addHeader(std::string_view name, std::string value) { session_->headers.emplace_back(name, std::move(value)); }
bool Exchange::cancelled() const { return session_->failed(); }

void Exchange::reply(Response response) && {
    auto session = std::move(session_);
    session_.reset();
    session->answer(std::move(response));
}

void Exchange::readBody(uint64_t max_body) && {
    auto session = std::move(session_);
    session_.reset();
    session->wantBody(max_body);
}

void Shard::adopt(std::shared_ptr<Session> session) {
    sessions.push_front(session);
    session->place = sessions.begin();
}

void Shard::closed(Session& session) {
    if (on_closed_) on_closed_(session.peer());
    load.fetch_sub(1, std::memory_order_relaxed);
    sessions.erase(session.place);
}

void Shard::sweep(Session::Clock::time_point now) {
    const auto how = draining.load() ? Session::Sweep::Draining : Session::Sweep::Normal;
    for (auto it = sessions.begin(); it != sessions.end();) {
        std::shared_ptr<Session> session = *it++;  // closing erases it from the list
        session->sweep(now, how);
    }
}

Session::Session(Shard& shard, Socket socket, Peer peer, Handler& handler, std::shared_ptr<const TlsContext> tls)
    : shard_(shard), stream_(std::move(socket), std::move(tls)), peer_(std::move(peer)), handler_(handler),
      policy_(shard.policy()), limits_(policy_->limits), parser_(limits_), buffer_(kInitialBuffer) {
    request_.peer_ = &peer_;
    from_proxy_ = peer_.kind == Peer::Kind::Tcp && policy_->proxies.contains(peer_.address);
    request_.secure_ = stream_.secured();
}

Session::~Session() = default;

void Session::start() {
    if (stream_.secured()) return shakeHands();
    setDeadline(limits_.idle_time);
    read();
}

void Session::shakeHands() {
    phase_ = Phase::Handshake;
    setDeadline(limits_.handshake_time);
    stream_.handshake([self = shared_from_this()](boost::system::error_code error) {
        if (self->phase_ == Phase::Closed) return;
        self->phase_ = Phase::Head;
        if (!error) {
            self->setDeadline(self->limits_.idle_time);
            return self->read();
        }
        self->request_.secure_ = false;
        if (self->stream_.peerSpokeHttp()) {
            self->stream_.dropTls();
            return self->refuse({"tls_required", "this port speaks TLS and the request came without"});
        }
        self->shard_.refused("tls_handshake", self->peer_);
        self->close();
    });
}

// Between requests: what has changed since the last one.
void Session::adoptPolicy() {
    if (policy_ == shard_.policy()) return;
    policy_ = shard_.policy();
    limits_ = policy_->limits;
    from_proxy_ = peer_.kind == Peer::Kind::Tcp && policy_->proxies.contains(peer_.address);
}

// False if what the proxy says makes no sense.
bool Session::readForwarding() {
    if (!from_proxy_) return true;
    Forwarded said = readForwarded(request_.headers_, policy_->proxies);
    request_.proxied_ = true;
    request_.forwarded_client_ = std::move(said.client);
    request_.forwarded_host_ = said.host;
    if (said.scheme != Forwarded::Scheme::Unknown) request_.secure_ = said.scheme == Forwarded::Scheme::Https;
    return said.host.empty() || isHost(said.host);
}

void Session::setDeadline(std::chrono::milliseconds from_now) {
    deadline_.store(nanoseconds(Clock::now() + from_now), std::memory_order_relaxed);
}

void Session::close() {
    if (phase_ == Phase::Closed) return;
    phase_ = Phase::Closed;
    failed_.store(true, std::memory_order_relaxed);
    stream_.shutDown();
    // While a handler has the request, its thread may be writing: the descriptor is closed with the session.
    if (!(owner_.load() & kBusy)) {
        stream_.close();
        forget();
    }
    shard_.closed(*this);
}

void Session::sweep(Clock::time_point now, Sweep how) {
    if (owner_.load() & kBusy && !writing_) {
        if (nanoseconds(now) >= deadline_.load(std::memory_order_relaxed)) answerOverdue();
        return;
    }
    const bool idle = phase_ == Phase::Handshake || (phase_ == Phase::Head && begin_ == end_);
    if (how == Sweep::Draining && idle) return close();
    int64_t deadline = deadline_.load(std::memory_order_relaxed);
    if (phase_ == Phase::Body && deadline != INT64_MAX) deadline += static_cast<int64_t>(body_bytes_ / 1024) * 1'000'000'000;
    if (nanoseconds(now) < deadline) return;
    const bool request_begun = (phase_ == Phase::Head && begin_ != end_) || phase_ == Phase::Body;
    if (request_begun && !writing_) return refuse({"request_timeout", "the request took too long to arrive"});
    close();
}

void Session::read() {
    if (reading_ || phase_ == Phase::Closed || ended_) return;
    if (begin_ == end_) begin_ = end_ = 0;
    const size_t wanted = phase_ == Phase::Body ? kBodyRead : kInitialBuffer;
    if (buffer_.size() - end_ < wanted / 4) {
        if (begin_ > 0) {
            std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
        }
        const size_t most = limits_.header_bytes + kBodyRead;
        if (buffer_.size() - end_ < wanted / 4) {
            if (buffer_.size() >= most) return;  // full: read on when the handler is done
            buffer_.resize(std::min(most, std::max(buffer_.size() * 2, end_ + wanted)));
        }
    }
    reading_ = true;
    stream_.receive(buffer_.data() + end_, buffer_.size() - end_,
                    [self = shared_from_this()](boost::system::error_code error, size_t n) {
                        self->reading_ = false;
                        if (!error) return self->onReadOrOutOfMemory(n);
                        if (error != boost::asio::error::eof) self->failed_.store(true);
                        self->onEnd();
                    });
}

void Session::onReadOrOutOfMemory(size_t n) {
    try {
        onRead(n);
    } catch (const std::bad_alloc&) {
        if (owner_.load() == 0) return refuse({"out_of_memory", "there is no memory for this request"});
        close();
    }
}

void Session::onRead(size_t n) {
    if (phase_ == Phase::Closed) return;
    end_ += n;
    if (owner_.load() != 0) {
        // A handler has the request; whoever is last goes on.
        if (owner_.fetch_or(kPending) & kBusy) return read();
        owner_.store(0);
    }
    proceed();
}

// The peer has sent its last byte. What it asked for is still answered; it may only have closed its sending half.
void Session::onEnd() {
    ended_ = true;
    if (phase_ == Phase::Closed) return;
    if (owner_.fetch_or(kPending) & kBusy) return;
    owner_.store(0);
    proceed();
}

void Session::proceed() {
    while (phase_ != Phase::Closed && owner_.load() == 0) {
        bool more = false;
        switch (phase_.load()) {
            case Phase::Head: more = parseHead(); break;
            case Phase::Body: more = parseBody(); break;
            case Phase::Discarding: more = discardBody(); break;
            case Phase::Lingering:
                discarded_ += end_ - begin_;
                begin_ = end_ = 0;
                if (discarded_ > limits_.discard_bytes) return close();
                break;
            default: break;
        }
        if (!more) break;
    }
    if (phase_ == Phase::Closed) return;
    // While a handler has the request the next one may arrive, or the end of the connection.
    if (owner_.load() != 0) return read();
    if (ended_) return close();  // what is there is not a whole request and no more will come
    read();
}

bool Session::parseHead() {
    if (begin_ == end_) return false;
    if (request_.received_at_ == Clock::time_point()) adoptPolicy();
    const std::string_view bytes(buffer_.data() + begin_, end_ - begin_);
    size_t used = 0;
    const auto progress = parser_.head(bytes, used, request_);
    if (progress == RequestParser::Progress::NeedMore) {
        // The time for the header section counts from its first byte.
        if (request_.received_at_ == Clock::time_point()) {
            request_.received_at_ = Clock::now();
            setDeadline(limits_.header_time);
        }
        return false;
    }
    if (progress == RequestParser::Progress::Refused) {
        refuse(parser_.refusal());
        return false;
    }
    if (!readForwarding()) {
        refuse({"invalid_http", "X-Forwarded-Host is not a host name"});
        return false;
    }
    begin_ += used;
    request_.received_at_ = Clock::now();
    request_.id_ = mintId();
    body_read_ = !parser_.hasBody();
    closing_ = closing_ || !parser_.keepsAlive() || ++served_ >= limits_.requests_per_connection;
    hand(&Handler::onHeaders);
    return true;
}

void Session::hand(void (Handler::*half)(Exchange)) {
    phase_ = Phase::Handling;
    answered_ = false;
    setDeadline(limits_.answer_time);
    owner_.store(begin_ != end_ || ended_ ? kBusy | kPending : kBusy);
    const std::shared_ptr<Handler> own = pinned;  // may be unpinned by the answer, while it is still running
    ((own ? *own : handler_).*half)(Exchange(shared_from_this()));
}

// The request's handler is done with it.
void Session::forget() {
    attachment.reset();
    pinned.reset();
}

void Session::wantBody(uint64_t max_body) {
    max_body_ = max_body;
    auto start = [self = shared_from_this()] { self->startBody(); };
    if (shard_.io.get_executor().running_in_this_thread()) start();
    else boost::asio::post(shard_.io, std::move(start));
}

void Session::startBody() {
    if (phase_ == Phase::Closed) return forget();
    if (body_read_) return hand(&Handler::onRequest);
    if (parser_.contentLength() > max_body_) {
        owner_.store(0);
        return refuse({"body_too_large", "the announced body is too large"});
    }
    phase_ = Phase::Body;
    body_since_ = Clock::now();
    body_bytes_ = 0;
    setDeadline(limits_.body_time);
    if (parser_.expectsContinue() && begin_ == end_) {
        constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        stream_.trySend(kContinue.data(), kContinue.size());
    }
    owner_.store(0);
    boost::asio::post(shard_.io, [self = shared_from_this()] { self->proceed(); });
}

bool Session::parseBody() {
    const std::string_view bytes(buffer_.data() + begin_, end_ - begin_);
    size_t used = 0;
    const auto progress = parser_.body(bytes, used, request_, max_body_, RequestParser::Keep::Yes);
    begin_ += used;
    body_bytes_ += used;
    if (progress == RequestParser::Progress::Refused) {
        refuse(parser_.refusal());
        return false;
    }
    if (progress == RequestParser::Progress::NeedMore) return false;
    body_read_ = true;
    hand(&Handler::onRequest);
    return true;
}

bool Session::discardBody() {
    const std::string_view bytes(buffer_.data() + begin_, end_ - begin_);
    size_t used = 0;
    const auto progress = parser_.body(bytes, used, request_, UINT64_MAX, RequestParser::Keep::No);
    begin_ += used;
    discarded_ += used;
    if (progress == RequestParser::Progress::Refused || discarded_ > limits_.discard_bytes) {
        close();
        return false;
    }
    if (progress == RequestParser::Progress::NeedMore) return false;
    body_read_ = true;
    finishAnswer();
    return true;
}

void Session::refuse(const Refusal& refusal) {
    shard_.refused(refusal.code, peer_);
    forget();
    const Error error{std::string(refusal.code), std::string(refusal.reason), "", ""};
    Response response;
    response.status = problem::kindOf(refusal.code).status;
    response.content_type = problem::kContentType;
    if (request_.id_.empty() || phase_ == Phase::Head) request_.id_ = mintId();
    response.body = problem::document(error, request_.id_);
    closing_ = true;
    body_read_ = false;  // framing is lost, or the body is unwanted: nothing after it can be trusted
    phase_ = Phase::Handling;
    answered_ = false;
    owner_.store(kBusy);
    answer(std::move(response));
}

// The handler is still at work with the request and what is attached: both stay as they are until it is done. The
// client is answered past it and the connection closed.
void Session::answerOverdue() {
    if (answered_.exchange(true)) return;
    if (attachment) attachment->abandon();
    shard_.refused("deadline_exceeded", peer_);
    Response response;
    response.status = problem::kindOf("deadline_exceeded").status;
    response.content_type = problem::kContentType;
    response.headers = headers;
    response.headers.emplace_back("Retry-After", "1");
    if (request_.secure() && !policy_->hsts.empty())
        response.headers.emplace_back("Strict-Transport-Security", policy_->hsts);
    response.body = problem::document({"deadline_exceeded", "the request was not done in time", "", ""}, request_.id_);
    std::string bytes;
    writeHead(bytes, response, request_.id_, Connection::Close);
    if (request_.method() != "HEAD") bytes.append(response.body);
    stream_.trySend(bytes.data(), bytes.size());
    close();
}

void Session::answer(Response response) {
    if (answered_.exchange(true)) {
        // Too late. Nobody reads this request again; the sweep, on the shard, may be about to tell the attachment so.
        boost::asio::post(shard_.io, [self = shared_from_this()] {
            self->forget();
            self->afterAnswer();
        });
        return;
    }
    if (response.after == After::Close) closing_ = true;
    try {
        forget();
        write(response);
    } catch (const std::bad_alloc&) {
        answered_ = false;
        throw;
    }
}

void Session::write(Response& response) {
    if (shard_.draining.load(std::memory_order_relaxed)) closing_ = true;
    const bool unread_too_much = !body_read_ && parser_.contentLength() > limits_.discard_bytes;
    // A client that waits for 100 Continue may or may not send its body now: framing would be a guess.
    const bool unsure = !body_read_ && parser_.expectsContinue();
    const bool close_after = closing_ || unread_too_much || unsure;
    closing_ = close_after;
    for (auto& header : headers) response.headers.push_back(std::move(header));
    headers.clear();
    if (request_.secure() && !policy_->hsts.empty())
        response.headers.emplace_back("Strict-Transport-Security", policy_->hsts);
    writeHead(out_, response, request_.id_, close_after ? Connection::Close : Connection::KeepAlive);
    if (request_.method() != "HEAD") out_.append(response.body);
    out_sent_ = 0;
    if (!failed_.load(std::memory_order_relaxed)) {
        const Stream::Sent sent = stream_.trySend(out_.data(), out_.size());
        out_sent_ = sent.bytes;
        if (sent.state == Stream::Sent::State::Broken) failed_.store(true);
    }
    const bool complete = out_sent_ == out_.size();
    const bool simple = complete && !close_after && body_read_;
    const bool here = shard_.io.get_executor().running_in_this_thread();
    if (simple && !here) {
        // Ready for the next request; if bytes of one came meanwhile, the io thread takes them up.
        auto self = shared_from_this();
        nextRequest();
        if (owner_.exchange(0) & kPending)
            boost::asio::post(shard_.io, [self] {
                if (self->owner_.load() == 0) self->proceed();
            });
        return;
    }
    if (here) return afterAnswer();
    boost::asio::post(shard_.io, [self = shared_from_this()] { self->afterAnswer(); });
}

// On the shard: the answer has been written as far as the socket took it.
void Session::afterAnswer() {
    if (phase_ == Phase::Closed) {
        stream_.close();
        owner_.store(0);
        return;
    }
    if (failed_.load()) {
        owner_.store(0);
        return close();
    }
    if (out_sent_ < out_.size()) {
        writing_ = true;
        setDeadline(limits_.write_time);
        return writeRest();
    }
    writing_ = false;
    finishAnswer();
}

void Session::writeRest() {
    stream_.send(out_.data() + out_sent_, out_.size() - out_sent_,
                 [self = shared_from_this()](boost::system::error_code error, size_t n) {
                     if (error) self->failed_.store(true);
                     self->out_sent_ += n;
                     self->afterAnswer();
                 });
}

void Session::finishAnswer() {
    if (closing_) {
        owner_.store(0);
        return body_read_ && begin_ == end_ ? close() : linger();
    }
    if (!body_read_) {
        phase_ = Phase::Discarding;
        discarded_ = 0;
        setDeadline(limits_.body_time);
    } else {
        nextRequest();
    }
    owner_.store(0);
    boost::asio::post(shard_.io, [self = shared_from_this()] {
        if (self->phase_ != Phase::Closed && self->owner_.load() == 0) self->proceed();
    });
}

void Session::nextRequest() {
    out_.clear();
    if (out_.capacity() > kBodyRead) std::string().swap(out_);
    if (request_.body_.capacity() > kBodyRead) std::string().swap(request_.body_);
    parser_.reset();
    request_.received_at_ = {};
    request_.method_ = request_.target_ = request_.forwarded_host_ = {};
    request_.forwarded_client_.clear();
    request_.secure_ = stream_.secured();
    request_.proxied_ = false;
    request_.headers_.clear();
    phase_ = Phase::Head;
    setDeadline(limits_.idle_time);
}

// Closing at once would reset the connection and could destroy the answer on its way (RFC 9112, section 9.6).
void Session::linger() {
    stream_.endSending();
    if (ended_) return close();
    phase_ = Phase::Lingering;
    discarded_ = 0;
    begin_ = end_ = 0;
    setDeadline(std::chrono::milliseconds(2000));
    read();
}

}  // namespace engram::http
