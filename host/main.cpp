// The engram executable: a table of commands.
#include "cli/client_commands.hpp"
#include "cli/command.hpp"
#include "cli/completion.hpp"
#include "cli/doctor.hpp"
#include "cli/local_commands.hpp"
#include "serve.hpp"

#include <exception>
#include <iostream>

#include <sysexits.h>

namespace engram {
namespace {

using Takes = cli::Option::Takes;

int runServe(const cli::Arguments& arguments, cli::Streams streams) {
    ServeOptions options;
    options.config = arguments.get("config");
    if (arguments.has("on-demand")) options.start = ServeOptions::Start::OnDemand;
    for (const std::string& text : arguments.all("set")) {
        const size_t equals = text.find('=');
        if (equals == std::string::npos) {
            streams.err << "error: --set " << text << " has no value\nhint: write --set server.listen=127.0.0.1:0\n";
            return EX_USAGE;
        }
        options.sets.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    const std::string listen = arguments.get("listen");
    if (arguments.has("data")) options.sets.emplace_back("server.data", arguments.get("data"));
    if (!listen.empty()) options.sets.emplace_back("server.listen", listen);
    // Whoever lets the system pick one port hardly means to fix the other.
    if (arguments.has("admin-listen")) options.sets.emplace_back("server.admin_listen", arguments.get("admin-listen"));
    else if (listen.ends_with(":0")) options.sets.emplace_back("server.admin_listen", "127.0.0.1:0");
    return serve(options);
}

std::vector<cli::Command> commands() {
    std::vector<cli::Command> all;
    all.push_back({"serve", "", "", "run the server in the foreground", 0, 0,
                   {{"config", Takes::Value, "FILE", "the configuration"},
                    {"data", Takes::Value, "DIR", "data directory"},
                    {"listen", Takes::Value, "HOST:PORT", "address of the API; port 0 picks a free one"},
                    {"admin-listen", Takes::Value, "HOST:PORT", "address for operators"},
                    {"on-demand", Takes::Nothing, "", "as clients start it: the socket alone, ends when idle"},
                    {"set", Takes::Value, "KEY=VALUE", "override a key; may be repeated"}},
                   &runServe});
    cli::addMemoryCommands(all, &cli::connectFromArguments);
    cli::addAccountCommands(all, &cli::connectFromArguments);
    cli::addMemberCommands(all, &cli::connectFromArguments);
    cli::addTenantCommands(all, &cli::connectFromArguments);
    cli::addEmbeddingCommands(all, &cli::connectFromArguments);
    cli::addDoctor(all);
    cli::addServerCommands(all);
    cli::addMcpCommands(all, &cli::connectFromArguments);
    cli::addLocalCommands(all);
    cli::addCompletion(all);
    return all;
}

}  // namespace
}  // namespace engram

int main(int argc, char** argv) {
    try {
        return engram::cli::dispatch(engram::commands(), std::vector<std::string>(argv + 1, argv + argc),
                                     {std::cout, std::cerr, std::cin});
    } catch (const std::exception& e) {
        std::cerr << "engram: " << e.what() << "\n";
        return EX_SOFTWARE;
    }
}
