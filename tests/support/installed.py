"""The built tree, installed into a folder as a user has it, and commands run in a home of their own."""

import json
import os
import signal
import subprocess
import tempfile
import shutil
from pathlib import Path

from support.engram_server import BUILD, DEADLINE


def stage(folder, *components):
    """Installs components ("server", "staged", "sdk") of the build folder below `folder`."""
    for component in components:
        subprocess.run(["cmake", "--install", BUILD, "--component", component, "--prefix", folder], check=True,
                       capture_output=True)
    return Path(folder)


class Home:
    """A HOME with nothing in it, and a server that was started in it from a staged tree by `engram serve`."""

    def __init__(self, prefix):
        self.prefix = Path(prefix)
        self.folder = Path(tempfile.mkdtemp(prefix="engram-home-"))
        self.path = self.folder / "home"
        for name in ("home", "run"):
            (self.folder / name).mkdir(mode=0o700)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ENGRAM_", "XDG_"))}
        self.env = {**kept, "HOME": str(self.path), "XDG_RUNTIME_DIR": str(self.folder / "run"),
                    "PATH": f"{self.prefix / 'bin'}:{os.environ['PATH']}"}
        self.process = None

    def start(self, *arguments):
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([self.prefix / "bin/engram", "serve", "--listen", "127.0.0.1:0", *arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, env=self.env)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(DEADLINE)
            raise AssertionError(f"serve ended with {self.process.returncode}:\n{self.log_text()}")
        self.greeting = json.loads(line)
        return self

    def log_text(self):
        return (self.folder / "log").read_text(errors="replace")

    def stop(self):
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        self.process.stdout.close()
        self.log.close()
        self.process = None
        return code

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *arguments, **more):
        """`engram ARGUMENTS`: exit code, stdout, stderr."""
        done = subprocess.run([self.prefix / "bin/engram", *map(str, arguments)], env=self.env, capture_output=True,
                              text=True, timeout=DEADLINE, **more)
        return done.returncode, done.stdout, done.stderr
