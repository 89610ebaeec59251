"""Every command of the README, the tutorials and the how-to guides is run, in the order of its file.

A command block is indented by four spaces, or fenced with sh, console or nothing. Fences of another language (toml, json)
are no commands. A file's blocks run in one bash, in a home with nothing in it, beside a server started there; the ports in
the text are replaced by the server's. In a block with lines that start with "$ ", the other lines are what must be
printed, in order, with … for any text. Comments before a block say more:

    <!-- exits 65 -->        a command of the block must fail with this code
    <!-- file: PATH -->      the block is no command: its text is put into the file (any language)
    <!-- not run: WHY -->    the block cannot run here
"""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from support.engram_server import DEADLINE, ROOT, main
from support.installed import Home, stage

NOT_RUN_AT_MOST = 12  # blocks; whoever raises this says why in the commit

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs/tutorials").glob("*.md")), *sorted((ROOT / "docs/how-to").glob("*.md"))]
SHELL = {"", "sh", "bash", "console"}
MARK = re.compile(r"^<!-- (?:(exits) (\d+)|(file): (\S+)|(not run): (.+)) -->$")


class Block:
    def __init__(self, line, language, marks):
        self.line, self.language, self.marks, self.text = line, language, marks, []

    def is_shell(self):
        return self.language in SHELL

    def steps(self):
        """(commands, what is printed or None) pairs."""
        if not any(line.startswith("$ ") for line in self.text):
            return [("\n".join(self.text), None)]
        steps = []
        for line in self.text:
            if line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                steps[-1][1].append(line)
        return steps


def blocks(text):
    """The code blocks of a page with the marks before them."""
    found, marks, current, fence, before = [], {}, None, None, ""
    for number, line in enumerate(text.splitlines(), 1):
        if fence:
            if line.startswith(fence):
                fence, current = None, None
            else:
                current.text.append(line)
        elif opened := re.match(r"^(```+|~~~+)(\w*)", line):
            fence = opened.group(1)
            current = Block(number, opened.group(2), marks)
            found.append(current)
            marks = {}
        elif line.startswith("    ") and (current or not before.strip()):
            if current is None:
                current = Block(number, "", marks)
                found.append(current)
                marks = {}
            current.text.append(line[4:])
        elif not line.strip() and current:
            current.text.append("")
        else:
            if line.strip():
                current = None
            if mark := MARK.match(line):
                kind, value = [g for g in mark.groups() if g]
                marks[kind] = value
            elif line.strip():
                marks = {}
        before = line
    return found


def matches(expected, printed):
    """Whether the expected lines are in the printed ones, in order; … stands for anything."""
    lines = iter(printed.splitlines())
    for want in (line.rstrip() for line in expected if line.strip()):
        pattern = ".*".join(re.escape(part) for part in want.split("…"))
        if not any(re.fullmatch(pattern, line.rstrip()) for line in lines):
            return want
    return None


