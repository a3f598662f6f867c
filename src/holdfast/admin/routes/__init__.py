"""The routes of the administration API, by what they are about."""

from __future__ import annotations

from holdfast.admin.route import Route
from holdfast.admin.routes import compartments, groups, keys, pars, policies, users, whoami

ROUTES: tuple[Route, ...] = (
    *whoami.ROUTES,
    *compartments.ROUTES,
    *users.ROUTES,
    *groups.ROUTES,
    *policies.ROUTES,
    *keys.ROUTES,
    *pars.ROUTES,
)
