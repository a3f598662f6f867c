"""The websites of buckets: what browsers get at hosts of their own, as anybody."""
