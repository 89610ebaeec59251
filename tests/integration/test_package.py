"""The packages as their users meet them: the tgz unpacked anywhere, the unit's lock-down, completions and the manual; and the
deb installed, used, upgraded, removed and purged in a clean Debian 12 (root and debootstrap needed, skipped loudly else).

There is no systemd in that root: the unit's ExecStart is run by hand as its user, with its environment.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

from support.engram_server import BUILD, DEADLINE, ROOT, main
from support.installed import Home

UNIT = ROOT / "etc/engram.service"


def run(*words, **more):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise AssertionError(f"{words} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def cpack(generator, folder, **env):
    run("cpack", "-G", generator, "--config", BUILD / "CPackConfig.cmake", "-B", folder, cwd=BUILD, env={**os.environ, **env})
    made = [p for p in Path(folder).iterdir() if p.suffix in (".gz", ".deb")]
    if len(made) != 1:
        raise AssertionError(f"cpack {generator} made {made}")
    return made[0]


class Tgz(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="engram tgz ")  # with a space: nothing may depend on the place
        cls.file = cpack("TGZ", Path(cls.folder.name) / "made")
        with tarfile.open(cls.file) as archive:
            archive.extractall(Path(cls.folder.name) / "unpacked")
        (cls.root,) = (Path(cls.folder.name) / "unpacked").iterdir()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_it_runs_from_any_folder(self):
        moved = Path(self.folder.name) / "moved elsewhere"
        shutil.copytree(self.root, moved, symlinks=True)
        home = Home(moved)
        try:
            home.start()
            self.assertEqual(0, home.run("memory", "add", "Ada prefers green tea")[0])
            code, out, _ = home.run("memory", "search", "tea")
            self.assertEqual(0, code)
            self.assertIn("Ada prefers green tea", out)
            self.assertEqual(0, home.run("doctor")[0])
            self.assertEqual(0, home.stop())
            home.start()
            self.assertIn("green tea", home.run("memory", "list")[1])
        finally:
            home.close()

    def test_it_carries_its_libraries_and_their_licences(self):
        carried = {p.name for p in (self.root / "lib/engram").glob("*.so*")}
        loaded = run("ldd", self.root / "bin/engram")
        for line in loaded.splitlines():
            name = line.split()[0]
            if "=>" in line and not re.match(r"(libc|libm|libdl|libpthread|librt|libresolv)\.so", name):
                self.assertIn(str(self.root), line, f"{name} is the system's")
        for plugin in (self.root / "lib/engram/plugins").glob("*.so"):
            for needed in re.findall(r"NEEDED.*\[(.*?)\]", run("readelf", "-d", plugin)):
                if re.match(r"(libc|libm|ld-linux[^/]*)\.so", needed):
                    continue
                if plugin.stem == "storage-postgres" and needed == "libpq.so.5":
                    self.assertNotIn(needed, carried, "docs/how-to/use-postgres.md says it is not")
                    continue
                self.assertIn(needed, carried, plugin.name)
        licences = {p.name for p in (self.root / "share/doc/engram/libraries").iterdir()}
        self.assertTrue(any(name.startswith("libpocofoundation") for name in licences), licences)

    def test_it_is_small_and_stripped(self):
        self.assertLess(self.file.stat().st_size, 15 << 20)
        self.assertNotIn(".debug_info", run("readelf", "-SW", self.root / "bin/engram"))

    def test_it_has_the_sdk_the_manual_and_completions(self):
        for name in ("include/engram/plugin.h", "lib/cmake/Engram/EngramConfig.cmake", "share/man/man1/engram.1.gz",
                     "share/bash-completion/completions/engram", "share/zsh/vendor-completions/_engram",
                     "share/fish/vendor_completions.d/engram.fish", "share/doc/engram/copyright", "etc/engram/oss.toml"):
            self.assertTrue((self.root / name).exists(), name)
        self.assertFalse((self.root / "lib/systemd").exists(), "the unit is the deb's")

    def test_packages_say_nothing_of_the_machine_they_were_made_on(self):
        for path in self.root.rglob("*"):
            if path.is_file():
                self.assertNotIn(str(ROOT).encode(), path.read_bytes(), path)


class Printed(unittest.TestCase):
    """The manual and the completions, from the table of commands."""

    def engram(self, *words):
        return run(BUILD / "bin/engram", *words)

    def commands(self):
        return [line.split("  ")[1].split()[1:] for line in self.engram("--help").splitlines() if line.startswith("  engram ")]

    def test_every_command_is_in_the_manual_and_in_every_completion(self):
        manual = self.engram("manual").replace("\\-", "-")
        scripts = {shell: self.engram("completion", shell) for shell in ("bash", "zsh", "fish")}
        names = [[w for w in words if w.islower()] for words in self.commands()]
        self.assertGreater(len(names), 25)
        for name in names:
            self.assertIn(".SS engram " + " ".join(name), manual)
            for shell, script in scripts.items():
                for word in name:
                    self.assertIn(word, script, f"{shell}: {name}")

    def test_the_manual_is_well_formed(self):
        if not shutil.which("man"):
            raise unittest.SkipTest("SKIPPED: man is not installed")
        with tempfile.NamedTemporaryFile("w", suffix=".1") as page:
            page.write(self.engram("manual"))
            page.flush()
            done = subprocess.run(["man", "--warnings", "-l", page.name], capture_output=True, text=True,
                                  env={**os.environ, "LC_ALL": "C", "MANPAGER": "cat"})
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertIn("engram doctor", done.stdout)

    def test_bash_completes_commands_and_options(self):
        script = self.engram("completion", "bash")

        def complete(*words):
            ask = f"{script}\nCOMP_WORDS=({' '.join(shlex.quote(w) for w in words)}); COMP_CWORD={len(words) - 1}; _engram; printf '%s\\n' \"${{COMPREPLY[@]}}\""
            return run("bash", "-c", ask).split()

        self.assertIn("memory", complete("engram", "mem"))
        self.assertEqual(["search"], complete("engram", "memory", "sea"))
        self.assertIn("--workspace", complete("engram", "memory", "add", "--work"))
        self.assertIn("--bundle", complete("engram", "doctor", "--b"))

    def test_zsh_and_fish_accept_their_scripts(self):
        for shell, check in (("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])):
            if not shutil.which(shell):
                continue  # their packages are large; the text is compared above
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(self.engram("completion", shell))
                file.flush()
                run(*check, file.name)

    def test_another_shell_is_refused(self):
        done = subprocess.run([BUILD / "bin/engram", "completion", "tcsh"], capture_output=True, text=True)
        self.assertEqual(64, done.returncode)
        self.assertIn("bash, zsh or fish", done.stderr)


class Unit(unittest.TestCase):
    def test_the_unit_is_locked_down(self):
        if not shutil.which("systemd-analyze"):
            raise unittest.SkipTest("SKIPPED: systemd-analyze is not installed")
        out = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT], capture_output=True,
                             text=True, env={**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0"})
        score = re.search(r"Overall exposure level for engram.service: ([\d.]+)", out.stdout)
        self.assertTrue(score, out.stdout + out.stderr)
        print(f"exposure of engram.service: {score[1]}")
        self.assertLessEqual(float(score[1]), 2.0)


def fields(path, name):
    return re.search(rf"^{name}: (.*)$", run("dpkg-deb", "-f", path), re.M)[1]


class Root:
    """A minimal Debian 12 with what a package depends on, from a tarball cached in the build folder."""

    def __init__(self, deb):
        depends = sorted({re.split(r"[ :(|]", d.strip())[0] for d in fields(deb, "Depends").split(",")} | {"curl"})
        name = hashlib.sha256(" ".join(depends).encode()).hexdigest()[:16]
        self.tarball = BUILD / "debian-roots" / f"bookworm-{name}.tar"
        if not self.tarball.exists():
            self.make(depends)
        self.folder = Path(tempfile.mkdtemp(prefix="engram-root-"))
        self.path = self.folder / "root"
        self.path.mkdir()
        run("tar", "-C", self.path, "-xpf", self.tarball)
        for device, number in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
            node = self.path / "dev" / device
            if not node.exists():
                os.mknod(node, 0o666 | 0o020000, os.makedev(1, number))
                node.chmod(0o666)

    def make(self, depends):
        self.tarball.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="engram-debootstrap-") as folder:
            done = subprocess.run(["debootstrap", "--variant=minbase", "--include=" + ",".join(depends), "bookworm",
                                   folder + "/tree"], capture_output=True, text=True)
            if done.returncode != 0:
                raise unittest.SkipTest("SKIPPED: debootstrap cannot make a root: " + (done.stdout + done.stderr)[-300:])
            shutil.rmtree(folder + "/tree/var/cache/apt/archives", ignore_errors=True)
            fresh = self.tarball.with_suffix(f".{os.getpid()}")
            run("tar", "-C", folder + "/tree", "-cf", fresh, ".")
            fresh.rename(self.tarball)

    def run(self, *words, expected=0, user=None):
        prefix = ["chroot"] + ([f"--userspec={user}"] if user else []) + [self.path]
        done = subprocess.run([*map(str, prefix), "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
                               "DEBIAN_FRONTEND=noninteractive", *words], capture_output=True, text=True, timeout=120)
        if done.returncode != expected:
            raise AssertionError(f"{words} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def unit_values():
    """Key: values of the unit's [Service] section."""
    values = {}
    for line in UNIT.read_text().splitlines():
        if re.match(r"\w+=", line):
            key, value = line.split("=", 1)
            values.setdefault(key, []).append(value)
    return values


