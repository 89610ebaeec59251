#include "http/ticket_keys.hpp"

#include "support/test.hpp"

#include <openssl/evp.h>

#include <cstring>

using engram::http::TicketKeys;

namespace {

constexpr size_t kName = 16;

struct Contexts {
    EVP_CIPHER_CTX* cipher = EVP_CIPHER_CTX_new();
    EVP_MAC* algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    EVP_MAC_CTX* mac = EVP_MAC_CTX_new(algorithm);
    ~Contexts() {
        EVP_MAC_CTX_free(mac);
        EVP_MAC_free(algorithm);
        EVP_CIPHER_CTX_free(cipher);
    }
};

struct Ticket {
    unsigned char name[kName], iv[EVP_MAX_IV_LENGTH], text[64];
    int size = 0;
};

Ticket seal(TicketKeys& keys, TicketKeys::Clock::time_point now) {
    Contexts contexts;
    Ticket ticket{};
    CHECK(keys.seal(ticket.name, ticket.iv, contexts.cipher, contexts.mac, now));
    const unsigned char secret[] = "session";
    int n = 0;
    EVP_EncryptUpdate(contexts.cipher, ticket.text, &ticket.size, secret, sizeof secret);
    EVP_EncryptFinal_ex(contexts.cipher, ticket.text + ticket.size, &n);
    ticket.size += n;
    return ticket;
}

TicketKeys::Found open(TicketKeys& keys, const Ticket& ticket, TicketKeys::Clock::time_point now) {
    Contexts contexts;
    const auto found = keys.open(ticket.name, ticket.iv, contexts.cipher, contexts.mac, now);
    if (found == TicketKeys::Found::No) return found;
    unsigned char text[128] = {};
    int size = 0, n = 0;
    EVP_DecryptUpdate(contexts.cipher, text, &size, ticket.text, ticket.size);
    CHECK(EVP_DecryptFinal_ex(contexts.cipher, text + size, &n) == 1);
    CHECK_TEXT("session", std::string(reinterpret_cast<char*>(text)));
    return found;
}

}  // namespace

TEST("a ticket opens under its key, is renewed under the next and no longer opens under the one after") {
    TicketKeys keys;
    const auto start = TicketKeys::Clock::now();
    const Ticket ticket = seal(keys, start);
    CHECK(open(keys, ticket, start + std::chrono::minutes(59)) == TicketKeys::Found::Current);
    CHECK(open(keys, ticket, start + std::chrono::minutes(61)) == TicketKeys::Found::Previous);
    const Ticket second = seal(keys, start + std::chrono::minutes(62));
    CHECK(std::memcmp(ticket.name, second.name, kName) != 0);
    CHECK(open(keys, ticket, start + std::chrono::minutes(122)) == TicketKeys::Found::No);
    CHECK(open(keys, second, start + std::chrono::minutes(122)) == TicketKeys::Found::Previous);
}

TEST("after a long pause nothing old opens") {
    TicketKeys keys;
    const auto start = TicketKeys::Clock::now();
    const Ticket ticket = seal(keys, start);
    CHECK(open(keys, ticket, start + std::chrono::hours(3)) == TicketKeys::Found::No);
}

TEST("a ticket of another server does not open") {
    TicketKeys mine, theirs;
    const auto now = TicketKeys::Clock::now();
    const Ticket ticket = seal(theirs, now);
    seal(mine, now);
    CHECK(open(mine, ticket, now) == TicketKeys::Found::No);
}
