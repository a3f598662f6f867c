"""The cluster engine: PostgreSQL keeps facts and small bodies, Ceph RADOS the larger bodies, for any number of gateways."""
