"""A certificate of one's own, for clients that speak nothing but TLS."""

import ipaddress
import os
import subprocess
from pathlib import Path

from keepset.errors import ConfigError

__all__ = ["self_signed"]

_DAYS = "825"


def self_signed(folder: Path, host: str) -> tuple[Path, Path]:
    """Return a certificate and its key, which are made the first time.

    Args:
        folder: Where they are kept.
        host: The name or the address that the server listens on.

    Raises:
        ConfigError: They cannot be made here.
    """
    certificate, key = folder / f"serve-{_safe(host)}.crt", folder / f"serve-{_safe(host)}.key"
    if certificate.exists() and key.exists():
        return certificate, key
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=keepset serve", "-addext", f"subjectAltName={_names(host)}", "-days", _DAYS]
    command += ["-keyout", str(key), "-out", str(certificate)]
    mask = os.umask(0o077)  # the key is nobody else's
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise ConfigError(
            "--self-signed needs the program openssl, which is not on the PATH: install it, or name a certificate with"
            " --tls-cert and --tls-key"
        ) from None
    except subprocess.CalledProcessError as error:
        raise ConfigError(f"openssl could not make a certificate: {error.stderr.strip()}") from error
    finally:
        os.umask(mask)
    return certificate, key


def _safe(host: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in host)


def _names(host: str) -> str:
    names = ["DNS:localhost", "IP:127.0.0.1", "IP:::1"]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        names.append(f"DNS:{host}")
    else:
        if not address.is_unspecified:
            names.append(f"IP:{host}")
    return ",".join(dict.fromkeys(names))
