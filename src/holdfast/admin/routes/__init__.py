"""The routes of the administration API, by what they are about."""

from __future__ import annotations

from holdfast.admin.route import Route
from holdfast.admin.routes import (
    api_keys,
    compartments,
    encryption_keys,
    endpoints,
    enrolments,
    explain,
    groups,
    keys,
    organisations,
    pars,
    policies,
    roles,
    secrets,
    sessions,
    sign_ins,
    tenancies,
    tokens,
    users,
    volumes,
    whoami,
)

ROUTES: tuple[Route, ...] = (
    *whoami.ROUTES,
    *sessions.ROUTES,
    *sign_ins.ROUTES,
    *tenancies.ROUTES,
    *compartments.ROUTES,
    *users.ROUTES,
    *groups.ROUTES,
    *policies.ROUTES,
    *roles.ROUTES,
    *keys.ROUTES,
    *pars.ROUTES,
    *tokens.ROUTES,
    *api_keys.ROUTES,
    *organisations.ROUTES,
    *enrolments.ROUTES,
    *explain.ROUTES,
    *secrets.ROUTES,
    *volumes.ROUTES,
    *encryption_keys.ROUTES,
    *endpoints.ROUTES,
)
