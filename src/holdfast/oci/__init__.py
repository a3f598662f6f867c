"""The OCI dialect: native object storage, identity, and pre-authenticated requests."""
