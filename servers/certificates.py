"""Certificates for tests of TLS, made once: an authority, a server's at 127.0.0.1, and a client's for `cert_user`."""

import shutil
import subprocess
from pathlib import Path

from servers import folders
from servers.errors import ServerUnavailableError
from servers.provision import run

DAYS = "3650"
KEYS = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nkeyUsage=critical,digitalSignature\n"
"""What Python 3.13 insists on."""
SERVER = f"subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n{KEYS}"
CLIENT = f"extendedKeyUsage=clientAuth\nbasicConstraints=CA:FALSE\n{KEYS}"
SIGNS = "keyUsage=critical,keyCertSign,cRLSign"


def certificates() -> Path:
    """A folder with `ca.crt`, `server.crt`, `server.key`, `client.crt` and `client.key`."""
    return folders.prepared("certificates", "authority, server, client; 2", _make)


def _make(folder: Path) -> None:
    """Make everything with openssl."""
    if shutil.which("openssl") is None:
        raise ServerUnavailableError("openssl is not here: as root on Debian or Ubuntu, apt-get install openssl")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    authority = ["-x509", "-days", DAYS, "-subj", "/CN=auth_adapters test authority", "-addext", SIGNS]
    try:
        _openssl(folder, "req", *key, *authority, "-keyout", "ca.key", "-out", "ca.crt")
        for name, subject, extensions in (("server", "localhost", SERVER), ("client", "cert_user", CLIENT)):
            (folder / f"{name}.ext").write_text(extensions, "utf-8")
            _openssl(folder, "req", *key, "-subj", f"/CN={subject}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
            signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", DAYS]
            _openssl(
                folder, "x509", "-req", "-in", f"{name}.csr", *signing, "-extfile", f"{name}.ext", "-out", f"{name}.crt"
            )
    except subprocess.CalledProcessError as error:
        raise ServerUnavailableError(f"openssl failed: {error.output}") from None
    for path in folder.glob("*.key"):
        path.chmod(0o600)


def _openssl(folder: Path, *arguments: str) -> None:
    """Run openssl; names of files are of this folder."""
    files = {path.name for path in folder.iterdir()}
    after = {"-keyout", "-out", "-in", "-CA", "-CAkey", "-extfile"}
    placed = [
        str(folder / now) if before in after and (now in files or before in {"-keyout", "-out"}) else now
        for before, now in zip(("", *arguments), arguments, strict=False)
    ]
    run(["openssl", *placed])
