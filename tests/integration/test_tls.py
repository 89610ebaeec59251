"""TLS of the API's listener: what is negotiated, what is refused, hostile handshakes, certificates and the command line."""

import os
import random
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest
from pathlib import Path

from support.certificates import Authority, replace, section
from support.engram_server import DEADLINE, OSS, Server, main, read_answers, read_to_end, split_answers, wait_until

EX_CONFIG, EX_UNAVAILABLE = 78, 69
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
GET_AND_CLOSE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class WithTls(unittest.TestCase):
    key, server_settings, tls_settings, plugins = "ec", {}, {}, None

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="engram-tls-"))
        cls.authority = Authority(cls.folder)
        cls.files = cls.authority.issue(key=cls.key)
        cls.server = Server(cls.plugins, cls.server_settings, extra=section(*cls.files, **cls.tls_settings))
        cls.server.trust = cls.authority.client()
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)
        shutil.rmtree(cls.folder)

    def connect(self, context=None, name="localhost", session=None):
        return (context or self.server.trust).wrap_socket(self.server.connect(), server_hostname=name, session=session)

    def s_client(self, *arguments, stdin=b""):
        """What `openssl s_client` says: its output and whether it got through the handshake."""
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.server.port}", "-CAfile",
                               str(self.authority.certificate), *arguments], input=stdin, capture_output=True, timeout=60)
        out = (done.stdout + done.stderr).decode(errors="replace")
        return out, "Cipher is (NONE)" not in out and "New, " in out

    def exchange(self, connection, request=GET_AND_CLOSE):
        connection.sendall(request)
        return read_answers(connection)


