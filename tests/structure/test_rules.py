"""Rules about the sources: who may include whom, names, shapes of files, what must not be in the tree."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = {".c", ".cpp", ".h", ".hpp"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)

# The rooms of the host, each with those it may include. The way of a request: http, pipeline, operations, engine.
ROOMS = {
    "json": set(),
    "problem": {"json"},
    "config": {"json"},
    "loader": {"json", "config"},
    "health": {"json", "config", "loader"},
    "http": {"problem"},
    "observe": {"json"},
    "spool": set(),
    "engine": {"json", "config"},
    "operations": {"json", "config", "engine", "health"},
    "rest": {"json", "config", "problem", "operations"},
    "mcp": {"json", "problem", "operations"},
    "pipeline": {"json", "problem", "loader", "http", "observe", "spool", "engine", "operations", "rest", "mcp"},
    "cli": {"json", "config", "loader", "health", "rest", "observe", "mcp"},
}

# Libraries that one place alone may include, since they are slow to compile or easily misused.
CONFINED = {
    r"boost/(asio|beast)/": "host/http/",
    r"boost/dll": "host/loader/module.cpp",
    r"toml\+\+/": "host/config/",
    r"prometheus/": "host/observe/",
    r"libstemmer": "host/engine/",
    r"libpq": "plugins/storage-postgres/",
    r"argon2\.h": "plugins/auth-apikey/",
}

VAGUE = re.compile(r"(^|_)(manager|helper|helpers|util|utils|common|impl|misc|data|info)(_|$)", re.I)
VAGUE_TYPE = re.compile(r"\b(?:class|struct)\s+\w*(Manager|Helper|Util|Utils|Common)\b")
PLUGIN_KINDS = {"auth", "tenancy", "quota", "storage", "embed", "metering", "routes", "audit", "login", "backup"}


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in CODE and path.is_file():
                yield path, path.relative_to(ROOT).as_posix(), path.read_text()


def everything():
    top = ["sdk", "host", "plugins", "etc", "tests", "third_party", "installer", "docs", ".ci"]
    files = [p for folder in top for p in sorted((ROOT / folder).rglob("*"))] + sorted(ROOT.glob("*"))
    for path in files:
        if path.is_file() and path.name != ".git" and "__pycache__" not in path.parts:
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text()
            except UnicodeDecodeError:
                continue


class Dependencies(unittest.TestCase):
    def test_the_sdk_includes_nothing_but_itself_and_the_standard_library(self):
        for path, name, text in sources("sdk/include"):
            for kind, include in INCLUDE.findall(text):
                standard = "/" not in include and not include.startswith("engram")
                self.assertTrue(kind == "<" and (standard or include.startswith("engram/")), f"{name}: {include}")
                if path.suffix == ".h":
                    self.assertFalse(include.startswith("engram/cpp/"), f"{name}: C includes C++")

    def test_plugins_know_only_the_sdk_and_themselves(self):
        rooms = "|".join(ROOMS)
        for path, name, text in sources("plugins"):
            own = {p.name for p in path.parent.glob("*")}
            for kind, include in INCLUDE.findall(text):
                if kind == '"':
                    self.assertIn(include, own, f"{name}: {include}")
                self.assertIsNone(re.match(rf"({rooms}|host|plugins|\.\.)/", include), f"{name}: {include}")
        for path in (ROOT / "plugins").glob("*/CMakeLists.txt"):
            self.assertNotIn("host_", path.read_text(), path)

    def test_rooms_of_the_host_include_only_those_before_them(self):
        for path, name, text in sources("host"):
            room = name.split("/")[1] if name.count("/") > 1 else None
            for kind, include in INCLUDE.findall(text):
                self.assertNotIn("plugins/", include, name)
                if kind != '"' or room is None:
                    continue
                if include in ("error_table.inc", "health_table.inc"):  # generated from sdk/schema
                    continue
                target = include.split("/")[0]
                self.assertTrue(target == room or target in ROOMS[room], f"{name}: {include}")

    def test_the_rooms_have_no_cycle(self):
        seen = []
        while len(seen) < len(ROOMS):
            ready = [r for r in ROOMS if r not in seen and ROOMS[r] <= set(seen)]
            self.assertTrue(ready, f"a cycle among {set(ROOMS) - set(seen)}")
            seen += ready

    def test_the_host_names_plugins_only_in_hints(self):
        plugins = [p.parent.name for p in (ROOT / "plugins").glob("*/CMakeLists.txt")]
        for path, name, text in sources("host"):
            for line in text.splitlines():
                for plugin in plugins:
                    if plugin in line and not line.lstrip().startswith("//"):
                        self.assertRegex(line, r'"[^"]*(add |use = |e\.g\. )?' + re.escape(plugin) + r'[^"]*"', f"{name}: {line}")
                        self.assertNotRegex(line, r'==\s*"' + re.escape(plugin), f"{name} decides by a plugin's name")

    def test_confined_libraries(self):
        for path, name, text in sources("host", "plugins", "sdk"):
            for _, include in INCLUDE.findall(text):
                for pattern, place in CONFINED.items():
                    if re.match(pattern, include):
                        self.assertTrue(name.startswith(place), f"{name}: {include} belongs in {place}")


class Names(unittest.TestCase):
    def test_files_have_telling_names(self):
        for path, name, _ in sources("host", "plugins", "sdk", "tests"):
            self.assertRegex(path.stem, r"^[a-z0-9_\-]+$", name)
            self.assertIsNone(VAGUE.search(path.stem) if not path.stem.startswith("data_directory") else None, name)

    def test_types_have_telling_names(self):
        for _, name, text in sources("host", "plugins", "sdk"):
            self.assertIsNone(VAGUE_TYPE.search(text), name)

    def test_plugins_are_called_after_their_kind_or_what_they_serve(self):
        for path in (ROOT / "plugins").glob("*/CMakeLists.txt"):
            self.assertIn(path.parent.name.split("-")[0], PLUGIN_KINDS)
            self.assertRegex(path.read_text(), rf"engram_add_plugin\({path.parent.name}\s")


class Shapes(unittest.TestCase):
    def test_files_are_short(self):
        lengths = {name: text.count("\n") for _, name, text in sources("host", "plugins", "sdk")}
        long = {n: lines for n, lines in lengths.items() if lines > 450}
        self.assertLess(len(long), len(lengths) / 10, long)
        self.assertFalse({n: lines for n, lines in lengths.items() if lines > 600})

    def test_headers_begin_with_why_they_exist(self):
        for path, name, text in sources("host", "plugins", "sdk"):
            if path.suffix in (".h", ".hpp"):
                self.assertRegex(text, r"^(//|/\*) ", f"{name} has no first comment")

    def test_headers_are_guarded(self):
        for path, name, text in sources("host", "plugins", "sdk", "tests"):
            if path.suffix == ".hpp":
                self.assertIn("#pragma once", text, name)

    def test_habits(self):
        for _, name, text in sources("host", "plugins", "sdk"):
            self.assertNotIn("using namespace std;", text, name)
            self.assertNotRegex(text, r"\[=[,\]]", name)
            self.assertNotRegex(text, r"(TODO|FIXME|XXX|HACK)", name)

    def test_every_room_has_a_readme(self):
        rooms = [ROOT / name for name in ("sdk", "host", "plugins", "etc", "tests", "third_party", "installer", "docs")]
        rooms += [room for folder in ("host", "plugins") for room in sorted((ROOT / folder).iterdir()) if room.is_dir()]
        for room in rooms:
            readme = room / "README.md"
            self.assertTrue(readme.exists(), f"{room} has no README.md")
            lines = readme.read_text().count("\n")
            self.assertTrue(8 <= lines <= 80, f"{readme}: {lines} lines")

    def test_a_readme_of_rooms_names_each_of_them(self):
        for folder in ("host", "plugins"):
            text = (ROOT / folder / "README.md").read_text()
            for room in sorted((ROOT / folder).iterdir()):
                if room.is_dir():
                    self.assertRegex(text, f"`{room.name}/?`", f"{folder}/README.md does not name {room.name}")

    def test_every_library_has_its_licence_written_down(self):
        text = (ROOT / "third_party/README.md").read_text()
        packages = re.findall(r"^lib\S+-dev$|^\S+-cpp-dev$|^rapidjson-dev$",
                              (ROOT / "installer/packages.txt").read_text(), re.M)
        self.assertGreater(len(packages), 8)
        for package in packages:
            self.assertIn(f"`{package}`", text, f"third_party/README.md does not list {package}")


class Contents(unittest.TestCase):
    def test_nothing_tells_of_a_machine(self):
        # Put together here, so that this file does not contain what it looks for.
        forbidden = ["/" + "work/", "/" + "root/"]
        for name, text in everything():
            for word in forbidden:
                self.assertNotIn(word, text, name)

    def test_there_are_no_default_credentials(self):
        pattern = re.compile(r"""(password|passwd|secret|api_?key|token)["']?\s*[=:]\s*["'][^"'${}<> ]{6,}["']""", re.I)
        for name, text in everything():
            if name.startswith(("tests/", "docs/")) or name.endswith((".cpp", ".hpp", ".h", ".json")):
                continue
            self.assertIsNone(pattern.search(text), name)
        for _, name, text in sources("host", "plugins"):
            self.assertIsNone(re.search(r"egm_(live|test)_\w{8,}", text), name)

    def test_error_codes_are_published(self):
        published = set(re.findall(r'"code": "(\w+)"', (ROOT / "sdk/schema/errors.json").read_text()))
        for _, name, text in sources("host/operations", "host/engine", "host/rest", "host/http", "host/pipeline", "host/mcp"):
            for code in re.findall(r'\b(?:Error\{|refuse\(|return \{)"([a-z_]+)",', text):
                self.assertIn(code, published | {"again"}, name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
