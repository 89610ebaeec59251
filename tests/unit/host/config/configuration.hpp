// A configuration file of a test's own, and what load() says to it.
#pragma once

#include <fstream>

#include "config/settings.hpp"
#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace engram::testing {

struct Configuration {
    TemporaryFolder folder;
    std::string file = folder / "engram.toml";
    config::Sources sources{file, {}, {{"HOME", "/home/ada"}}, "/opt/engram/bin"};

    explicit Configuration(const std::string& text) { std::ofstream(file) << text; }

    config::Settings settings() {
        auto loaded = config::load(sources);
        if (auto* problems = std::get_if<config::Problems>(&loaded))
            CHECK_MESSAGE(problems->front().text(), false);
        return std::get<config::Settings>(loaded);
    }
    config::Problems problems() {
        auto loaded = config::load(sources);
        CHECK_MESSAGE("the configuration was not refused", std::holds_alternative<config::Problems>(loaded));
        return std::get<config::Problems>(loaded);
    }
    // Refused for one reason: at this line of the file (0: `where` is not the file), with these words.
    void refused(int line, const std::string& message, const std::string& hint = "") {
        const config::Problems all = problems();
        CHECK_MESSAGE(all.back().text(), all.size() == 1);
        if (line) CHECK_TEXT(file + ":" + std::to_string(line), all[0].where);
        CHECK_MESSAGE(all[0].text(), all[0].message.find(message) != std::string::npos);
        CHECK_MESSAGE(all[0].text(), all[0].hint.find(hint) != std::string::npos);
    }
};

}  // namespace engram::testing
