"""What the control listener administers: the administration API put together from the parts of the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.routing import Route

from holdfast.admin.api import Api
from holdfast.admin.route import Services
from holdfast.admin.routes import ROUTES
from holdfast.authn.negotiate import Acceptor
from holdfast.authz.grants import compile_grants
from holdfast.cli.audit_log import audit_path
from holdfast.config.hosts import endpoint_of, websites_of
from holdfast.config.oidc import providers_of
from holdfast.config.settings import Settings, master_path
from holdfast.engine.api import Engine
from holdfast.identities import master
from holdfast.identities.cache import Keys
from holdfast.identities.directory import Directory
from holdfast.identities.key_service import KeyService
from holdfast.identities.master import MasterKeyError
from holdfast.identities.open_door import OpenDoor
from holdfast.identities.server_secrets import server_secret
from holdfast.identities.tenancies import Tenancies
from holdfast.observe.audit import Audit
from holdfast.observe.records import Record, find


def administration(
    engine: Engine, settings: Settings, audit: Audit | None, url: str, data_url: str, administrator: str
) -> tuple[Api, list[Route]]:
    """The administration API on an engine, and the pages where people sign in by an issuer. `url` and `data_url`: of this listener and of the data
    listener, as they are bound; `administrator`: the access key whose user everybody is where security is off.

    Errors: MasterKeyError, KerberosError, BadProvider; OSError, for certificates to trust an issuer by."""
    path = master_path(settings)
    key = master.load(path)
    if key is None:
        raise MasterKeyError(f"{path} is missing")
    directory = Directory(engine.registry, key)
    keys = Keys(engine.registry, directory, compile_grants)

    def record(request_id: str) -> Record | None:
        return find(Path(settings.data_dir), request_id, access_log=access_path(settings), audit_log=audit_path(settings))

    services = Services(
        directory=directory,
        keys=keys,
        engine=engine,
        encryption=KeyService(engine.registry, key),
        region=settings.region,
        record=record,
        open_door=None if settings.security == "on" else OpenDoor(keys, administrator),
        kerberos=Acceptor(settings.kerberos_keytab) if settings.kerberos_keytab else None,
        endpoints=tuple(endpoint_of(text) for text in settings.endpoint) or (("default", data_url),),
        domains=tuple(name.strip(".").lower() for name in settings.domain),
        oci_domain=settings.oci_domain,
        websites=websites_of("website_domain", settings.website_domain),
    )
    api = Api(ROUTES, services, audit)
    providers = providers_of(settings)
    if not providers:
        return api, []
    from holdfast.admin.pages.routes import routes  # with a client of HTTP, and JWTs: only here are they ever loaded

    async def secret() -> bytes:
        return await server_secret(engine.registry, key, "sign-in")

    return api, routes(api, services, providers, secret, settings.control_url or url, audit)


def instance_facts(engine: Engine, settings: Settings) -> Callable[[], Awaitable[dict[str, str]]]:
    """What the instance metadata says: the first tenancy, whose root is where this store stands."""

    async def facts() -> dict[str, str]:
        id = await Tenancies(engine.registry).default_id()
        return {"compartmentId": id, "tenantId": id, "region": settings.region} if id else {}

    return facts


def access_path(settings: Settings) -> Path | None:
    """The file of the access log; None where it is none."""
    if settings.access_log == "default":
        return Path(settings.data_dir) / "logs" / "access.jsonl"
    return None if settings.access_log in ("-", "off") else Path(settings.access_log)