class Deb(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("SKIPPED: the deb is installed into a root of its own, which needs root")
        for program in ("debootstrap", "dpkg-shlibdeps"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"SKIPPED: {program} is not installed")
        cls.folder = tempfile.TemporaryDirectory(prefix="engram-deb-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.deb = cpack("DEB", cls.folder.name)

    def test_it_says_what_it_is_and_what_it_needs(self):
        depends = fields(self.deb, "Depends")
        for needed in ("adduser", "libc6 (>= ", "libpocofoundation80", "libsqlite3-0", "libargon2-1"):
            self.assertIn(needed, depends)
        listed = run("dpkg-deb", "-c", self.deb)
        for path in ("./usr/bin/engram", "./usr/lib/engram/plugins/storage-sqlite.so", "./etc/engram/engram.toml",
                     "./lib/systemd/system/engram.service", "./usr/share/man/man1/engram.1.gz"):
            self.assertIn(path + "\n", listed)
        self.assertNotIn("oss.toml", listed)
        self.assertNotRegex(listed, r"libPoco\w+\.so", "the system's libraries are used")
        self.assertEqual("/etc/engram/engram.toml\n", run("dpkg-deb", "-I", self.deb, "conffiles"))
        for line in listed.splitlines():
            self.assertRegex(line, r" (root.root|0.0) ", line)

    def serve(self, root):
        """The unit's ExecStartPre and ExecStart as its user with its environment, since no systemd runs in a chroot."""
        unit = unit_values()
        user = unit["User"][0]
        environment = " ".join(unit["Environment"]).split()
        runtime = root.path / "run" / unit["RuntimeDirectory"][0]
        runtime.mkdir(mode=0o700, exist_ok=True)
        account = run("grep", "-E", f"^{user}:", root.path / "etc/passwd").split(":")
        os.chown(runtime, int(account[2]), int(account[3]))
        environment += ["ENGRAM_SERVER_LISTEN=127.0.0.1:0", "ENGRAM_SERVER_ADMIN_LISTEN=127.0.0.1:0"]
        root.run("env", *environment, *unit["ExecStartPre"][0].split(), user=f"{user}:{user}")
        process = subprocess.Popen(["chroot", f"--userspec={user}:{user}", root.path, "env", "-i", *environment,
                                    *unit["ExecStart"][0].split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate()[1])
        return process, json.loads(line), environment

    def test_installed_used_upgraded_removed_and_purged(self):
        root = Root(self.deb)
        self.addCleanup(root.close)
        shutil.copy(self.deb, root.path / "engram.deb")
        root.run("dpkg", "-i", "/engram.deb")
        self.assertRegex(root.run("engram", "--version"), r"engram \d")
        data = root.path / "var/lib/engram"
        self.assertEqual(0o700, data.stat().st_mode & 0o777)
        self.assertNotEqual(0, data.stat().st_uid, "the data is the system user's")

        process, greeting, environment = self.serve(root)
        try:
            def engram(*words):
                return root.run("env", *environment, "engram", *words, "--data", "/var/lib/engram", user="engram:engram")

            engram("memory", "add", "Ada prefers green tea")
            self.assertIn("green tea", engram("memory", "search", "tea"))
            key = (data / "first-key").read_text().strip()
            over_tcp = root.run("curl", "-sf", greeting["url"] + "/v1/memories", "-H", f"Authorization: Bearer {key}")
            self.assertIn("green tea", over_tcp)
            self.assertEqual("ok", json.loads(engram("doctor", "--json"))["status"])
        finally:
            process.terminate()
            self.assertEqual(0, process.wait(DEADLINE))
            process.communicate()

        conffile = root.path / "etc/engram/engram.toml"
        conffile.write_text(conffile.read_text() + "\n# the administrator was here\n")
        root.run("dpkg", "-i", "/engram.deb")  # again: an upgrade keeps data and configuration
        self.assertIn("the administrator was here", conffile.read_text())
        self.assertTrue((data / "first-key").exists())

        root.run("dpkg", "--remove", "engram")
        self.assertFalse((root.path / "usr/bin/engram").exists())
        self.assertFalse((root.path / "usr/lib/engram").exists())
        self.assertTrue(conffile.exists() and (data / "first-key").exists(), "remove keeps configuration and data")
        root.run("dpkg", "--purge", "engram")
        self.assertFalse(conffile.exists() or conffile.parent.exists() or data.exists(), "purge takes both")
        self.assertNotIn("engram", root.run("dpkg-query", "-W", "-f", "${Package} "))

    def test_the_same_sources_make_the_same_package(self):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            made = [cpack("DEB", folder, SOURCE_DATE_EPOCH="1750000000").read_bytes() for folder in (one, two)]
        self.assertEqual(*(hashlib.sha256(m).hexdigest() for m in made))


if __name__ == "__main__":
    main()
