"""A self-signed certificate for localhost, made when it is needed."""

import subprocess

__all__ = ["make_certificate"]

NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"
COMMAND = (
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    *("-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", NAMES),
)


def make_certificate(folder):
    """Make a certificate and its key in a folder. Return their paths."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run([*COMMAND, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key
