"""Each section of installer/packages.txt is enough for what it is for: the release build needs no package of the tests."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MISSING = "Name: {0}\nDescription: hidden by a test\nVersion: 0\nRequires: package-that-is-not-installed\n"


def packages(section):
    text = (ROOT / "installer" / "packages.txt").read_text()
    return text.split(f"[{section}]\n")[1].split("[")[0].split()


def modules_of(package):
    """Names under which pkg-config knows an installed package."""
    files = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True).stdout.split()
    return [Path(f).stem for f in files if f.endswith(".pc")]


class Packages(unittest.TestCase):
    def test_the_release_build_configures_without_the_packages_of_the_tests(self):
        hidden = [m for package in packages("test") for m in modules_of(package)]
        self.assertIn("cppunit", hidden)
        with tempfile.TemporaryDirectory() as folder:
            for module in hidden:
                (Path(folder) / f"{module}.pc").write_text(MISSING.format(module))
            done = subprocess.run(["cmake", "-S", ROOT, "-B", f"{folder}/build", "-G", "Ninja", "-DENGRAM_TESTS=OFF"],
                                  env={**os.environ, "PKG_CONFIG_PATH": folder}, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_no_package_is_in_two_sections(self):
        sections = [set(packages(s)) for s in ("build", "test", "npm")]
        self.assertEqual(len(set.union(*sections)), sum(map(len, sections)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
