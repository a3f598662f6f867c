"""The cluster engine: PostgreSQL keeps facts and small bodies, Ceph RADOS the larger bodies, for any number of gateways."""

from holdfast.engine.cluster.engine import ClusterEngine

__all__ = ["ClusterEngine"]
