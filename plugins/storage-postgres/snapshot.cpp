#include "snapshot.hpp"

#include "schema.hpp"
#include "statements.hpp"

#include <cstring>

namespace engram::storage_postgres {
namespace {

// Magic, which ends with the version; then frames: table, number of rows, and of each row its columns as length (-1: NULL)
// and bytes; then the end.
constexpr std::string_view kMagic = "engram-postgres-2\n", kMagic1 = "engram-postgres-1\n";
static_assert(kMagic.size() == kMagic1.size());
constexpr char kEnd = '\xff';
constexpr int32_t kRows = 100;
constexpr size_t kBlock = 256 * 1024;
constexpr int32_t kLargestField = 256 << 20;

Parameters forTenant(const engram_uuid& tenant) { return Parameters().add(tenant); }

class Sink {
public:
    explicit Sink(const engram_sink& sink) : sink_(sink) {}
    void add(std::string_view bytes) { block_.append(bytes); }
    engram_status flush(size_t at_least) {
        if (block_.size() < at_least || block_.empty()) return ENGRAM_OK;
        const engram_status status = sink_.write(sink_.ctx, {block_.data(), block_.size()});
        block_.clear();
        return status;
    }

private:
    const engram_sink& sink_;
    std::string block_;
};

// Thrown when the source ends too soon, is not a snapshot, or gives a status of its own.
struct SourceEnded {
    engram_status status;
};

class Source {
public:
    explicit Source(const engram_source& source) : source_(source), block_(kBlock, '\0') {}

    void read(char* out, size_t n) {
        while (n > 0) {
            if (at_ == end_) fill();
            const size_t part = std::min(n, end_ - at_);
            std::memcpy(out, block_.data() + at_, part);
            at_ += part;
            out += part;
            n -= part;
        }
    }
    char byte() {
        char c = 0;
        read(&c, 1);
        return c;
    }
    int32_t number() {
        char bytes[4];
        read(bytes, sizeof bytes);
        return binary::toSmall({bytes, sizeof bytes});
    }
    bool atEnd() {
        if (at_ < end_) return false;
        const engram_status status = source_.read(source_.ctx, block_.data(), block_.size(), &end_);
        at_ = 0;
        if (status != ENGRAM_OK) throw SourceEnded{status};
        return end_ == 0;
    }

private:
    void fill() {
        if (atEnd()) throw SourceEnded{ENGRAM_INVALID_ARGUMENT};
    }

