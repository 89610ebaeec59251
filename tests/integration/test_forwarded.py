"""X-Forwarded-For, -Proto and -Host: believed from listed proxies, ignored from everybody else."""

import http.client
import unittest

from support.engram_server import DEADLINE, Server, main, wait_until

HSTS = "strict-transport-security"


class Matrix(unittest.TestCase):
    proxies, listen, address = ["127.0.0.1", "10.0.0.0/8", "2001:db8:1::/48"], "127.0.0.1:0", "127.0.0.1"

    @classmethod
    def setUpClass(cls):
        cls.server = Server(server={"listen": cls.listen, "trusted_proxies": cls.proxies},
                            extra='[tenancy]\nbase_domain = "memory.example"\n').start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def call(self, headers, target="/healthz", key=False):
        """Headers may repeat: a list of pairs."""
        connection = http.client.HTTPConnection(self.address, self.server.port, timeout=DEADLINE)
        connection.putrequest("GET", target)
        for name, value in headers:
            connection.putheader(name, value)
        if key:
            connection.putheader("Authorization", f"Bearer {self.server.key}")
        connection.endheaders()
        response = connection.getresponse()
        response.read()
        connection.close()
        return response

    def client(self, *values):
        """The client's address in the request's log line."""
        request_id = self.call([("X-Forwarded-For", v) for v in values]).getheader("X-Request-Id")
        found = lambda: [line for line in self.server.log_lines() if line.get("request_id") == request_id]
        wait_until(found, "the line")
        return found()[0]["client"]


class Trusted(Matrix):
    def test_the_client_is_the_rightmost_hop_that_is_no_proxy(self):
        for said, client in (
                (["203.0.113.7"], "203.0.113.7"),
                (["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
                (["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
                (["203.0.113.7, 10.1.2.3"], "203.0.113.7"),
                (["198.51.100.1,203.0.113.7 ,10.1.2.3,\t10.9.9.9"], "203.0.113.7"),
                (["203.0.113.7, 2001:db8:1::5"], "203.0.113.7"),
                (["2001:DB8:2:0::7"], "2001:db8:2::7"),
                (["[2001:db8:2::7]:4711"], "2001:db8:2::7"),
                (["203.0.113.7:4711"], "203.0.113.7"),
                (["::ffff:203.0.113.7"], "203.0.113.7"),
                (["10.0.0.1, 10.0.0.2"], "10.0.0.1"),  # proxies alone: the farthest
        ):
            self.assertEqual(client, self.client(*said), said)

    def test_what_is_no_address_ends_what_is_believed(self):
        for said, client in (
                ([], "127.0.0.1"), ([""], "127.0.0.1"), (["unknown"], "127.0.0.1"), (["_hidden"], "127.0.0.1"),
                (["203.0.113.7, nonsense"], "127.0.0.1"),
                (["203.0.113.7, nonsense, 10.0.0.3"], "10.0.0.3"),
                (["203.0.113.256"], "127.0.0.1"), (["203.0.113"], "127.0.0.1"), (["[203.0.113.7"], "127.0.0.1"),
                (["," * 900], "127.0.0.1"),
                ([", ".join(["10.0.0.9"] * 500)], "10.0.0.9"),
        ):
            self.assertEqual(client, self.client(*said), said)

    def test_the_scheme_of_the_nearest_proxy(self):
        for said, secure in ((["https"], True), (["http"], False), (["http, https"], True), (["https", "http"], False),
                             ([], False), (["HTTPS"], False), (["nonsense"], False)):
            answer = self.call([("X-Forwarded-Proto", v) for v in said])
            self.assertEqual(secure, answer.getheader(HSTS) is not None, said)

    def test_the_host_names_the_tenant(self):
        for host, status in (("default.memory.example", 200), ("DEFAULT.Memory.Example:443", 200),
                             ("other.memory.example", 400), ("memory.example", 200), ("elsewhere.example", 200)):
            self.assertEqual(status, self.call([("X-Forwarded-Host", host)], "/v1/memories", key=True).status, host)
        for host in ("bad host", "a@b", "a/b"):
            self.assertEqual(400, self.call([("X-Forwarded-Host", host)]).status, host)

    def test_strangers_have_a_bucket_each(self):
        def attempts(client, n):
            return [self.call([("X-Forwarded-For", client)], "/v1/nothing").status for _ in range(n)]
        self.call([], "/healthz")
        statuses = [self.call([("X-Forwarded-For", "203.0.113.50"), ("Authorization", "Bearer wrong")],
                              "/v1/memories").status for _ in range(320)]
        self.assertIn(429, statuses)
        self.assertEqual([401], [self.call([("X-Forwarded-For", "203.0.113.51"), ("Authorization", "Bearer wrong")],
                                           "/v1/memories").status])
        self.assertEqual([404], attempts("203.0.113.52", 1))


class Untrusted(Matrix):
    proxies = ["10.0.0.0/8"]  # the test's own address is not among them

    def test_nothing_is_believed(self):
        self.assertEqual("127.0.0.1", self.client("203.0.113.7"))
        self.assertIsNone(self.call([("X-Forwarded-Proto", "https")]).getheader(HSTS))
        self.assertEqual(200, self.call([("X-Forwarded-Host", "other.memory.example")], "/v1/memories", key=True).status)
        self.assertEqual(200, self.call([("X-Forwarded-Host", "bad host")]).status)

    def test_its_own_host_names_the_tenant_in_any_case(self):
        def status(host):
            connection = http.client.HTTPConnection(self.address, self.server.port, timeout=DEADLINE)
            connection.request("GET", "/v1/memories", headers={"Host": host, "Authorization": f"Bearer {self.server.key}"})
            return connection.getresponse().status
        self.assertEqual(200, status("Default.MEMORY.example."))
        self.assertEqual(400, status("Other.memory.example"))


class Six(Matrix):
    proxies, listen, address = ["::1/128"], "[::1]:0", "::1"

    def test_a_proxy_that_comes_over_ipv6(self):
        self.assertEqual("203.0.113.7", self.client("203.0.113.7"))
        self.assertEqual("::1", self.client("::1"))
        self.assertEqual("::1", self.client())


del Matrix  # its cases are those of its children

if __name__ == "__main__":
    main()
