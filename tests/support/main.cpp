// Runs every TEST of the executable, or those whose name contains argv[1]; prints one line each.
#include "support/test.hpp"

#include <cppunit/BriefTestProgressListener.h>
#include <cppunit/CompilerOutputter.h>
#include <cppunit/TestCaller.h>
#include <cppunit/TestResult.h>
#include <cppunit/TestResultCollector.h>
#include <cppunit/TestRunner.h>

namespace {

class FunctionCase : public CppUnit::TestCase {
public:
    explicit FunctionCase(const engram::testing::Case& c) : CppUnit::TestCase(c.name), body_(c.body) {}
    void runTest() override { body_(); }

private:
    std::function<void()> body_;
};

}  // namespace

int main(int argc, char** argv) {
    const std::string wanted = argc > 1 ? argv[1] : "";
    CppUnit::TestResult result;
    CppUnit::TestResultCollector collector;
    CppUnit::BriefTestProgressListener progress;
    result.addListener(&collector);
    result.addListener(&progress);
    CppUnit::TestRunner runner;
    for (const auto& c : engram::testing::cases())
        if (c.name.find(wanted) != std::string::npos) runner.addTest(new FunctionCase(c));
    runner.run(result);
    CppUnit::CompilerOutputter(&collector, std::cerr).write();
    if (collector.runTests() == 0) {
        std::cerr << "no test matches '" << wanted << "'\n";
        return 2;
    }
    return collector.wasSuccessful() ? 0 : 1;
}
