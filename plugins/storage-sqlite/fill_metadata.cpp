// How columns of metadata are filled from the file: by maintenance, and by those who ask for them. They read as any reader
// does, so that no write waits for it, and hold the index for as long as it takes to add a slice.
#include "tenant.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>
#include <utility>

namespace engram::storage_sqlite {
namespace {

using Clock = std::chrono::steady_clock;

// At a time. Who asks helps: to read all rows in their order takes less than for a few searches to read those they meet.
constexpr std::chrono::milliseconds kByMaintenance{20}, kByWhoAsks{100};
constexpr std::chrono::seconds kAfterFailure{5};
constexpr size_t kSliceRows = 1000;

class BorrowedReader {
public:
    explicit BorrowedReader(Tenant& tenant) : tenant_(tenant), reader_(tenant.takeReader(Clock::now())) {}
    BorrowedReader(const BorrowedReader&) = delete;
    ~BorrowedReader() {
        if (reader_) tenant_.giveReader(std::move(reader_));
    }
    Connection* get() const { return reader_.get(); }

private:
    Tenant& tenant_;
    std::unique_ptr<Connection> reader_;
};

// The values of rows by ascending row number, 0: a row that is gone; nothing where the file has none.
std::vector<std::optional<std::string>> read(Connection& reader, const MetadataColumn& column,
                                             const std::vector<uint64_t>& rids) {
    std::vector<std::optional<std::string>> values(rids.size());
    const auto first = std::find_if(rids.begin(), rids.end(), [](uint64_t rid) { return rid != 0; });
    if (first == rids.end()) return values;
    Statement rows = reader.statement("SELECT rid, metadata FROM versions WHERE rid >= ? ORDER BY rid");
    rows.bind(1, *first);
    for (auto at = static_cast<size_t>(first - rids.begin()); at < rids.size() && rows.step();) {
        const auto rid = static_cast<uint64_t>(rows.integer(0));
        while (at < rids.size() && rids[at] < rid) ++at;
        if (at < rids.size() && rids[at] == rid) values[at++] = column.valueIn(Metadata(rows.text(1)));
    }
    return values;
}

}  // namespace

void Tenant::maintainMetadata() {
    std::unique_lock alone(filling_mutex_, std::try_to_lock);
    if (!alone) return;
    const auto now = Clock::now();
    bool trims = false;
    {
        std::shared_lock lock(index_mutex);
        trims = metadata.mayTrim(now);
    }
    if (trims) {
        std::unique_lock lock(index_mutex);
        metadata.trim(now);
    }
    fillMetadata(kByMaintenance);
}

void Tenant::prepare(const engram_filter& filter) {
    bool lacks = false;
    for (size_t i = 0; i < filter.n_nodes; ++i) {
        const engram_filter_node& node = filter.nodes[i];
        if (node.op <= ENGRAM_NOT || node.field != ENGRAM_FIELD_METADATA) continue;
        std::shared_lock lock(index_mutex);
        const MetadataColumn* column = metadata.of(view(node.path), Clock::now());
        lacks = lacks || (column && column->places() < facts.rows().size());
    }
    if (!lacks) return;
    if (std::unique_lock alone(filling_mutex_, std::try_to_lock); alone) fillMetadata(kByWhoAsks);
}

// Call with filling_mutex_ held.
void Tenant::fillMetadata(Clock::duration most) {
    const auto began = Clock::now();
    if (began < next_filling_) return;
    next_filling_ = began + kAfterFailure;
    while (fillSlice() && Clock::now() - began < most) {}
    next_filling_ = {};
}

// False: there is nothing to fill, or no reader is free.
bool Tenant::fillSlice() {
    MetadataColumn* column = nullptr;
    std::vector<uint64_t> rids;
    uint64_t purges_seen = 0;
    {
        std::shared_lock lock(index_mutex);
        const std::vector<RowFacts>& rows = facts.rows();
        column = metadata.unfilled(static_cast<uint32_t>(rows.size()));
        if (!column) return false;
        for (size_t at = column->places(); at < rows.size() && rids.size() < kSliceRows; ++at) rids.push_back(rows[at].rid);
    }
    const BorrowedReader reader(*this);
    if (!reader.get()) return false;
    {
        std::shared_lock lock(index_mutex);
        purges_seen = purges;
        if (!reader.get()->holdsSnapshot(generation())) reader.get()->takeSnapshot(generation());
    }
    const auto values = read(*reader.get(), *column, rids);
    std::unique_lock lock(index_mutex);
    if (purges_seen != purges) return true;  // nothing of what was read before a purge is kept
    for (const auto& value : values)
        if (!(value ? column->add(*value) : column->addNone())) return false;
    return true;
}

}  // namespace engram::storage_sqlite
