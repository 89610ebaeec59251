// CppUnit without its macros: TEST("a name that states a behaviour") { ... } registers a test; main.cpp runs them.
#pragma once

#include <cppunit/TestAssert.h>
#include <cppunit/TestCase.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

namespace engram::testing {

struct Case {
    std::string name;
    std::function<void()> body;
};

inline std::vector<Case>& cases() {
    static std::vector<Case> all;
    return all;
}

struct Register {
    Register(const char* name, void (*body)()) { cases().push_back({name, body}); }
};

// Folder of test corpora, empty if there is none; tests that need it print why they are skipped.
inline std::string corpora(const std::string& name) {
    const char* root = std::getenv("ENGRAM_CORPORA");
    return root && *root ? std::string(root) + "/" + name : std::string();
}

}  // namespace engram::testing

#define ENGRAM_JOIN_(a, b) a##b
#define ENGRAM_JOIN(a, b) ENGRAM_JOIN_(a, b)
#define TEST(name)                                                                                       \
    static void ENGRAM_JOIN(test_body_, __LINE__)();                                                     \
    static const ::engram::testing::Register ENGRAM_JOIN(test_register_, __LINE__)(                      \
        name, &ENGRAM_JOIN(test_body_, __LINE__));                                                       \
    static void ENGRAM_JOIN(test_body_, __LINE__)()

#define CHECK(condition) CPPUNIT_ASSERT(condition)
#define CHECK_MESSAGE(message, condition) CPPUNIT_ASSERT_MESSAGE(message, condition)
#define CHECK_EQ(expected, actual) CPPUNIT_ASSERT_EQUAL(expected, actual)
#define CHECK_TEXT(expected, actual) CPPUNIT_ASSERT_EQUAL(std::string(expected), std::string(actual))