class Negotiation(WithTls):
    def test_the_greeting_says_https_and_every_kind_of_request_works(self):
        self.assertTrue(self.server.url.startswith("https://"))
        made = self.server.call("POST", "/v1/memories", {"content": "tea over TLS"})
        self.assertEqual(201, made.status)
        self.assertEqual(200, self.server.call("GET", "/v1/memories/" + made.body["memory"]["id"]).status)
        found = self.server.call("POST", "/v1/search", {"query": "tea over TLS"}).body["results"]
        self.assertEqual("tea over TLS", found[0]["memory"]["content"])
        self.assertEqual(401, self.server.call("GET", "/v1/memories", key=False).status)
        self.assertEqual(200, self.server.admin("/readyz").status)
        self.assertEqual(0, self.server.cli("memory", "list")[0], "the local socket stays plain")

    def test_versions(self):
        for version in ("-tls1_2", "-tls1_3"):
            self.assertTrue(self.s_client(version)[1], version)
        for version in ("-tls1", "-tls1_1"):
            out, through = self.s_client(version, "-cipher", "ALL:@SECLEVEL=0")
            self.assertFalse(through, out)

    def test_ciphers(self):
        for cipher in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"):
            out, through = self.s_client("-tls1_2", "-cipher", cipher)
            self.assertTrue(through and f"Cipher is {cipher}" in out, cipher)
        for cipher in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-CCM", "AES128-GCM-SHA256",
                       "DHE-RSA-AES128-GCM-SHA256", "AECDH-AES128-SHA", "ECDHE-ECDSA-NULL-SHA", "PSK-AES128-GCM-SHA256"):
            self.assertFalse(self.s_client("-tls1_2", "-cipher", cipher + ":@SECLEVEL=0")[1], cipher)
        for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"):
            self.assertTrue(self.s_client("-tls1_3", "-ciphersuites", suite)[1], suite)
        self.assertFalse(self.s_client("-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256")[1])

    def test_groups(self):
        for group in ("X25519", "P-256", "P-384"):
            self.assertTrue(self.s_client("-groups", group)[1], group)
        for group in ("P-521", "ffdhe2048"):
            self.assertFalse(self.s_client("-groups", group)[1], group)

    def test_no_compression_and_no_renegotiation(self):
        out, _ = self.s_client("-tls1_2")
        self.assertIn("Compression: NONE", out)
        self.assertIn("Secure Renegotiation IS supported", out)
        # "R" asks for a renegotiation; the request behind it must not be answered on a renegotiated connection.
        out, _ = self.s_client("-tls1_2", stdin=b"R\n")
        self.assertIn("RENEGOTIATING", out)
        self.assertRegex(out, "no renegotiation|handshake failure|unexpected message")

    def test_alpn(self):
        for offered, chosen in ((["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"), (None, None)):
            context = self.authority.client()
            if offered:
                context.set_alpn_protocols(offered)
            with self.connect(context) as connection:
                self.assertEqual(chosen, connection.selected_alpn_protocol())
                self.assertEqual(200, self.exchange(connection)[0].status)
        context = self.authority.client()
        context.set_alpn_protocols(["h2"])
        with self.assertRaisesRegex(ssl.SSLError, "(?i)no_?application_?protocol|no application protocol"):
            self.connect(context)

    def test_server_names(self):
        with self.connect(name="localhost") as connection:
            self.assertEqual(200, self.exchange(connection)[0].status)
        with self.connect(name="127.0.0.1") as connection:  # no name is sent for an address
            self.assertEqual(200, self.exchange(connection)[0].status)
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.connect(name="elsewhere.example")
        self.assertTrue(self.s_client("-noservername")[1])

    def test_sessions_are_resumed(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.authority.client(minimum_version=version, maximum_version=version)
            with self.connect(context) as connection:
                self.exchange(connection)
                session = connection.session
            with self.connect(context, session=session) as connection:
                self.assertTrue(connection.session_reused, version)
                self.assertEqual(200, self.exchange(connection)[0].status)

    def test_a_connection_ends_with_close_notify(self):
        raw = self.server.connect()
        with self.server.trust.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False) as connection:
            connection.sendall(GET_AND_CLOSE)
            while connection.recv(65536):  # a ragged end would raise
                pass

    def test_pipelined_requests_and_100_continue(self):
        with self.connect() as connection:
            self.assertEqual([200] * 20, [a.status for a in self.exchange(connection, GET * 19 + GET_AND_CLOSE)])
        body = b'{"content":"after 100"}'
        head = (f"POST /v1/memories HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.server.key}\r\nExpect: 100-continue\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode()
        with self.connect() as connection:
            connection.sendall(head)
            self.assertIn(b"100 Continue", connection.recv(65536))
            self.assertEqual(201, self.exchange(connection, body)[0].status)

    def test_large_bodies_both_ways(self):
        text = "".join(random.Random(3).choices("abcdefghij ", k=900_000))
        made = [self.server.call("POST", "/v1/memories", {"content": text, "workspace": "large"}) for _ in range(4)]
        self.assertEqual({201}, {m.status for m in made})
        target = f"/v1/memories?workspace=large HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.server.key}\r\nConnection: close\r\n\r\n"
        with self.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # the answer comes in many pieces
            connection.sendall(b"GET " + target.encode())
            data = b""
            while more := connection.recv(65536):
                data += more
        self.assertEqual([text] * 4, [m["content"] for m in split_answers(data)[0].body["memories"]])

    def test_hsts_is_on_every_answer_over_tls(self):
        for answer in (self.server.call("GET", "/healthz", key=False), self.server.call("GET", "/v1/nothing"),
                       self.server.call("GET", "/v1/memories")):
            self.assertEqual("max-age=63072000", answer.headers["strict-transport-security"])
        with self.connect() as connection:
            refused = self.exchange(connection, b"GET / HTTP/1.1\r\n\r\n")[0]
        self.assertEqual(400, refused.status)
        self.assertIn("strict-transport-security", refused.headers)
        self.assertNotIn("strict-transport-security", self.server.admin("/healthz").headers)

    def test_http_on_the_port_is_told_so(self):
        for method in ("GET", "POST", "HEAD", "PUT"):
            answers = self.server.raw(f"{method} /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
            self.assertEqual(400, answers[0].status)
            self.assertNotIn("strict-transport-security", answers[0].headers)
            if method != "HEAD":
                self.assertEqual("tls_required", answers[0].body["code"])
        with self.server.connect() as connection:
            connection.sendall(b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertNotIn(b"200 OK", read_to_end(connection))
        self.assertGreaterEqual(self.server.metric("refused_total", code="tls_required"), 4)


class Rsa(WithTls):
    key = "rsa:2048"

    def test_ciphers_of_rsa_certificates(self):
        for cipher in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"):
            self.assertTrue(self.s_client("-tls1_2", "-cipher", cipher)[1], cipher)
        for cipher in ("AES128-GCM-SHA256", "AES256-SHA", "DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA"):
            self.assertFalse(self.s_client("-tls1_2", "-cipher", cipher + ":@SECLEVEL=0")[1], cipher)
        self.assertTrue(self.s_client("-tls1_3")[1])


class Hostile(WithTls):
    server_settings = {"header_seconds": 1}
    tls_settings = {"hsts_seconds": 0}

    def hello(self):
        """The bytes of a real ClientHello."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.server.trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        return outgoing.read()

    def answers(self):
        with self.connect() as connection:
            answer = self.exchange(connection)[0]
        self.assertNotIn("strict-transport-security", answer.headers)
        return answer.status

    def test_slow_and_silent_handshakes_end_at_their_deadline_and_disturb_nobody(self):
        hello = self.hello()
        silent = [self.server.connect() for _ in range(10)]
        slow = [self.server.connect() for _ in range(10)]
        for connection in slow:
            connection.sendall(hello[:40])
        self.assertEqual(200, self.answers())
        for connection in silent + slow:
            self.assertNotIn(b"HTTP", read_to_end(connection))  # closed by the server
            connection.close()
        wait_until(lambda: self.server.metric("http_connections") <= 1, "the connections to be gone")

    def test_garbage_and_broken_hellos(self):
        hello, dice = self.hello(), random.Random(11)
        attempts = [dice.randbytes(dice.randint(1, 3000)) for _ in range(60)]
        attempts += [hello[:n] for n in range(1, len(hello), max(1, len(hello) // 40))]
        for _ in range(200):
            broken = bytearray(hello)
            for _ in range(dice.randint(1, 8)):
                broken[dice.randrange(len(broken))] = dice.randrange(256)
            attempts.append(bytes(broken))
        attempts += [hello + hello, hello + dice.randbytes(500), b"\x16\x03\x01\xff\xff" + b"a" * 70000]
        for attempt in attempts:
            with self.server.connect() as connection:
                try:
                    connection.sendall(attempt)
                    connection.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                self.assertNotIn(b"200 OK", read_to_end(connection))
        self.assertEqual(200, self.answers())
        self.assertGreater(self.server.metric("refused_total", code="tls_handshake"), 0)

    def test_garbage_after_the_handshake(self):
        for garbage in (b"\x17\x03\x03\x00\x10" + b"x" * 16, b"\x00" * 100, b"\x15\x03\x03\x00\x02\x02\x28"):
            raw = self.server.connect()
            connection = self.server.trust.wrap_socket(raw, server_hostname="localhost")
            descriptor = os.dup(connection.fileno())
            os.write(descriptor, garbage)
            with socket.socket(fileno=descriptor) as plain:
                plain.settimeout(DEADLINE)
                self.assertNotIn(b"200 OK", read_to_end(plain))
            connection.close()
        self.assertEqual(200, self.answers())

    def test_a_connection_cut_at_any_moment(self):
        for _ in range(40):
            raw = self.server.connect()
            connection = self.server.trust.wrap_socket(raw, server_hostname="localhost")
            connection.sendall(GET * 3)
            raw_fd = connection.detach()
            os.close(raw_fd)
        self.assertEqual(200, self.answers())


class Crowded(WithTls):
    server_settings = {"max_connections_per_peer": 30}

    def test_handshakes_count_as_connections(self):
        held = [self.server.connect() for _ in range(30)]
        with self.server.connect() as one_more:
            self.assertEqual(b"", read_to_end(one_more))
        for connection in held:
            connection.close()
        wait_until(lambda: self.reachable(), "room for a connection")
        self.assertGreaterEqual(self.server.metric("http_refused_connections"), 1)

    def reachable(self):
        try:
            return self.server.call("GET", "/healthz", key=False).status == 200
        except OSError:
            return False


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="engram-tls-"))
        self.authority = Authority(self.folder)
        self.addCleanup(shutil.rmtree, self.folder)

    def refused(self, text, *mentions, env=None):
        it = Server(extra=text, env=env)
        try:
            code, said = it.run_to_end()
            self.assertEqual(EX_CONFIG, code, said)
            for mention in (*mentions, "fix:"):
                self.assertIn(mention, said)
            return said
        finally:
            shutil.rmtree(it.folder)

    def test_a_key_that_others_may_read(self):
        certificate, key = self.authority.issue()
        for mode in (0o644, 0o604, 0o660):
            key.chmod(mode)
            self.refused(section(certificate, key), str(key), f"chmod 600 {key}")

    def test_half_a_pair(self):
        certificate, key = self.authority.issue()
        self.refused(f'[tls]\ncertificate = "{certificate}"\n', "tls.key")
        self.refused(f'[tls]\nkey = "{key}"\n', "tls.certificate")

    def test_files_that_are_not_what_they_should_be(self):
        certificate, key = self.authority.issue()
        other = self.authority.issue()[1]
        self.refused(section(certificate, other), "does not belong to")
        self.refused(section(key, key), "no certificate")
        self.refused(section(certificate, self.folder / "missing.key"), "missing.key", "No such file")
        junk = self.folder / "junk.key"
        junk.write_text("junk")
        junk.chmod(0o600)
        self.refused(section(certificate, junk), "no private key")
        self.refused(section(junk, key), "no certificate")
        junk.write_text("")
        self.refused(section(junk, key), "is empty")
        self.refused(section(self.folder, key), str(self.folder))

    def test_a_weak_key(self):
        self.refused(section(*self.authority.issue(key="rsa:1024")), "refused", "2048")

    def test_an_encrypted_key_needs_its_password_from_elsewhere(self):
        certificate, key = self.authority.issue(password="correct horse")
        self.refused(section(certificate, key), "is encrypted", "tls.key_password")
        said = self.refused(section(certificate, key, key_password="correct horse"), "written out", "${file:")
        self.assertNotIn("correct horse", said)
        secret = self.folder / "password"
        secret.write_text("wrong")
        secret.chmod(0o600)
        self.refused(section(certificate, key, key_password=f"${{file:{secret}}}"), "does not open")
        secret.write_text("correct horse")
        with self.server(section(certificate, key, key_password=f"${{file:{secret}}}")) as server:
            self.assertEqual(200, server.call("GET", "/healthz", key=False).status)

    def server(self, text, **more):
        server = Server(extra=text, **more)
        server.trust = self.authority.client()
        return server

    def test_an_expired_certificate_is_used_and_warned_of(self):
        server = self.server(section(*self.authority.issue(days=-1)))
        server.trust = ssl._create_unverified_context()
        with server:
            self.assertEqual(200, server.call("GET", "/healthz", key=False).status)
            wait_until(lambda: "the certificate has expired" in server.log_text(), "the warning")

    def serves(self, server):
        """Common name of the certificate that a new connection gets."""
        with server.trust.wrap_socket(server.connect(), server_hostname="localhost") as connection:
            return dict(pair[0] for pair in connection.getpeercert()["subject"])["commonName"]

    def test_a_new_certificate_is_found_and_a_bad_one_is_not_taken_over(self):
        place = self.folder / "live.pem", self.folder / "live.key"
        replace(self.authority.issue("first"), place)
        with self.server(section(*place, check_seconds=1)) as server:
            self.assertEqual("first", self.serves(server))
            before = server.metric("tls_certificate_expiry_seconds")
            kept = server.client()
            kept.request("GET", "/healthz")
            kept.getresponse().read()
            replace(self.authority.issue("second", days=60), place)
            wait_until(lambda: self.serves(server) == "second", "the new certificate")
            self.assertGreater(server.metric("tls_certificate_expiry_seconds"), before + 86400)
            kept.request("GET", "/healthz")  # on the connection from before
            self.assertEqual(200, kept.getresponse().status)

            failures = server.metric("tls_reload_failures_total")
            place[0].write_text("no certificate")
            wait_until(lambda: server.metric("tls_reload_failures_total") > failures, "the failure")
            self.assertEqual("second", self.serves(server))
            wait_until(lambda: "the new certificate was not taken over" in server.log_text(), "the log")
            wait_until(lambda: "has no certificate" in server.log_text(), "the line in the log")
            replace(self.authority.issue("third"), place)
            wait_until(lambda: self.serves(server) == "third", "the third certificate")

    def test_a_new_certificate_is_found_although_a_reload_that_read_it_was_refused(self):
        place = self.folder / "live.pem", self.folder / "live.key"
        replace(self.authority.issue("first"), place)
        tls = section(*place, check_seconds=3)
        with self.server(tls) as server:
            server.write_config(OSS, extra=tls + '[log]\nfile = "/nowhere/at/all"\n')
            replace(self.authority.issue("second"), place)
            self.assertNotEqual(0, server.cli("config", "reload")[0])
            wait_until(lambda: self.serves(server) == "second", "the new certificate")

    def test_a_session_is_resumed_after_a_new_certificate(self):
        place = self.folder / "live.pem", self.folder / "live.key"
        replace(self.authority.issue("first"), place)
        with self.server(section(*place)) as server:
            def connect(session=None):
                return server.trust.wrap_socket(server.connect(), server_hostname="localhost", session=session)
            with connect() as connection:
                connection.sendall(GET)
                connection.recv(65536)
                session = connection.session
            replace(self.authority.issue("second"), place)
            self.assertEqual(0, server.cli("config", "reload")[0])
            self.assertEqual("second", self.serves(server))
            with connect(session) as connection:
                self.assertTrue(connection.session_reused)

    def test_the_command_line_speaks_https_and_verifies(self):
        with self.server(section(*self.authority.issue())) as server:
            key = {"ENGRAM_KEY": server.key}
            trusted = ("--ca-file", self.authority.certificate)
            for host in ("localhost", "127.0.0.1"):
                url = f"https://{host}:{server.port}"
                code, out, err = server.cli("memory", "add", f"over {host}", "--url", url, *trusted, env=key)
                self.assertEqual(0, code, err)
            url = f"https://localhost:{server.port}"
            self.assertIn("over 127.0.0.1", server.cli("memory", "list", "--url", url, *trusted, env=key)[1])
            by_variable = {**key, "ENGRAM_URL": url, "ENGRAM_CA_FILE": str(self.authority.certificate)}
            self.assertEqual(0, server.cli("memory", "list", env=by_variable)[0])
            code, _, err = server.cli("memory", "list", "--url", url, env=key)
            self.assertEqual(EX_UNAVAILABLE, code)
            self.assertIn("is not trusted", err)
            self.assertIn("--ca-file", err)
            code, _, err = server.cli("memory", "list", "--url", f"http://localhost:{server.port}", env=key)
            self.assertNotEqual(0, code)
            self.assertIn("TLS", err)
        with self.server(section(*self.authority.issue(san="DNS:elsewhere.example"))) as server:
            code, _, err = server.cli("memory", "list", "--url", f"https://localhost:{server.port}", *trusted,
                                      env={"ENGRAM_KEY": server.key or "none"})
            self.assertEqual(EX_UNAVAILABLE, code)
            self.assertIn("ostname mismatch", err)
            self.assertIn("use a name in the URL", err)

    def test_beyond_loopback_with_tls(self):
        with self.server(section(*self.authority.issue()), server={"listen": "0.0.0.0:0"}) as server:
            self.assertEqual(200, server.call("GET", "/healthz", key=False).status)


if __name__ == "__main__":
    main()
