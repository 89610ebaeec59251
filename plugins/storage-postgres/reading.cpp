#include "reading.hpp"

namespace engram::storage_postgres {

std::vector<Result> read(Session& session, const engram_uuid& tenant, std::initializer_list<Question> questions) {
    Parameters only_tenant;
    only_tenant.add(tenant);
    session.queue(kBeginRead).queue(kTenant, only_tenant);
    for (const Question& question : questions) {
        Parameters parameters = only_tenant;
        for (const std::string& value : question.parameters.values()) parameters.add(std::string_view(value));
        session.queue(question.statement, parameters);
    }
    session.queue(kCommit);
    std::vector<Result> results = session.flush();
    results.pop_back();
    results.erase(results.begin(), results.begin() + 2);
    return results;
}

}  // namespace engram::storage_postgres
