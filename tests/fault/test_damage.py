"""One tenant's file is damaged, moved or fails to be written: that tenant alone answers for it, the others go on, and it
comes back when its file does."""

import errno
import os
import random
import shutil
import unittest

from support.engram_server import OSS, Server, main, wait_until
from support.trouble import (MANY_TENANTS, As, Faults, add_tenants, mount, mounts_of_our_own, storage_state, tenant_file)


def two_tenants(server):
    """Starts the server with the tenants ada and bob, each with some memories."""
    server.start()
    server.stop()
    ids = add_tenants(server, ["ada", "bob"])
    server.start()
    ada, bob = As(server, "ada"), As(server, "bob")
    for who in (ada, bob):
        for n in range(300):
            assert who.add(f"{who.slug} note {n} about tea {'and mountains ' * 20}").status == 201
    return ids, ada, bob


def damage(path):
    """Whole pages of rubbish, the first one spared: the file is still a database."""
    random.seed(7)
    with open(path, "r+b") as file:
        size = file.seek(0, 2)
        for at in range(4096, size, 4096):
            file.seek(at)
            file.write(bytes(random.randrange(256) for _ in range(512)) * 8)


class Damage(unittest.TestCase):
    def setUp(self):
        self.server = Server(MANY_TENANTS)
        self.addCleanup(shutil.rmtree, self.server.folder, ignore_errors=True)
        self.addCleanup(self.end)

    def end(self):
        if self.server.process:
            self.server.kill()

    def test_a_damaged_file_shuts_its_tenant_alone_until_a_good_copy_is_there(self):
        ids, ada, bob = two_tenants(self.server)
        self.server.stop()
        path = tenant_file(self.server, ids["ada"])
        shutil.copy(path, self.server.folder / "good")
        damage(path)
        self.server.start()
        process = self.server.process
        answers = [ada.search("tea"), ada.call("GET", "/v1/memories"), ada.add("more")]
        self.assertEqual({(503, "tenant_damaged")}, {(a.status, a.body["code"]) for a in answers}, answers)
        self.assertTrue(answers[0].body["hint"])
        self.assertEqual([200, 200, 201], [a.status for a in (bob.search("tea"), bob.call("GET", "/v1/memories"), bob.add("x"))])
        status, state = storage_state(self.server)
        self.assertEqual((200, "degraded"), (status, state["state"]))
        self.assertIn(ids["ada"], state["reason"])

        os.replace(self.server.folder / "good", path)
        self.assertEqual(200, ada.search("tea").status)
        self.assertEqual(201, ada.add("back").status)
        self.assertEqual("ok", storage_state(self.server)[1]["state"])
        self.assertIs(process, self.server.process)
        self.assertIsNone(process.poll())
        self.assertEqual(0, self.server.stop())

    def test_a_file_damaged_under_a_running_server_is_found_and_its_log_not_played_into_the_good_copy(self):
        ids, ada, bob = two_tenants(self.server)
        path = tenant_file(self.server, ids["ada"])
        # Out of SQLite's caches: the maintenance closes what is idle only after minutes, so start again.
        self.server.stop()
        shutil.copy(path, self.server.folder / "good")
        self.server.start()
        self.assertEqual(201, ada.add("after the copy was made").status)
        damage(path)
        wait_until(lambda: ada.call("GET", "/v1/memories?limit=1000").status == 503, "the damage to be found")
        self.assertEqual(200, bob.search("tea").status)
        os.replace(self.server.folder / "good", path)
        listed = ada.call("GET", "/v1/memories?limit=1000")
        self.assertEqual((200, 300), (listed.status, len(listed.body["memories"])), "the copy, and nothing else")
        self.assertEqual(0, self.server.stop())

    def test_a_damaged_copy_does_not_bring_the_tenant_back(self):
        ids, ada, _ = two_tenants(self.server)
        self.server.stop()
        path = tenant_file(self.server, ids["ada"])
        damage(path)
        shutil.copy(path, self.server.folder / "bad")
        self.server.start()
        self.assertEqual(503, ada.search("tea").status)
        os.replace(self.server.folder / "bad", path)
        self.assertEqual("tenant_damaged", ada.search("tea").body["code"])
        self.assertEqual(0, self.server.stop())

    def test_a_removed_file_is_neither_written_to_nor_replaced_by_an_empty_one(self):
        ids, ada, bob = two_tenants(self.server)
        folder = tenant_file(self.server, ids["ada"]).parent
        os.rename(folder, self.server.folder / "elsewhere")
        refused = ada.add("into the void")
        self.assertEqual((503, "tenant_damaged"), (refused.status, refused.body["code"]), refused.body)
        self.assertEqual("tenant_damaged", ada.add("again").body["code"])
        self.assertFalse(folder.exists())
        self.assertEqual(201, bob.add("goes on").status)
        os.rename(self.server.folder / "elsewhere", folder)
        self.assertEqual(201, ada.add("home").status)
        self.assertEqual(301, len(ada.call("GET", "/v1/memories?limit=1000").body["memories"]))
        self.assertEqual(0, self.server.stop())

    def test_a_vanished_data_directory_is_told_and_nothing_is_acknowledged(self):
        _, ada, bob = two_tenants(self.server)
        os.rename(self.server.data, self.server.folder / "moved")
        for who in (ada, bob):
            self.assertEqual(503, who.add("nowhere to go").status)
        os.rename(self.server.folder / "moved", self.server.data)
        for who in (ada, bob):
            self.assertEqual(201, who.add("back").status)
        self.assertEqual(0, self.server.stop())

    def test_a_vanished_control_plane_acknowledges_nothing(self):
        with Server() as server:
            folder = server.data / "tenancy-sqlite"
            os.rename(folder, server.folder / "moved")
            self.assertEqual(503, server.call("POST", "/v1/workspaces", {"name": "nowhere"}).status)
            self.assertEqual(200, server.call("GET", "/v1/workspaces").status)
            os.rename(server.folder / "moved", folder)
            self.assertEqual(201, server.call("POST", "/v1/workspaces", {"name": "home"}).status)


