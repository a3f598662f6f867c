"""The commands of `holdfast admin` as a table: what each sends where, and what people read about it."""

from __future__ import annotations

from typing import NamedTuple


class Option(NamedTuple):
    """One option. `place`: "path", "query" or "body", under `name`. `kind`: "text", "json", "flag", "number"; `default` counts for "path" only.

    Options of one command with the same `one_of` exclude each other; if it ends with "!", one is needed.
    """

    flag: str
    place: str
    name: str
    says: str
    required: bool = False
    kind: str = "text"
    choices: tuple[str, ...] = ()
    one_of: str = ""
    default: str = ""
    metavar: str = "NAME"


class Command(NamedTuple):
    """One command. `once` names the member of the answer that is shown only once; `pages`: a list, fetched whole."""

    noun: str
    verb: str
    method: str
    path: str
    says: str
    options: tuple[Option, ...] = ()
    example: str = ""
    once: str = ""
    pages: bool = False

    @property
    def asks(self) -> bool:
        return self.method == "DELETE"


class Noun(NamedTuple):
    """What commands are about."""

    name: str
    says: str


NOUNS = (
    Noun("compartment", "folders of the tenancy, the scope of policies and roles"),
    Noun("user", "people who have keys, passwords and memberships"),
    Noun("service-account", "programs that have keys and roles, and live in a compartment"),
    Noun("group", "users that policies name together"),
    Noun("policy", "statements that say which group may do what, and where"),
    Noun("key", "static keys (customer secret keys): access key and secret for S3"),
)


def _name(place: str, what: str) -> Option:
    return Option("--name", "path", place, f"name or OCID of the {what}", required=True)


def _text(flag: str, says: str, *, required: bool = False, metavar: str = "TEXT") -> Option:
    return Option(flag, "body", flag.removeprefix("--new-").removeprefix("--"), says, required=required, metavar=metavar)


_NEW_NAME = Option("--name", "body", "name", "its name", required=True)
_OTHER_NAME = Option("--new-name", "body", "name", "another name")
_DESCRIPTION = _text("--description", "what it is for")
_STATUS = Option("--status", "body", "status", "INACTIVE: nothing of it is accepted, until it is ACTIVE again", choices=("ACTIVE", "INACTIVE"))
_COMPARTMENT = Option("--compartment", "body", "compartment", "path (a:b) or OCID of the compartment; else the root", metavar="PATH")
_PATH = _name("compartment", "compartment, or its path (a:b)")
_KEY_ID = Option("--id", "path", "key", "the access key", required=True, metavar="ACCESS-KEY")
_WHOSE = (
    Option("--user", "path", "user", "whose; else your own", one_of="whose", default="~"),
    Option("--service-account", "path", "user", "whose, for a service account", one_of="whose"),
)
_STATEMENTS = "the statements, as a JSON list of texts"

