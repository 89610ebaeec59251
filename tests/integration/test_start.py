"""What keeps a server from starting: each refusal ends with its exit code and names file, reason and fix."""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from support.engram_server import BUILD, DEADLINE, ENGRAM, OSS, PLUGINS, Server, main, with_plugin

EX_USAGE, EX_TEMPFAIL, EX_CONFIG = 64, 75, 78
FAKES = str(BUILD / "tests" / "unit" / "plugins-fake")


class Refusals(unittest.TestCase):
    def refused(self, *mentions, plugins=None, server=None, extra="", code=EX_CONFIG, arguments=(), prepare=None, dirs=()):
        it = Server(plugins, server, extra=extra, dirs=dirs)
        try:
            if prepare:
                prepare(it)
            got, said = it.run_to_end(*arguments)
            self.assertEqual(code, got, said)
            for mention in (*mentions, "fix:"):
                self.assertIn(mention, said)
        finally:
            shutil.rmtree(it.folder)

    def with_file(self, change, *mentions):
        """With storage-sqlite's file copied to a folder of its own and changed there."""
        def prepare(it):
            folder = it.folder / "plugins"
            folder.mkdir(mode=0o755)
            file = folder / "storage-sqlite.so"
            shutil.copy(PLUGINS / "storage-sqlite.so", file)
            os.chmod(file, 0o644)
            change(file)
            it.dirs.insert(0, str(folder))
            it.write_config(OSS)
        self.refused("storage-sqlite", *mentions, prepare=prepare)

    def test_a_plugin_that_is_not_there(self):
        self.refused("storage-sqlit", "did you mean", plugins=with_plugin("storage-sqlit", instead_of="storage-sqlite"))

    def test_a_plugin_of_another_abi(self):
        self.refused("fake-new-abi.so", "ABI", plugins=[*OSS, {"use": "fake-new-abi"}], dirs=[FAKES])

    def test_a_plugin_of_another_draft(self):
        self.refused("fake-old-draft.so", "draft", plugins=[*OSS, {"use": "fake-old-draft"}], dirs=[FAKES])

    def test_a_plugin_that_needs_what_is_not_there(self):
        self.refused("engram.tenancy/1", plugins=[p for p in OSS if p["use"] != "tenancy-sqlite"])

    def test_a_configuration_that_breaks_the_plugins_schema(self):
        self.refused("quota-local", "requests_per_minute", plugins=with_plugin("quota-local", {"requests_per_minute": "many"}))
        self.refused("did you mean 'burst'", plugins=with_plugin("quota-local", {"brst": 5}))

    def test_two_owners_of_a_route(self):
        self.refused("/tiny", "tiny-routes", plugins=[*OSS, {"use": "tiny-routes"}, {"use": "tiny-routes", "name": "again"}])

    def test_two_plugins_where_one_is_meant(self):
        self.refused("storage", plugins=[*OSS, {"use": "storage-memory"}])

    def test_a_file_that_others_may_write(self):
        self.with_file(lambda file: os.chmod(file, 0o666), "can be written by others")

    def test_a_folder_that_others_may_write(self):
        self.with_file(lambda file: os.chmod(file.parent, 0o777), "plugins can be written by others")

    def test_a_truncated_file(self):
        for size in (0, 10, 64, 5000, 50000):
            with self.subTest(size):
                self.with_file(lambda file: os.truncate(file, size))

    def test_a_file_that_is_no_plugin(self):
        self.with_file(lambda file: file.write_text("#!/bin/sh\necho hello\n"))

    def test_a_typo_in_the_configuration(self):
        self.refused("engram.toml:", "lisen", "did you mean 'server.listen'", server={"lisen": "127.0.0.1:0"})
        self.refused("engram.toml:", "servr", extra="[servr]\nlisten = 'x'\n")

    def test_a_duplicate_key_and_bad_syntax(self):
        self.refused("engram.toml:", extra="[log]\nlevel = 'info'\nlevel = 'debug'\n")
        self.refused("engram.toml:", extra="[log\n")

    def test_an_address_beyond_loopback_without_tls(self):
        for listen in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0"):
            self.refused("server.listen", "trusted_proxies", "tls.certificate", server={"listen": listen})

    def test_an_admin_listener_beyond_loopback(self):
        for proxies in ([], ["10.0.0.1"]):
            self.refused("server.admin_listen", server={"admin_listen": "0.0.0.0:0", "trusted_proxies": proxies})

    def test_an_address_beyond_loopback_without_authentication(self):
        self.refused("engram.auth/1", plugins=[p for p in OSS if p["use"] != "auth-apikey"],
                     server={"listen": "0.0.0.0:0", "trusted_proxies": ["10.0.0.1"]})

    def test_an_unset_variable(self):
        self.refused("NOT_SET_ANYWHERE", extra='[log]\nfile = "${env:NOT_SET_ANYWHERE}"\n')

    def test_a_secret_is_not_repeated(self):
        it = Server(with_plugin("quota-local", {"burst": "hunter2"}))
        code, said = it.run_to_end()
        self.assertEqual(EX_CONFIG, code)
        self.assertNotIn("hunter2", said)

    def test_an_unknown_option(self):
        it = Server()
        code, said = it.run_to_end("--lisen", "127.0.0.1:0")
        self.assertEqual(EX_USAGE, code)
        self.assertIn("--listen", said)


