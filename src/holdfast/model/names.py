"""What the names of identities may look like, whoever gives them: the administration API, or a bootstrap file."""

from __future__ import annotations

NAME = r"^(?!ocid1\.)(?!\.{1,2}$)[A-Za-z0-9_.+@-]{1,100}\Z"
"""Of tenancies, compartments, groups and policies."""
USER_NAME = r"^(?!ocid1\.)(?!\.{1,2}$)[A-Za-z0-9_.+@/=-]{1,100}\Z"
"""Of users and service accounts, Kerberos principals among them."""
ORGANISATION_NAME = r"^(?!ocid1\.)[A-Za-z0-9][A-Za-z0-9.-]{0,62}\Z"
"""Without "_", which stands between user and organisation in an S3 identity."""

SAYS = {
    NAME: "1 to 100 letters, digits and . _ - + @",
    USER_NAME: "1 to 100 letters, digits and . _ - + @ / =",
    ORGANISATION_NAME: "1 to 63 letters, digits, . and -",
}
"""The same in words."""
