"""Certificates for tests, made with the openssl program: an authority of the test's own and what it issues."""

import ssl
import subprocess
from pathlib import Path


def openssl(*arguments, stdin=None):
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, timeout=60)
    if done.returncode:
        raise AssertionError(f"openssl {arguments[0]}: {done.stderr.decode()}")
    return done.stdout


class Authority:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.certificate = self.folder / "authority.pem"
        self.key = self.folder / "authority.key"
        self.serial = 1000
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30, "-subj",
                "/CN=Test authority", "-keyout", self.key, "-out", self.certificate)

    def issue(self, name="server", key="ec", days=30, san="DNS:localhost,IP:127.0.0.1,IP:::1", password=None):
        """Files (certificate, key) of a new server certificate with CN=name; negative days make an expired one."""
        self.serial += 1
        base = self.folder / f"{name}-{self.serial}"
        certificate, private = base.with_suffix(".pem"), base.with_suffix(".key")
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else ["-newkey", key]
        request = openssl("req", "-new", *kind, "-nodes", "-subj", f"/CN={name}", "-keyout", private)
        extensions = base.with_suffix(".ext")
        extensions.write_text(f"subjectAltName={san}\nextendedKeyUsage=serverAuth\n")
        certificate.write_bytes(openssl("x509", "-req", "-CA", self.certificate, "-CAkey", self.key, "-set_serial",
                                        self.serial, "-days", days, "-extfile", extensions, stdin=request))
        if password:
            plain = private.read_bytes()
            private.write_bytes(openssl("pkey", "-aes256", "-passout", f"pass:{password}", stdin=plain))
        private.chmod(0o600)
        return certificate, private

    def client(self, **versions):
        """An SSL context that trusts this authority alone."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        for name, value in versions.items():
            setattr(context, name, value)
        return context


def replace(pair, target):
    """Puts a (certificate, key) pair where a server reads it, the way renewal programs do: each file by a rename."""
    for source, place in zip(pair, target):
        fresh = place.with_suffix(".new")
        fresh.write_bytes(source.read_bytes())
        fresh.chmod(0o600)
        fresh.rename(place)


def section(certificate, key, **more):
    lines = ["[tls]", f'certificate = "{certificate}"', f'key = "{key}"']
    return "\n".join(lines + [f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v}" for k, v in more.items()]) + "\n"
