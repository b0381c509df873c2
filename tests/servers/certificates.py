# SPDX-License-Identifier: MIT
"""A certificate authority of a test's own, made with openssl's command."""
import subprocess

WITHIN_S = 20
CONFIGURATION = """\
[ca]
default_ca = default
[default]
database = {directory}/index
rand_serial = yes
unique_subject = no
default_md = sha256
policy = policy
[policy]
commonName = supplied
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
"""
CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=WITHIN_S)


class Authority:
    """`bundle` is what its friends trust; `issue` makes certificates for servers."""

    def __init__(self, directory, name="a test's authority"):
        directory.mkdir()
        self.directory = directory
        self.bundle = directory / "authority.pem"
        self.configuration = directory / "openssl.cnf"
        self.configuration.write_text(CONFIGURATION.format(directory=directory))
        (directory / "index").write_text("")
        openssl("req", "-x509", *CURVE, "-config", str(self.configuration), "-extensions",
                "authority", "-subj", f"/CN={name}", "-days", "3650",
                "-keyout", str(directory / "key.pem"), "-out", str(self.bundle))

    def issue(self, name="localhost", start="20200101000000Z", end="20491231235959Z"):
        """The path of a PEM file with a certificate for that host name, and its key."""
        request, certificate = self.directory / "request", self.directory / "certificate"
        key, both = self.directory / "server-key.pem", self.directory / f"{name}-{start}-{end}.pem"
        extensions = self.directory / "extensions"
        extensions.write_text(f"subjectAltName = DNS:{name}\n")
        openssl("req", "-new", *CURVE, "-config", str(self.configuration), "-subj",
                f"/CN={name}", "-keyout", str(key), "-out", str(request))
        openssl("ca", "-batch", "-notext", "-config", str(self.configuration),
                "-cert", str(self.bundle), "-keyfile", str(self.directory / "key.pem"),
                "-startdate", start, "-enddate", end, "-extfile", str(extensions),
                "-outdir", str(self.directory), "-in", str(request), "-out", str(certificate))
        both.write_text(certificate.read_text() + key.read_text())
        return both
