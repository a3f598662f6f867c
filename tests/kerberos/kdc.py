"""A real MIT KDC of the tests' own: its database, its ports and its keytabs in one folder, as an ordinary user."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

REALM = "EXAMPLE.COM"
DEBIAN = Path("/usr/lib/python3/dist-packages")
"""Where Debian's python3-gssapi is."""
_SBIN = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def why_not() -> str:
    """"" when a KDC can be started here, else what is missing."""
    for program in ("krb5kdc", "kdb5_util", "kadmin.local", "kinit"):
        if shutil.which(program, path=_SBIN) is None:
            return f"{program} is not installed"
    if sys.version_info[:2] != (3, 11) or not (DEBIAN / "gssapi").is_dir():
        return "Debian's python3-gssapi for Python 3.11 is not installed"
    return ""


class Kdc:
    """One realm. `env` is what its clients and services need."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True)
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
        (home / "krb5.conf").write_text(
            f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n"
            f" dns_canonicalize_hostname = false\n udp_preference_limit = 1\n[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
            f"[domain_realm]\n localhost = {REALM}\n 127.0.0.1 = {REALM}\n"
        )
        (home / "kdc.conf").write_text(
            f"[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n[realms]\n {REALM} = {{\n"
            f"  database_name = {home}/principal\n  key_stash_file = {home}/stash\n  acl_file = {home}/kadm5.acl\n }}\n"
            f"[logging]\n kdc = FILE:{home}/kdc.log\n"
        )
        self.packages = home / "packages"
        self.packages.mkdir()
        for name in ("gssapi", "decorator.py"):
            (self.packages / name).symlink_to(DEBIAN / name)
        self.env = {
            "KRB5_CONFIG": str(home / "krb5.conf"), "KRB5_KDC_PROFILE": str(home / "kdc.conf"), "KRB5CCNAME": f"FILE:{home}/cache",
            "KRB5RCACHENAME": f"dfl:{home}", "PATH": _SBIN,
        }  # fmt: skip
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master-password-of-a-test")
        self.process = subprocess.Popen(["krb5kdc", "-n"], env={**os.environ, **self.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)

    def run(self, *command: str) -> str:
        ran = subprocess.run(command, env={**os.environ, **self.env}, capture_output=True, text=True, timeout=30)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def principal(self, name: str) -> Path:
        """A principal with a random key, in a keytab."""
        keytab = self.home / (name.replace("/", "_").partition("@")[0] + ".keytab")
        self.run("kadmin.local", "-r", REALM, "-q", f"addprinc -randkey {name}")
        self.run("kadmin.local", "-r", REALM, "-q", f"ktadd -k {keytab} {name}")
        return keytab

    def kinit(self, keytab: Path, name: str) -> None:
        self.run("kinit", "-kt", str(keytab), name)

    def kdestroy(self) -> None:
        (self.home / "cache").unlink(missing_ok=True)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