class FailingDisk(unittest.TestCase):
    """An fsync that failed has told the truth once: asking again says that all is well, though pages were given up."""

    def setUp(self):
        self.faults = Faults()
        self.server = Server(MANY_TENANTS, env=self.faults.env)
        self.addCleanup(shutil.rmtree, self.server.folder, ignore_errors=True)
        self.addCleanup(self.end)

    def end(self):
        if self.server.process:
            self.server.kill()

    def check_refusals(self, **switches):
        ids, ada, bob = two_tenants(self.server)
        before = len(ada.call("GET", "/v1/memories?limit=1000").body["memories"])
        self.faults.disk(ids["ada"], **switches)
        for n in range(3):
            refused = ada.add(f"refused {n}")
            self.assertEqual((503, "unavailable"), (refused.status, refused.body["code"]), refused.body)
        self.assertGreater(self.faults.failed, 0, "nothing was made to fail")
        self.assertEqual(200, ada.search("tea").status, "reads go on")
        self.assertEqual(201, bob.add("others go on").status)
        self.faults.disk()
        kept = ada.add("kept")
        self.assertEqual(201, kept.status, kept.body)
        listed = ada.call("GET", "/v1/memories?limit=1000").body["memories"]
        self.assertEqual(before + 1, len(listed), "what was refused is not there")
        # What the disk has is what was acknowledged, without the memory of the process.
        self.server.kill()
        self.server.start()
        after = As(self.server, "ada").call("GET", "/v1/memories?limit=1000").body["memories"]
        self.assertEqual({m["id"] for m in listed}, {m["id"] for m in after})

    def test_a_failed_fsync_refuses_the_write_and_the_log_is_written_anew_before_the_next(self):
        self.check_refusals(sync=errno.EIO)

    def test_a_failed_write_is_refused(self):
        self.check_refusals(write=errno.EIO)

    def test_a_quota_of_the_file_system_is_storage_full(self):
        ids, ada, _ = two_tenants(self.server)
        self.faults.disk(ids["ada"], write=errno.EDQUOT)
        refused = ada.add("over the quota")
        self.assertEqual((507, "storage_full"), (refused.status, refused.body["code"]), refused.body)
        self.faults.disk()
        within = ada.add("within")
        self.assertEqual(201, within.status, within.body)

    def test_a_log_left_by_a_process_whose_fsync_failed_is_moved_into_the_file_first(self):
        ids, ada, _ = two_tenants(self.server)
        self.faults.disk(ids["ada"], sync=errno.EIO)
        self.assertEqual(503, ada.add("doubtful").status)
        self.server.kill()
        self.server.start()  # the disk still fails: the tenant can be read, not written
        ada = As(self.server, "ada")
        self.assertEqual(200, ada.search("tea").status)
        self.assertEqual(503, ada.add("still doubtful").status)
        self.faults.disk()
        log = tenant_file(self.server, ids["ada"]).with_name("engram.db-wal")
        self.assertGreater(log.stat().st_size, 0)
        sound = ada.add("sound")
        self.assertEqual(201, sound.status, sound.body)
        self.assertLess(log.stat().st_size, 200_000, "the old log was emptied before the write")

    def test_the_control_plane_survives_a_failing_disk(self):
        self.server.write_config(OSS)
        self.server.start()
        self.faults.disk("control.db", sync=errno.EIO)
        self.assertEqual(503, self.server.call("POST", "/v1/workspaces", {"name": "lost"}).status)
        self.assertEqual(200, self.server.call("GET", "/v1/memories").status)
        self.faults.disk()
        self.assertEqual(201, self.server.call("POST", "/v1/workspaces", {"name": "kept"}).status)
        self.server.kill()
        self.server.start()
        names = {w["name"] for w in self.server.call("GET", "/v1/workspaces").body["workspaces"]}
        self.assertIn("kept", names)
        self.assertNotIn("lost", names)


class ReadOnly(unittest.TestCase):
    def test_a_read_only_data_directory_is_refused_with_its_name_and_the_reason(self):
        mounts_of_our_own()
        server = Server()
        self.addCleanup(shutil.rmtree, server.folder, ignore_errors=True)
        server.start()
        server.stop()
        mount("--bind", server.data, server.data)
        mount("-o", "remount,ro,bind", server.data)
        code, said = server.run_to_end()
        self.assertEqual(73, code, said)
        self.assertIn(str(server.data), said)
        self.assertRegex(said, r"(?i)read-only")
        self.assertIn("fix:", said)
        self.assertEqual(0, os.system(f"umount {server.data}"))


if __name__ == "__main__":
    main()
