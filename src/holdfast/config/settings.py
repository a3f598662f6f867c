"""Every setting of the store in one frozen record: a row each, from which help, documents, environment and file reading are made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import msgspec


class About(NamedTuple):
    """What people read about a setting, and the values that it may have. `secret`: only the environment may give it."""

    group: str
    text: str
    example: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False


STORE, NET, LIMITS, S3, SIGN_IN, LOGS, FIRST = "Store", "Network", "Limits", "S3", "Sign-in", "Logs", "First start"
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. Sizes are in bytes and times in seconds, as the names say."""

    data_dir: Annotated[str, About(STORE, "Directory that holds everything: catalog, bodies, keys, logs.", "/srv/holdfast")] = "./holdfast-data"
    engine: Annotated[
        str, About(STORE, "Where the store is: a cluster's URL; without one, the data directory.",
                   "cluster://?postgres=DSN&ceph=CONF&pool=POOL")
    ] = ""  # fmt: skip
    master_key: Annotated[
        str, About(STORE, "File of the key that seals secrets at rest, the same for all gateways of a cluster; else master.key in the data.",
                   "/etc/holdfast/master.key")
    ] = ""  # fmt: skip
    inline_bytes_max: Annotated[int, About(STORE, "Bodies up to this size live in the database, larger ones in files.", "64KiB", 0, MIB)] = 32 * KIB
    sweep_interval_s: Annotated[float, About(STORE, "How often bytes that no object names (left by crashes) are looked for.", "600", 1)] = 3600.0
    sweep_age_s: Annotated[float, About(STORE, "Only strays older than this are removed.", "86400", 60)] = 86400.0
    workers: Annotated[int, About(STORE, "Gateway processes; 0 means one per core.", "4", 0, 256)] = 0

    data_listen: Annotated[str, About(NET, "Address of the S3 listener; port 0 lets the system choose.", "0.0.0.0:9000")] = "127.0.0.1:9000"
    control_listen: Annotated[str, About(NET, "Address of health, metrics and administration.", "127.0.0.1:9001")] = "127.0.0.1:9001"
    domain: Annotated[
        tuple[str, ...], About(NET, "Host names below which the first label is a bucket (virtual-host style); may be repeated.", "s3.example.org")
    ] = ("localhost", "s3.localhost")
    oci_domain: Annotated[
        str, About(NET, "Domain of OCI's hosts: objectstorage.REGION.DOMAIN, NAMESPACE.compat.objectstorage.REGION.DOMAIN, ...", "example.org")
    ] = ""
    endpoint: Annotated[
        tuple[str, ...],
        About(NET, "NAME=URL by which clients reach the store, published to them; the first is the global one, further ones for campuses.",
              "global=https://s3.example.org"),
    ] = ()  # fmt: skip
    website_domain: Annotated[
        tuple[str, ...], About(NET, "Host names below which the first labels are a bucket whose website is shown; may be repeated; "
                               "NAME=NAMESPACE for the buckets of another namespace.", "web.example.org")
    ] = ()  # fmt: skip
    website_host: Annotated[
        tuple[str, ...], About(NET, "Host names that are a bucket's whole name, whose website is shown: a name, *.DOMAIN, or * for all that have no "
                               "other meaning; may be repeated.", "www.example.com")
    ] = ()  # fmt: skip
    tls_cert: Annotated[str, About(NET, "PEM certificates of the data listener; SIGHUP reads them again.", "/etc/holdfast/cert.pem")] = ""
    tls_key: Annotated[str, About(NET, "PEM private key of the data listener.", "/etc/holdfast/key.pem")] = ""
    tls_dir: Annotated[
        str, About(NET, "Directory of more certificates, NAME.pem with NAME.key: each host name gets the one that names it.", "/etc/holdfast/tls.d")
    ] = ""
    control_tls_cert: Annotated[str, About(NET, "PEM certificate chain of the control listener.", "/etc/holdfast/cert.pem")] = ""
    control_tls_key: Annotated[str, About(NET, "PEM private key of the control listener.", "/etc/holdfast/key.pem")] = ""
    trusted_proxies: Annotated[
        tuple[str, ...], About(NET, "Addresses or networks whose X-Forwarded-For and -Proto are believed; may be repeated.", "10.0.0.0/8")
    ] = ()

    connections_max: Annotated[int, About(LIMITS, "Connections that one worker keeps open; more are closed at once.", "20000", 1)] = 10_000
    header_bytes_max: Annotated[int, About(LIMITS, "Largest request line and headers together.", "32KiB", KIB, MIB)] = 32 * KIB
    put_bytes_max: Annotated[int, About(LIMITS, "Largest body of one PUT or part.", "5GiB", 1)] = 5 * GIB
    header_timeout_s: Annotated[float, About(LIMITS, "A client that has not sent its headers by then is cut off.", "10", 0.1)] = 20.0
    body_timeout_s: Annotated[float, About(LIMITS, "A body that brings no byte for so long is given up.", "60", 0.1)] = 60.0
    idle_timeout_s: Annotated[float, About(LIMITS, "A kept-alive connection without a request is closed after so long.", "120", 0.1)] = 75.0
    drain_timeout_s: Annotated[float, About(LIMITS, "How long requests may finish after SIGTERM.", "60", 0)] = 30.0

    region: Annotated[str, About(S3, "Region that signatures must name and that buckets are in.", "eu-frankfurt-1")] = "us-east-1"
    token_transport: Annotated[
        str,
        About(
            S3, "How access tokens may come: over TLS only, in clear from this machine too, or anyhow.", "any", choices=("tls", "loopback", "any")
        ),
    ] = "loopback"  # noqa: S105
    list_extras: Annotated[bool, About(S3, "Listings carry owner and tags without being asked.", "true")] = False
    upload_expiry_s: Annotated[float, About(S3, "Multipart uploads older than this are aborted; 0 means never.", "86400", 0)] = 604800.0

    instance_metadata: Annotated[
        bool, About(S3, "The control listener answers /opc/v1/instance/compartmentId, as OCI's guides ask it.", "true")
    ] = False
    kerberos_keytab: Annotated[
        str, About(S3, "Keytab of the HTTP service: principals with a ticket may ask the control listener.", "/etc/holdfast/http.keytab")
    ] = ""
    security: Annotated[
        str, About(S3, "'off' lets everybody in as administrator on both listeners, whatever key is sent: for throw-away servers on loopback.", "off",
                   choices=("on", "off"))
    ] = "on"  # fmt: skip
    ozone_site: Annotated[str, About(S3, "Ozone's own settings file; what has no meaning here is named at the start.", "ozone-site.xml")] = ""

    control_url: Annotated[str, About(SIGN_IN, "URL by which browsers reach the control listener.", "https://store.example.org:9001")] = ""
    oidc_issuer: Annotated[str, About(SIGN_IN, "OpenID Connect issuer by which people sign in.", "https://login.example.org/realms/lab")] = ""
    oidc_title: Annotated[str, About(SIGN_IN, "What the issuer is called on the sign-in page.", "Example University")] = ""
    oidc_client_id: Annotated[str, About(SIGN_IN, "The client that this store is for the issuer.", "holdfast")] = ""
    oidc_client_secret_file: Annotated[str, About(SIGN_IN, "File with the client's secret; none for a public client.", "/etc/holdfast/oidc")] = ""
    oidc_ca_file: Annotated[str, About(SIGN_IN, "PEM certificates to trust for the issuer, instead of the system's.", "/etc/ssl/lab.pem")] = ""
    oidc_scope: Annotated[str, About(SIGN_IN, "Scopes that are asked for.", "openid profile email groups")] = "openid profile email"
    oidc_tenancy: Annotated[str, About(SIGN_IN, "Tenancy that people become users of; else that of the first start.", "acme")] = ""
    oidc_name_claim: Annotated[str, About(SIGN_IN, "Claim with the user name.", "eppn")] = "preferred_username"
    oidc_name_suffix: Annotated[str, About(SIGN_IN, "Added to each user name, to keep several issuers apart.", "-msu")] = ""
    oidc_email_claim: Annotated[str, About(SIGN_IN, "Claim with the e-mail address; it counts only if email_verified does.", "mail")] = "email"
    oidc_groups_claim: Annotated[str, About(SIGN_IN, "Claim with groups or affiliations.", "eduperson_scoped_affiliation")] = "groups"
    oidc_allow: Annotated[
        tuple[str, ...], About(SIGN_IN, "Values of that claim (* for anything) of which one is needed; may be repeated; none: all.", "*@example.org")
    ] = ()
    oidc_organisation: Annotated[
        tuple[str, ...], About(SIGN_IN, "VALUE=ORGANISATION: who has that value is enrolled there; may be repeated.", "member@example.org=physics")
    ] = ()
    oidc_group: Annotated[
        tuple[str, ...], About(SIGN_IN, "VALUE=GROUP: a group that follows that value, both ways; may be repeated.", "/admins=operators")
    ] = ()
    oidc_providers: Annotated[str, About(SIGN_IN, "TOML file with more issuers, one table [[providers]] each.", "/etc/holdfast/issuers.toml")] = ""

    log_level: Annotated[str, About(LOGS, "How much the log on stderr says.", "debug", choices=("debug", "info", "warning", "error"))] = "info"
    access_log: Annotated[str, About(LOGS, "Access log: a file, '-' for stdout, 'off'; 'default' is logs/access.jsonl in the data.", "-")] = "default"
    access_log_bytes_max: Annotated[int, About(LOGS, "The access log is rotated at this size.", "1GiB", 64 * KIB)] = 256 * MIB
    access_log_files: Annotated[int, About(LOGS, "How many rotated access logs are kept.", "10", 0, 1000)] = 4
    audit_log: Annotated[str, About(LOGS, "Audit log: a file, or 'off'; 'default' is logs/audit.jsonl in the data.", "/srv/audit.jsonl")] = "default"
    audit_log_bytes_max: Annotated[int, About(LOGS, "A file of the audit log is full at this size.", "1GiB", 64 * KIB)] = 64 * MIB
    audit_log_files: Annotated[int, About(LOGS, "How many full files of the audit log are kept.", "100", 1, 10000)] = 16

    bootstrap: Annotated[str, About(FIRST, "TOML file of users and buckets that must exist; read at every start.", "site.toml")] = ""
    root_access_key: Annotated[str, About(FIRST, "Access key of the administrator; else one is made and shown once.", "HFROOT...", secret=True)] = ""
    root_secret_key: Annotated[str, About(FIRST, "Secret of root_access_key.", "at least 8 characters", secret=True)] = ""

    def __repr__(self) -> str:
        """Without what is secret: what is printed ends up in logs."""
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if not name.startswith("root_"))
        return f"Settings({', '.join(shown)})"


def master_path(settings: Settings) -> Path:
    """Where the master key is."""
    return Path(settings.master_key or f"{settings.data_dir}/master.key")


class Row(NamedTuple):
    """One line of the table that help, documents, environment and file reading are made from."""

    name: str
    kind: Any
    default: Any
    about: About

    @property
    def env(self) -> str:
        return "HOLDFAST_" + self.name.upper()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


def _table() -> dict[str, Row]:
    hints = get_type_hints(Settings, include_extras=True)
    defaults = {field.name: field.default for field in msgspec.structs.fields(Settings)}
    return {name: Row(name, hint.__origin__, defaults[name], hint.__metadata__[0]) for name, hint in hints.items()}


TABLE: dict[str, Row] = _table()
