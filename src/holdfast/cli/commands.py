"""The commands of `holdfast admin` as a table: what each sends where, and what people read about it."""

from __future__ import annotations

from typing import NamedTuple


class Option(NamedTuple):
    """One option. `place`: "path", "query" or "body", under `name`. `kind`: "text", "json", "flag", "number"; or what is in a file: "file" all of it,
    "line" without the end of its line, "secret" so too, and asked for where no file is named. `default` counts for "path" only.

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
    """One command. `once` names the member of the answer that is shown only once; `pages`: a list, fetched whole; `sends`: members of the body
    that are always the same."""

    noun: str
    verb: str
    method: str
    path: str
    says: str
    options: tuple[Option, ...] = ()
    example: str = ""
    once: str = ""
    pages: bool = False
    sends: tuple[tuple[str, bool], ...] = ()

    @property
    def asks(self) -> bool:
        return self.method == "DELETE"


class Noun(NamedTuple):
    """What commands are about."""

    name: str
    says: str


NOUNS = (
    Noun("tenancy", "whole tenancies, each with its namespace, people and policies"),
    Noun("compartment", "folders of the tenancy, the scope of policies and roles"),
    Noun("user", "people who have keys, passwords and memberships"),
    Noun("service-account", "programs that have keys and roles, and live in a compartment"),
    Noun("group", "users that policies name together"),
    Noun("policy", "statements that say which group may do what, and where"),
    Noun("role", "storage.viewer, storage.editor and others, given on the tenancy, a compartment or a bucket"),
    Noun("bucket", "buckets as S3 and OCI show them: whose, and in which compartment"),
    Noun("encryption-key", "keys of the key service, for encrypted buckets and SSE-KMS"),
    Noun("key", "static keys (customer secret keys): access key and secret for S3"),
    Noun("token", "access tokens: used as S3 access key, with any secret; one for each user and organisation"),
    Noun("organisation", "federated groups (COUs): in each a user is an S3 identity of its own"),
    Noun("api-key", "public halves of RSA keys that sign OCI requests"),
    Noun("password", "passwords of the console"),
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
        Option("--canonical-id", "body", "canonical-id", "its S3 identity; else one is made", metavar="HEX"),
    ), "holdfast admin user create --name ann --email ann@example.org"),
    Command("user", "list", "GET", "/users", "list users", pages=True, example='holdfast admin user list --query "data[].name"'),
    Command("user", "get", "GET", "/users/{user}", "show a user", (_name("user", "user"),),
            "holdfast admin user get --name ann --query data.id --raw-output"),
    Command("user", "update", "PUT", "/users/{user}", "change a user", (
        _name("user", "user"), _OTHER_NAME, _DESCRIPTION, _text("--email", "e-mail address", metavar="ADDRESS"),
        _text("--display-name", "the name that others see"), _STATUS,
        _text("--subject", "who signs in as him: URL of the issuer, a space, its name for him (sub)"),
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
        *_WHOSE, Option("--id", "body", "id", "the access key; else one is made", metavar="ACCESS-KEY"),
        Option("--key-file", "body", "key", "file with the secret, - for stdin; else one is made", kind="line", metavar="FILE"),
        _text("--display-name", "what it is for"), _text("--expires", "when it ends: 2030-01-31T12:00:00Z; else never", metavar="TIME"),
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

_TENANCY = Option("--name", "path", "tenancy", "name or OCID; else your own", default="~")
_TENANCIES = (
    Command("tenancy", "create", "POST", "/tenancies", "make a tenancy; only for who runs the store", (
        _NEW_NAME, Option("--namespace", "body", "namespace", "its object storage namespace, for good", required=True), _DESCRIPTION,
        Option("--administrator", "body", "administrator", "also make its first administrator, with a key that is shown only now"),
    ), "holdfast admin tenancy create --name acme --namespace acme --administrator root", once="administrator"),
    Command("tenancy", "list", "GET", "/tenancies", "list tenancies: your own, or all for who runs the store", pages=True),
    Command("tenancy", "get", "GET", "/tenancies/{tenancy}", "show a tenancy", (_TENANCY,),
            "holdfast admin tenancy get --query data.namespace --raw-output"),
    Command("tenancy", "update", "PUT", "/tenancies/{tenancy}", "change a tenancy", (
        _TENANCY, _OTHER_NAME, _DESCRIPTION,
        Option("--s3-compartment", "body", "s3-compartment", "where buckets go that are made through S3: path or OCID", metavar="PATH"),
    )),
)  # fmt: skip
_HOLDERS = ("user", "service-account", "group")


def _holders(place: str, needed: str) -> tuple[Option, ...]:
    return tuple(Option("--" + kind, place, kind, f"the {kind.replace('-', ' ')} that has it", one_of="holder" + needed) for kind in _HOLDERS)


def _scopes(place: str) -> tuple[Option, ...]:
    return (
        Option("--compartment", place, "compartment", "on a compartment and all below it: path or OCID", one_of="scope!", metavar="PATH"),
        Option("--bucket", place, "bucket", "on one bucket", one_of="scope!"),
        Option("--tenancy", place, "tenancy-wide", "on the whole tenancy", kind="flag", one_of="scope!"),
    )


_ROLES = (
    Command("role", "add", "POST", "/role-bindings", "give a role", (
        Option("--role", "body", "role", "storage.viewer, .configViewer, .configurer, .uploader, .editor or .admin", required=True),
        *_holders("body", "!"), *_scopes("body"),
    ), "holdfast admin role add --role storage.editor --service-account robot --compartment photos"),
    Command("role", "remove", "DELETE", "/role-bindings", "take a role away: it counts at once", (
        Option("--role", "query", "role", "the role", required=True), *_holders("query", "!"), *_scopes("query"),
    )),
    Command("role", "list", "GET", "/role-bindings", "list who has which role where", _holders("query", ""), pages=True),
    Command("role", "list-kinds", "GET", "/roles", "list the roles that there are, and what each allows"),
)  # fmt: skip
_TOKENS = (
    Command("token", "create", "POST", "/users/{user}/tokens", "make a token (data.token), shown only now; the one before ends", (
        *_WHOSE, Option("--organisation", "body", "organisation", "as whom in that organisation; who is not in it is enrolled"),
        _text("--expires", "when it ends: 2030-01-31T12:00:00Z; else never", metavar="TIME"),
    ), "holdfast admin token create --user ann --organisation physics", once="token"),
    Command("token", "list", "GET", "/users/{user}/tokens", "list tokens, without their text", _WHOSE),
    Command("token", "delete", "DELETE", "/users/{user}/tokens/{token}", "revoke a token: it is refused at once", (
        *_WHOSE, Option("--id", "path", "token", "the token, by its OCID", one_of="which!", metavar="OCID"),
        Option("--organisation", "path", "token", "the token of that organisation", one_of="which!"),
    )),
)  # fmt: skip
_ORGANISATION = Option("--organisation", "path", "organisation", "name or OCID of the organisation", required=True)
_MEMBER = Option("--user", "path", "user", "name or OCID of the user", required=True)
_JOINING = Option("--joining", "body", "joining", "request: users see it and may ask to be enrolled", choices=("closed", "request"))
_ORGANISATIONS = (
    Command("organisation", "create", "POST", "/organisations", "make an organisation", (
        _NEW_NAME, _text("--display-name", "the name that people see"), _DESCRIPTION, _JOINING,
    ), "holdfast admin organisation create --name physics"),
    Command("organisation", "list", "GET", "/organisations", "list organisations", pages=True),
    Command("organisation", "get", "GET", "/organisations/{organisation}", "show an organisation", (_name("organisation", "organisation"),)),
    Command("organisation", "update", "PUT", "/organisations/{organisation}", "change an organisation", (
        _name("organisation", "organisation"), _text("--display-name", "the name that people see"), _DESCRIPTION, _JOINING,
    )),
    Command("organisation", "delete", "DELETE", "/organisations/{organisation}", "delete an organisation that nobody is in", (
        _name("organisation", "organisation"),
    )),
    Command("organisation", "list-users", "GET", "/organisations/{organisation}/members", "list its users and their S3 identities", (_ORGANISATION,)),
    Command("organisation", "add-user", "POST", "/organisations/{organisation}/members", "enrol a user", (
        _ORGANISATION, Option("--user", "body", "user", "name or OCID of the user", required=True),
        Option("--take-over", "body", "take-over", "also if it was another user's S3 identity: its buckets are his then", kind="flag"),
    ), "holdfast admin organisation add-user --organisation physics --user ann"),
    Command("organisation", "remove-user", "DELETE", "/organisations/{organisation}/members/{user}", "end an enrolment and its token", (
        _ORGANISATION, _MEMBER,
    )),
    Command("organisation", "add-manager", "PUT", "/organisations/{organisation}/members/{user}", "let a member decide on who belongs to it", (
        _ORGANISATION, _MEMBER,
    ), "holdfast admin organisation add-manager --organisation physics --user ann", sends=(("manager", True),)),
    Command("organisation", "remove-manager", "PUT", "/organisations/{organisation}/members/{user}", "take that back", (
        _ORGANISATION, _MEMBER,
    ), sends=(("manager", False),)),
    Command("organisation", "list-requests", "GET", "/organisations/{organisation}/requests", "list who asks to be enrolled", (_ORGANISATION,)),
    Command("organisation", "approve", "POST", "/organisations/{organisation}/requests/{user}", "enrol who asked", (_ORGANISATION, _MEMBER),
            "holdfast admin organisation approve --organisation physics --user ann"),
    Command("organisation", "refuse", "DELETE", "/organisations/{organisation}/requests/{user}", "refuse who asked", (_ORGANISATION, _MEMBER)),
)  # fmt: skip
_API_KEYS = (
    Command("api-key", "create", "POST", "/users/{user}/api-keys", "take the public half of an RSA key", (
        *_WHOSE, Option("--key-file", "body", "key", "public key in PEM", required=True, kind="file", metavar="FILE"),
    ), "holdfast admin api-key create --user ann --key-file ann_public.pem"),
    Command("api-key", "list", "GET", "/users/{user}/api-keys", "list API keys", _WHOSE),
    Command("api-key", "delete", "DELETE", "/users/{user}/api-keys/{fingerprint}", "delete an API key", (
        *_WHOSE, Option("--fingerprint", "path", "fingerprint", "which, as in the list", required=True, metavar="FINGERPRINT"),
    )),
)  # fmt: skip
_USER = Option("--user", "path", "user", "whose; else your own", default="~")
_PASSWORDS = (
    Command("password", "set", "PUT", "/users/{user}/password", "set a password, asked for or read from a file; ends the sessions of the user", (
        _USER, Option("--password-file", "body", "password", "file with the password, - for stdin; else it is asked", kind="secret", metavar="FILE"),
    ), "holdfast admin password set --user ann"),
    Command("password", "clear", "DELETE", "/users/{user}/password", "take the password away, and end the sessions", (_USER,)),
)  # fmt: skip

_BUCKET = Option("--name", "path", "bucket", "its name", required=True)
_VOLUME = Option("--volume", "path", "volume", "its volume; else s3v, which S3 and OCI show", default="s3v")
_BUCKETS = (
    Command("bucket", "create", "POST", "/volumes/{volume}/buckets", "make a bucket, for somebody, in a compartment", (
        _NEW_NAME, Option("--owner", "body", "owner", "user or service account that owns it; else you"), _COMPARTMENT,
        Option("--versioning", "body", "versioning", "Enabled: keep what is overwritten or deleted", choices=("Enabled", "Suspended")),
        Option("--encryption-key", "body", "encryption-key", "encrypt what is stored in it under this key of the key service", metavar="ID"), _VOLUME,
    ), "holdfast admin bucket create --name photos --owner ann --compartment photos"),
    Command("bucket", "list", "GET", "/volumes/{volume}/buckets", "list buckets and links", (_VOLUME,), pages=True),
    Command("bucket", "get", "GET", "/volumes/{volume}/buckets/{bucket}", "show a bucket or link", (_BUCKET, _VOLUME)),
    Command("bucket", "delete", "DELETE", "/volumes/{volume}/buckets/{bucket}", "delete an empty bucket, or a link", (_BUCKET, _VOLUME)),
)  # fmt: skip
_ENCRYPTION_KEY = Option("--id", "path", "encryption-key", "the key's id", required=True, metavar="ID")
_ENCRYPTION_KEYS = (
    Command("encryption-key", "create", "POST", "/encryption-keys", "make a key of the key service", (
        Option("--id", "body", "id", "its id, which clients name", required=True, metavar="ID"), _DESCRIPTION,
    ), "holdfast admin encryption-key create --id photos"),
    Command("encryption-key", "list", "GET", "/encryption-keys", "list the keys of the key service", pages=True),
    Command("encryption-key", "get", "GET", "/encryption-keys/{encryption-key}", "show a key of the key service", (_ENCRYPTION_KEY,)),
    Command("encryption-key", "update", "PUT", "/encryption-keys/{encryption-key}", "disable a key, or enable it again", (
        _ENCRYPTION_KEY,
        Option("--status", "body", "status", "DISABLED: what it encrypted cannot be read", required=True, choices=("ENABLED", "DISABLED")),
    ), "holdfast admin encryption-key update --id photos --status DISABLED"),
    Command("encryption-key", "rotate", "POST", "/encryption-keys/{encryption-key}/rotate", "give a key new material for what comes", (
        _ENCRYPTION_KEY,
    )),
    Command("encryption-key", "delete", "DELETE", "/encryption-keys/{encryption-key}",
            "delete a key: what it encrypted can never be read again", (_ENCRYPTION_KEY,)),
)  # fmt: skip

COMMANDS: tuple[Command, ...] = (
    *_TENANCIES, *_COMPARTMENTS, *_USERS, *_GROUPS, *_POLICIES, *_ROLES, *_KEYS, *_TOKENS, *_ORGANISATIONS, *_API_KEYS, *_PASSWORDS,
    *_BUCKETS, *_ENCRYPTION_KEYS,
)  # fmt: skip

WHOAMI = Command("user", "get", "GET", "/whoami", "show who you are", example="holdfast session user get --query data.id --raw-output")
EXPLAIN = Command("explain", "", "GET", "/explain", "say whether somebody may do something, why, and what would allow it", (
    Option("--as", "query", "as", "a user, service account, S3 identity (user_organisation), access key, or anonymous", required=True, metavar="WHO"),
    Option("ACTION", "query", "action", "s3:GetObject, or an operation of S3, OCI or the administration (CreateUser)", required=True),
    Option("RESOURCE", "query", "resource", "bucket, bucket/key, compartment path, user/NAME, group/NAME; else the tenancy"),
), "holdfast explain --as ann s3:GetObject photos/2026/a.jpg")  # fmt: skip
WHY = Command("why", "", "GET", "/requests/{request}", "say what became of a request, why, and what would allow it", (
    Option("REQUEST-ID", "path", "request", "x-amz-request-id or opc-request-id of the answer", required=True),
), "holdfast why 3F2A9C0D1B4E5F60")  # fmt: skip
