"""What no single setting can know: pairs, addresses, forms, files that must be there."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from holdfast.config import hosts, oidc
from holdfast.config.settings import Settings
from holdfast.config.values import ConfigError, address, is_loopback

_REGION = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?\Z")
_ACCESS_KEY = re.compile(r"[A-Za-z0-9_.-]{3,128}\Z")


def check(settings: Settings) -> None:
    """Errors: ConfigError."""
    for name in ("data_listen", "control_listen"):
        try:
            address(getattr(settings, name))
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from None
    if settings.data_listen == settings.control_listen and address(settings.data_listen)[1]:
        raise ConfigError(f"data_listen and control_listen are both {settings.data_listen}; they need two addresses")
    for cert, key in (("tls_cert", "tls_key"), ("control_tls_cert", "control_tls_key")):
        if bool(getattr(settings, cert)) != bool(getattr(settings, key)):
            raise ConfigError(f"{cert} and {key} belong together; only one is set")
        for name in (cert, key):
            path = getattr(settings, name)
            if path and not Path(path).is_file():
                raise ConfigError(f"{name}: there is no file {path}")
    if settings.tls_dir and not (settings.tls_cert and Path(settings.tls_dir).is_dir()):
        raise ConfigError(f"tls_dir: there is no directory {settings.tls_dir}" if settings.tls_cert else "tls_dir needs tls_cert and tls_key too")
    if settings.security == "off":
        for name in ("data_listen", "control_listen"):
            if not is_loopback(address(getattr(settings, name))[0]):
                raise ConfigError(f"security off lets everybody in: {name} must be a loopback address such as 127.0.0.1:9000 then")
    for network in settings.trusted_proxies:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise ConfigError(f"trusted_proxies: {network!r} is neither an address nor a network such as 10.0.0.0/8") from None
    if settings.kerberos_keytab and not Path(settings.kerberos_keytab).is_file():
        raise ConfigError(f"kerberos_keytab: there is no file {settings.kerberos_keytab}")
    try:
        oidc.check_url(settings.control_url or "https://host")
        oidc.providers_of(settings, secrets=False)
        hosts.check(settings)
    except (oidc.BadProvider, hosts.BadHost) as error:
        raise ConfigError(str(error)) from None
    if settings.bootstrap and not Path(settings.bootstrap).is_file():
        raise ConfigError(f"bootstrap: there is no file {settings.bootstrap}")
    if not _REGION.match(settings.region):
        raise ConfigError(f"region: {settings.region!r} is not a region name (lower-case letters, digits, hyphens)")
    if bool(settings.root_access_key) != bool(settings.root_secret_key):
        raise ConfigError("HOLDFAST_ROOT_ACCESS_KEY and HOLDFAST_ROOT_SECRET_KEY belong together; only one is set")
    if settings.root_access_key and not _ACCESS_KEY.match(settings.root_access_key):
        raise ConfigError("HOLDFAST_ROOT_ACCESS_KEY may have 3 to 128 letters, digits, '_', '.' and '-'")
    if settings.root_secret_key and len(settings.root_secret_key) < 8:
        raise ConfigError("HOLDFAST_ROOT_SECRET_KEY needs at least 8 characters")
