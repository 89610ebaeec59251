"""Rules about what was built: symbols of plugins, headers that stand alone in C and C++, generated documents."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["ENGRAM_BUILD"])
INCLUDES = [f"-I{ROOT / 'sdk/include'}", f"-I{BUILD / 'sdk/include'}"]


class Symbols(unittest.TestCase):
    def test_a_plugin_exports_exactly_its_entry(self):
        plugins = [*(BUILD / "lib/engram/plugins").glob("*.so"), *(BUILD / "tests/plugins").glob("*.so")]
        self.assertGreaterEqual(len(plugins), 14)
        for plugin in plugins:
            listed = subprocess.run(["nm", "-D", "--defined-only", plugin], capture_output=True, text=True, check=True).stdout
            self.assertEqual(["engram_plugin_v1"], [line.split()[-1].split("@")[0] for line in listed.splitlines()], plugin)

    def test_plugins_are_hardened(self):
        for plugin in (BUILD / "lib/engram/plugins").glob("*.so"):
            dynamic = subprocess.run(["readelf", "-dlW", plugin], capture_output=True, text=True, check=True).stdout
            self.assertIn("GNU_RELRO", dynamic)
            self.assertIn("NOW", dynamic)
            self.assertNotRegex(dynamic, r"GNU_STACK.*RWE")
            self.assertNotIn("RUNPATH", dynamic, plugin)


class Headers(unittest.TestCase):
    def compile(self, compiler, language, standard, header):
        if not shutil.which(compiler):
            raise unittest.SkipTest(f"SKIPPED: {compiler} is not installed")
        source = f"#include <{header}>\n"
        done = subprocess.run([compiler, "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                               "-fsyntax-only", *INCLUDES, "-"], input=source, capture_output=True, text=True)
        self.assertEqual(0, done.returncode, f"{compiler} {header}:\n{done.stderr}")

    def headers(self, suffix):
        folder = ROOT / "sdk/include"
        found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob(f"*{suffix}"))
        self.assertGreater(len(found), 10)
        return found

    def test_each_c_header_stands_alone_as_c11_and_as_cpp20(self):
        for header in self.headers(".h"):
            for compiler in ("gcc", "clang"):
                with self.subTest(f"{compiler} {header}"):
                    self.compile(compiler, "c", "c11", header)
        for header in self.headers(".h"):
            with self.subTest(f"g++ {header}"):
                self.compile("g++", "c++", "c++20", header)

    def test_each_cpp_header_stands_alone(self):
        for header in self.headers(".hpp"):
            with self.subTest(header):
                self.compile("g++", "c++", "c++20", header)


class Generated(unittest.TestCase):
    def test_the_committed_references_are_what_their_sources_say(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([ROOT / "docs/generate", "--engram", BUILD / "bin/engram", "--out", folder], check=True)
            generated = sorted(Path(folder).iterdir())
            self.assertGreaterEqual(len(generated), 5)
            for file in generated:
                committed = ROOT / "docs/reference" / file.name
                self.assertEqual(committed.read_text(), file.read_text(), f"{file.name}: run docs/generate and commit")


if __name__ == "__main__":
    unittest.main(verbosity=2)