class Start(unittest.TestCase):
    def test_a_second_server_on_one_data_directory_names_the_first(self):
        with Server() as server:
            code, said = server.run_to_end()
            self.assertEqual(EX_TEMPFAIL, code, said)
            self.assertIn(str(server.process.pid), said)
            self.assertIn(str(server.data), said)

    def test_the_command_line_and_the_environment_win_over_the_file(self):
        with Server(server={"listen": "127.0.0.1:1"}, arguments=["--listen", "127.0.0.1:0"]) as server:
            self.assertNotEqual(1, server.port)
        with Server(server={"listen": "127.0.0.1:1"}, env={"ENGRAM_SERVER_LISTEN": "127.0.0.1:0"}) as server:
            self.assertEqual(200, server.call("GET", "/healthz", key=False).status)

    def test_the_first_key_is_made_once(self):
        server = Server().start()
        key = server.key
        self.assertIn("api_key_file", server.greeting)
        server.stop()
        server.start()
        self.assertNotIn("api_key_file", server.greeting)
        self.assertEqual(200, server.call("GET", "/v1/memories", key=key).status)
        self.assertEqual(1, len(server.call("GET", "/v1/keys", key=key).body["keys"]))
        server.stop()

    def test_on_a_terminal_the_key_is_shown_once_and_written_nowhere(self):
        server = Server()
        shown = []
        for _ in range(2):
            ours, theirs = pty.openpty()
            process = subprocess.Popen([ENGRAM, "serve", "--config", server.config], stdin=subprocess.DEVNULL, stdout=theirs,
                                       stderr=subprocess.DEVNULL, env=server.env)
            os.close(theirs)
            text = b""
            while b"engram memory add" not in text:
                text += os.read(ours, 4096)
            shown.append(text.decode())
            process.terminate()
            self.assertEqual(0, process.wait(DEADLINE))
            os.close(ours)
        key = re.search(r"egm_live_\w+", shown[0])
        self.assertIsNotNone(key, shown[0])
        self.assertIn("http://127.0.0.1:", shown[0])
        self.assertNotIn("egm_", shown[1])
        self.assertFalse((server.data / "first-key").exists())
        server.start()
        self.assertEqual(200, server.call("GET", "/v1/memories", key=key[0]).status)
        server.stop()
        shutil.rmtree(server.folder)

    def test_a_server_on_a_terminal_reloads_on_a_hangup_signal_and_ends_with_the_terminal(self):
        server = Server()
        pid, ours = pty.fork()
        if pid == 0:
            os.execve(ENGRAM, ["engram", "serve", "--config", str(server.config)], server.env)
        try:
            text = b""
            while b"engram memory add" not in text:
                text += os.read(ours, 4096)
            os.kill(pid, signal.SIGHUP)
            while b"the configuration was reloaded" not in text:  # the log is on the terminal
                text += os.read(ours, 4096)
        finally:
            os.close(ours)
        self.assertEqual(0, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        shutil.rmtree(server.folder)

    @unittest.skipUnless(os.geteuid() == 0, "SKIPPED: needs root, to be another user")
    def test_another_user_of_the_machine_is_refused_on_the_socket(self):
        with Server() as server:
            path = server.greeting["socket"]
            # The folder keeps others out already; opened here, so that the check of the peer is what refuses.
            for folder in (server.folder, server.runtime, Path(path).parent):
                os.chmod(folder, 0o755)
            os.chmod(path, 0o666)
            # It is answered without having asked.
            ask = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(100).decode())"
            done = subprocess.run([sys.executable, "-c", ask, path], capture_output=True, text=True, user=65534, group=65534,
                                  extra_groups=[])
            self.assertIn("403", done.stdout, done.stderr)
            self.assertEqual(0, server.cli("memory", "list")[0])

    def test_a_server_that_was_killed_leaves_nothing_in_the_way(self):
        server = Server().start()
        server.kill()
        server.start()
        self.assertEqual(0, server.cli("memory", "list")[0])
        server.stop()

    def test_config_check_explain_and_show(self):
        it = Server(with_plugin("quota-local", {"burst": 7}))

        def config(*arguments):
            done = subprocess.run([ENGRAM, "config", *arguments, "--config", it.config], capture_output=True, text=True,
                                  env=it.env)
            return done.returncode, done.stdout + done.stderr

        self.assertEqual(0, config("check")[0])
        code, said = config("explain", "server.idle_seconds")
        self.assertEqual(0, code)
        self.assertIn("75", said)
        code, said = config("explain", "server.idel_seconds")
        self.assertEqual(EX_USAGE, code)
        self.assertIn("server.idle_seconds", said)
        self.assertIn("engram.toml:", config("show")[1])
        it.write_config(with_plugin("quota-local", {"burst": 0}))
        self.assertEqual(EX_CONFIG, config("check")[0])


class Surroundings(unittest.TestCase):
    def test_a_server_needs_no_environment(self):
        server = Server()
        server.env = {"XDG_RUNTIME_DIR": str(server.runtime)}  # no PATH, no HOME: as under env -i
        with server:
            self.assertEqual(200, server.call("GET", "/healthz", key=False).status)


if __name__ == "__main__":
    main()
