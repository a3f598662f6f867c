"""Holdfast: a self-hosted object store; the S3 API first, other doors beside it, on one engine."""

__version__ = "0.1.0"
