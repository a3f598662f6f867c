"""Get, List and Delete of the bucket configurations in the table of `holdfast.s3.settings`."""

from __future__ import annotations

from holdfast.s3.settings import register

register()
