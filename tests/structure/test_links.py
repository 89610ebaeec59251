"""Every relative link and anchor of every Markdown file leads somewhere."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*?) *#*$", re.M)


def documents():
    return [p for p in sorted(ROOT.rglob("*.md"))
            if not {"build", ".git", "node_modules"} & set(p.relative_to(ROOT).parts)]


def prose(path):
    text = FENCE.sub("", path.read_text())
    return re.sub(r"`[^`\n]*`", lambda m: "`" + "x" * (len(m.group()) - 2) + "`", text)


def anchors(path):
    """As GitHub makes them: lower case, no punctuation, spaces to hyphens, repeated ones numbered."""
    found = set()
    for heading in HEADING.findall(FENCE.sub("", path.read_text())):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        unique, n = slug, 0
        while unique in found:
            n += 1
            unique = f"{slug}-{n}"
        found.add(unique)
    return found


class Links(unittest.TestCase):
    def test_every_relative_link_and_anchor_resolves(self):
        links = 0
        for path in documents():
            for target in LINK.findall(prose(path)):
                if re.match(r"[a-z]+:", target):
                    continue
                links += 1
                name, _, anchor = target.partition("#")
                file = path if not name else path.parent / name
                self.assertTrue(file.exists(), f"{path.relative_to(ROOT)}: {target} leads nowhere")
                if anchor:
                    self.assertIn(anchor, anchors(file), f"{path.relative_to(ROOT)}: {target} has no such heading")
        self.assertGreater(links, 30)

    def test_every_how_to_tutorial_and_explanation_is_listed(self):
        index = (ROOT / "docs/README.md").read_text()
        for path in documents():
            name = path.relative_to(ROOT).as_posix()
            if re.match(r"docs/(how-to|tutorials|explanation)/", name):
                self.assertIn(name.removeprefix("docs/"), index, f"docs/README.md does not list {name}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