_COMPARTMENTS = (
    Command("compartment", "create", "POST", "/compartments", "make a compartment", (
        _NEW_NAME, Option("--parent", "body", "parent", "path (a:b) or OCID of the one that it is in; else the root", metavar="PATH"), _DESCRIPTION,
    ), "holdfast admin compartment create --name photos"),
    Command("compartment", "list", "GET", "/compartments", "list compartments", pages=True),
    Command("compartment", "get", "GET", "/compartments/{compartment}", "show a compartment", (_PATH,)),
    Command("compartment", "update", "PUT", "/compartments/{compartment}", "change, rename or move a compartment", (
        _PATH, _OTHER_NAME, _DESCRIPTION,
        Option("--parent", "body", "parent", "where it goes: path or OCID", metavar="PATH"),
    )),
    Command("compartment", "delete", "DELETE", "/compartments/{compartment}", "delete an empty compartment", (_PATH,)),
)  # fmt: skip
_USERS = (
    Command("user", "create", "POST", "/users", "make a user; policies say what he may do", (
        _NEW_NAME, _DESCRIPTION, _text("--email", "e-mail address", metavar="ADDRESS"), _text("--display-name", "the name that others see"),
        Option("--rights", "body", "rights", "own-buckets: may make and use buckets without a policy", choices=("none", "own-buckets")),
    ), "holdfast admin user create --name ann --email ann@example.org"),
    Command("user", "list", "GET", "/users", "list users", pages=True, example='holdfast admin user list --query "data[].name"'),
    Command("user", "get", "GET", "/users/{user}", "show a user", (_name("user", "user"),),
            "holdfast admin user get --name ann --query data.id --raw-output"),
    Command("user", "update", "PUT", "/users/{user}", "change a user", (
        _name("user", "user"), _OTHER_NAME, _DESCRIPTION, _text("--email", "e-mail address", metavar="ADDRESS"),
        _text("--display-name", "the name that others see"), _STATUS,
    ), "holdfast admin user update --name ann --status INACTIVE"),
    Command("user", "delete", "DELETE", "/users/{user}", "delete a user with all credentials; buckets stay", (_name("user", "user"),)),
    Command("service-account", "create", "POST", "/service-accounts", "make a service account", (_NEW_NAME, _COMPARTMENT, _DESCRIPTION),
            "holdfast admin service-account create --name robot --compartment photos"),
    Command("service-account", "list", "GET", "/service-accounts", "list service accounts", pages=True),
    Command("service-account", "get", "GET", "/service-accounts/{service-account}", "show a service account", (
        _name("service-account", "service account"),
    )),
    Command("service-account", "update", "PUT", "/service-accounts/{service-account}", "change a service account", (
        _name("service-account", "service account"), _OTHER_NAME, _DESCRIPTION, _STATUS,
    )),
    Command("service-account", "delete", "DELETE", "/service-accounts/{service-account}", "delete a service account with its keys", (
        _name("service-account", "service account"),
    )),
)  # fmt: skip
_GROUP = Option("--group", "path", "group", "name or OCID of the group", required=True)
_GROUPS = (
    Command("group", "create", "POST", "/groups", "make a group", (_NEW_NAME, _DESCRIPTION), "holdfast admin group create --name writers"),
    Command("group", "list", "GET", "/groups", "list groups", pages=True),
    Command("group", "get", "GET", "/groups/{group}", "show a group", (_name("group", "group"),)),
    Command("group", "update", "PUT", "/groups/{group}", "change a group", (_name("group", "group"), _OTHER_NAME, _DESCRIPTION)),
    Command("group", "delete", "DELETE", "/groups/{group}", "delete a group that nobody is in", (_name("group", "group"),)),
    Command("group", "list-users", "GET", "/groups/{group}/members", "list who is in a group", (_GROUP,)),
    Command("group", "add-user", "POST", "/groups/{group}/members", "add a user or service account to a group", (
        _GROUP, Option("--user", "body", "user", "name or OCID of the user", required=True),
    ), "holdfast admin group add-user --group writers --user ann"),
    Command("group", "remove-user", "DELETE", "/groups/{group}/members/{user}", "take a user out of a group", (
        _GROUP, Option("--user", "path", "user", "name or OCID of the user", required=True),
    )),
)  # fmt: skip
_POLICIES = (
    Command("policy", "create", "POST", "/policies", "make a policy, attached to a compartment", (
        _NEW_NAME, Option("--statements", "body", "statements", _STATEMENTS, required=True, kind="json", metavar="JSON"), _COMPARTMENT, _DESCRIPTION,
        _text("--version-date", "the version of the language, YYYY-MM-DD", metavar="DATE"),
    ), """holdfast admin policy create --name writers --statements '["Allow group writers to manage objects in compartment photos"]'"""),
    Command("policy", "list", "GET", "/policies", "list policies", pages=True),
    Command("policy", "get", "GET", "/policies/{policy}", "show a policy", (_name("policy", "policy"),)),
    Command("policy", "update", "PUT", "/policies/{policy}", "change a policy", (
        _name("policy", "policy"), _OTHER_NAME, Option("--statements", "body", "statements", _STATEMENTS, kind="json", metavar="JSON"), _DESCRIPTION,
        _text("--version-date", "the version of the language, YYYY-MM-DD", metavar="DATE"),
    )),
    Command("policy", "delete", "DELETE", "/policies/{policy}", "delete a policy: what it gave is gone at once", (_name("policy", "policy"),)),
)  # fmt: skip
_KEYS = (
    Command("key", "create", "POST", "/users/{user}/keys", "make a key; its secret (data.key) is shown only now", (
        *_WHOSE, _text("--display-name", "what it is for"),
        _text("--expires", "when it ends: 2030-01-31T12:00:00Z; else never", metavar="TIME"),
    ), "holdfast admin key create --user ann", once="key"),
    Command("key", "list", "GET", "/users/{user}/keys", "list keys, without secrets", _WHOSE),
    Command("key", "get", "GET", "/keys/{key}", "show a key, without its secret", (_KEY_ID,)),
    Command("key", "update", "PUT", "/keys/{key}", "rename a key, switch it off or on", (_KEY_ID, _STATUS, _text("--display-name", "what it is for")),
            "holdfast admin key update --id HOLDFAST... --status INACTIVE"),
    Command("key", "rotate", "POST", "/keys/{key}/rotate", "make a new key in the place of one", (
        _KEY_ID, Option("--overlap-s", "body", "overlap-s", "how long the old one still counts; 0 ends it at once", kind="number", metavar="SECONDS"),
    ), "holdfast admin key rotate --id HOLDFAST... --overlap-s 86400", once="key"),
    Command("key", "delete", "DELETE", "/keys/{key}", "delete a key: it is refused at once", (_KEY_ID,)),
)  # fmt: skip

COMMANDS: tuple[Command, ...] = (*_COMPARTMENTS, *_USERS, *_GROUPS, *_POLICIES, *_KEYS)