    const engram_source& source_;
    std::string block_;
    size_t at_ = 0, end_ = 0;
};

engram_status writeTable(Session& session, const engram_uuid& tenant, char index, const Table& table, Sink& sink) {
    session.run(std::string("DECLARE page NO SCROLL CURSOR FOR ") + table.select.sql, forTenant(tenant));
    while (true) {
        const Result rows = session.run("FETCH " + std::to_string(kRows) + " FROM page");
        if (rows.rows() == 0) break;
        sink.add({&index, 1});
        sink.add(binary::small(rows.rows()));
        for (int row = 0; row < rows.rows(); ++row)
            for (int column = 0; column < rows.columns(); ++column) {
                const std::string_view bytes = rows.bytes(row, column);
                sink.add(binary::small(rows.isNull(row, column) ? -1 : static_cast<int32_t>(bytes.size())));
                sink.add(bytes);
            }
        if (const engram_status status = sink.flush(kBlock); status != ENGRAM_OK) return status;
    }
    session.run("CLOSE page");
    return ENGRAM_OK;
}

void readField(Source& source, Array& column) {
    const int32_t size = source.number();
    if (size < -1 || size > kLargestField) throw SourceEnded{ENGRAM_INVALID_ARGUMENT};
    if (size < 0) {
        column.addNull();
        return;
    }
    std::string bytes;
    for (size_t left = static_cast<size_t>(size); left > 0;) {  // grows with what is really there
        const size_t part = std::min(left, kBlock);
        bytes.resize(bytes.size() + part);
        source.read(bytes.data() + bytes.size() - part, part);
        left -= part;
    }
    column.add(std::string_view(bytes));
}

// `added`: the table's last columns, that the stream does not have.
void readTable(Session& session, const engram_uuid& tenant, const Table& table, size_t added, Source& source) {
    const int32_t n = source.number();
    if (n <= 0 || n > kRows) throw SourceEnded{ENGRAM_INVALID_ARGUMENT};
    std::vector<Array> columns;
    for (const Type type : table.columns) columns.emplace_back(type);
    const size_t come = columns.size() - added;
    for (int32_t row = 0; row < n; ++row)
        for (size_t i = 0; i < columns.size(); ++i) {
            if (i < come) readField(source, columns[i]);
            else columns[i].add(binary::small(0));
        }
    Parameters parameters = forTenant(tenant);
    for (const Array& column : columns) parameters.add(column);
    session.queue(table.insert, parameters);
    session.flush();
}

engram_status readAll(Session& session, const engram_uuid& tenant, Source& source) {
    std::string magic(kMagic.size(), '\0');
    source.read(magic.data(), magic.size());
    if (magic != kMagic && magic != kMagic1) return ENGRAM_INVALID_ARGUMENT;
    session.queue(kBeginWrite).queue(kTenant, forTenant(tenant)).queue(kFindTenant, forTenant(tenant));
    if (session.flush()[2].rows() > 0) return ENGRAM_ALREADY_EXISTS;
    for (char index = source.byte(); index != kEnd; index = source.byte()) {
        if (index < 0 || static_cast<size_t>(index) >= tables().size()) return ENGRAM_INVALID_ARGUMENT;
        const Table& table = tables()[static_cast<size_t>(index)];
        readTable(session, tenant, table, magic == kMagic ? 0 : table.added, source);
    }
    session.queue(kFindTenant, forTenant(tenant));
    if (session.flush()[0].rows() != 1 || !source.atEnd()) return ENGRAM_INVALID_ARGUMENT;
    session.queue(kCommit).flush();
    return ENGRAM_OK;
}

}  // namespace

engram_status writeSnapshot(Session& session, const engram_uuid& tenant, const engram_sink& to, uint64_t* lsn) {
    session.queue(kBeginRead).queue(kTenant, forTenant(tenant)).queue(kFindTenant, forTenant(tenant));
    const std::vector<Result> answers = session.flush();
    if (answers[2].rows() == 0) return ENGRAM_NOT_FOUND;
    *lsn = static_cast<uint64_t>(answers[2].integer(0, 0));
    Sink sink(to);
    sink.add(kMagic);
    for (size_t i = 0; i < tables().size(); ++i)
        if (const engram_status status = writeTable(session, tenant, static_cast<char>(i), tables()[i], sink);
            status != ENGRAM_OK)
            return status;
    sink.add({&kEnd, 1});
    return sink.flush(0);
}

engram_status readSnapshot(Session& session, const engram_uuid& tenant, const engram_source& from) {
    Source source(from);
    engram_status status = ENGRAM_OK;
    try {
        status = readAll(session, tenant, source);
    } catch (const SourceEnded& ended) {
        status = ended.status;
    } catch (const PostgresError& e) {
        if (!e.refusedValues()) throw;
        // Another restore of the same tenant was first, or the values are none that this plugin wrote.
        status = e.state == "23505" && e.message.find("tenants_pkey") != std::string::npos ? ENGRAM_ALREADY_EXISTS
                                                                                           : ENGRAM_INVALID_ARGUMENT;
    }
    if (status != ENGRAM_OK) session.rollback();
    return status;
}

bool eraseTenant(Session& session, const engram_uuid& tenant) {
    session.queue(kBeginWrite).queue(kTenant, forTenant(tenant)).queue(kLockTenant, forTenant(tenant));
    if (session.flush()[2].rows() == 0) {
        session.rollback();
        return false;
    }
    for (const Table& table : tables()) session.queue(table.remove, forTenant(tenant));
    session.queue(kCommit).flush();
    return true;
}

}  // namespace engram::storage_postgres
