"""Certificates that nobody but a test believes."""

import subprocess
from pathlib import Path


def certified(folder: Path, *names: str) -> tuple[Path, Path]:
    """A certificate and its key, as files called after the first name; good for this machine too."""
    certificate, key = (folder / f"{names[0]}.{ending}" for ending in ("pem", "key"))
    alternatives = ",".join([*(f"DNS:{name}" for name in names), "IP:127.0.0.1"])
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={names[0]}"),
            *("-addext", f"subjectAltName={alternatives}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key
