"""Every operation that is not for administrators has a tool for agents, or the reason why it has none is written down."""

import json
import os
import subprocess
import unittest
from pathlib import Path

ENGRAM = Path(os.environ["ENGRAM_BUILD"]) / "bin" / "engram"


def run(*arguments):
    return json.loads(subprocess.run([ENGRAM, *arguments], capture_output=True, text=True, check=True).stdout)


class Tools(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scopes = {spec["operationId"]: spec.get("x-engram-scope", "")
                      for methods in run("openapi")["paths"].values() for spec in methods.values()}
        listed = run("mcp", "tools", "--json")
        cls.tools = {t["operation"]: t for t in listed["tools"]}
        cls.withheld = {w["operation"]: w["reason"] for w in listed["withheld"]}

    def test_every_operation_has_a_tool_or_a_reason(self):
        for operation, scope in self.scopes.items():
            if scope.endswith(":admin") and operation not in self.tools or scope.startswith("operator"):
                continue
            self.assertTrue((operation in self.tools) != (operation in self.withheld),
                            f"{operation}: add a row to kTools or to kWithheld in host/mcp/tools.cpp")

    def test_nothing_is_named_that_does_not_exist(self):
        self.assertLessEqual(set(self.tools) | set(self.withheld), set(self.scopes))
        for operation, reason in self.withheld.items():
            self.assertGreater(len(reason), 20, operation)

    def test_no_tool_is_for_administrators_of_the_server_or_makes_credentials(self):
        for operation, tool in self.tools.items():
            self.assertFalse(operation.startswith(("key.", "invite.", "tenant.", "audit.")), tool["name"])

    def test_names_are_those_agents_know(self):
        self.assertLessEqual({"memory_create", "memory_search", "memory_get", "memory_update", "memory_delete", "memory_list",
                              "memory_create_batch", "workspace_list"}, {t["name"] for t in self.tools.values()})


if __name__ == "__main__":
    unittest.main(verbosity=2)