class Page:
    def __init__(self, path, prefix):
        self.path, self.home = path, Home(prefix)
        self.home.start()
        # A checkout, as far as the pages go into one.
        self.checkout = self.home.path / "engram"
        (self.checkout / "build").mkdir(parents=True)
        (self.checkout / "build/stage").symlink_to(prefix)
        for name in ("sdk", "docs", "installer", "tests"):
            (self.checkout / name).symlink_to(ROOT / name)

    def here(self, text):
        for port, key in ((7227, "url"), (7228, "admin_url")):
            text = text.replace(f"127.0.0.1:{port}", self.home.greeting[key].removeprefix("http://"))
        return text

    def run(self):
        """Problems, one text each; the number of commands' blocks that ran; and of those that did not."""
        steps, skipped, work = [], 0, self.home.folder / "steps"
        work.mkdir()
        script = ["set -E -o pipefail", f"cd {self.checkout}", f"trap 'echo \"$? $BASH_COMMAND\" >> {work}/failed' ERR"]
        for block in blocks(self.path.read_text()):
            if "not run" in block.marks:
                skipped += 1
                continue
            if "file" in block.marks:
                name = work / f"file{block.line}"
                name.write_text(self.here("\n".join(block.text).rstrip() + "\n"))
                script.append(f"mkdir -p \"$(dirname {block.marks['file']})\" && cp {name} {block.marks['file']}")
                continue
            if not block.is_shell():
                continue
            for commands, printed in block.steps():
                n = len(steps)
                (work / str(n)).write_text(self.here(commands) + "\n")
                script.append(f": > {work}/failed; source {work}/{n} > {work}/{n}.out 2>&1 < /dev/null; cp {work}/failed {work}/{n}.failed")
                steps.append((block, commands, printed))
        done = subprocess.run(["bash", "-c", "\n".join(script)], env=self.home.env, capture_output=True, text=True,
                              timeout=4 * DEADLINE)
        problems = [] if done.returncode == 0 or not done.stderr else [done.stderr]
        for n, (block, commands, printed) in enumerate(steps):
            problems += self.judge(work / str(n), block, commands, printed)
        return problems, len(steps), skipped

    def judge(self, base, block, commands, printed):
        where = f"{self.path.name}:{block.line}"
        if not Path(f"{base}.failed").exists():
            return [f"{where}: the shell ended before\n{commands}"]
        failed = Path(f"{base}.failed").read_text().splitlines()
        out = Path(f"{base}.out").read_text(errors="replace")
        if "exits" in block.marks:
            if not any(line.startswith(block.marks["exits"] + " ") for line in failed):
                return [f"{where}: nothing failed with {block.marks['exits']}\n{commands}\n{out}"]
        elif failed:
            return [f"{where}: {failed}\n{commands}\n{out}"]
        if printed:
            missing = matches(printed, out)
            if missing is not None:
                return [f"{where}: not printed: {missing}\n{commands}\n{out}"]
        return []


class Documentation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="engram-stage-")
        cls.prefix = stage(cls.folder.name, "server", "staged", "sdk")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_every_command_of_every_page_works(self):
        ran = 0
        for path in PAGES:
            with self.subTest(path.relative_to(ROOT).as_posix()):
                page = Page(path, self.prefix)
                try:
                    problems, steps, _ = page.run()
                    log = page.home.log_text()[-3000:] if problems else ""
                finally:
                    page.home.close()
                ran += steps
                self.assertFalse(problems, "\n----\n".join(problems + [log]))
        self.assertGreater(ran, 30)

    def test_blocks_that_do_not_run_are_few(self):
        marked = [(p.name, b.line, b.marks["not run"]) for p in PAGES for b in blocks(p.read_text()) if "not run" in b.marks]
        self.assertLessEqual(len(marked), NOT_RUN_AT_MOST, marked)
        self.assertTrue(all(len(reason) > 10 for _, _, reason in marked), marked)

    def test_what_does_not_work_is_noticed(self):
        wrong = Path(self.folder.name) / "wrong.md"
        wrong.write_text("""
    true
    false
    true

```console
$ engram version
engram of the future
```

<!-- exits 65 -->

    engram version

<!-- exits 65 -->

    engram memory get nothing

Then:

    engram memory add "a line that works"
    exit 3

    engram version
""")
        page = Page(wrong, self.prefix)
        try:
            problems, _, _ = page.run()
        finally:
            page.home.close()
        self.assertEqual(["2", "6", "13", "21"], [re.match(r"wrong.md:(\d+)", p)[1] for p in problems], problems)

    def test_the_checks_themselves(self):
        page = "text\n\n    one\n    two\n\n<!-- not run: it takes an hour -->\n\n    three\n\n```toml\nx = 1\n```\n\n```console\n$ a\nb … d\n```\n"
        found = blocks(page)
        self.assertEqual([["one", "two", ""], ["three", ""], ["x = 1"], ["$ a", "b … d"]], [b.text for b in found])
        self.assertEqual([{}, {"not run": "it takes an hour"}, {}, {}], [b.marks for b in found])
        self.assertEqual([("a", ["b … d"])], found[3].steps())
        self.assertIsNone(matches(["b … d"], "x\nb c d\n"))
        self.assertEqual("b … d", matches(["b … d"], "x\nb c e\n"))


if __name__ == "__main__":
    main()
