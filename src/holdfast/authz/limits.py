"""What restricts a caller beyond its own rights: the scope of a pre-authenticated request."""

from __future__ import annotations

from holdfast.authz.decide import Effect, Question
from holdfast.model.pars import READING, WRITING, Par

_READS = frozenset(("GetObject", "HeadObject"))
_WRITES = frozenset(("PutObject", "CreateMultipartUpload", "UploadPart", "CommitMultipartUpload", "AbortMultipartUpload"))
_LISTS = frozenset(("ListObjects",))


class ParScope:
    """Lets through the operations of the access type, on the names that the request covers, in its bucket (`bucket_id`, which is
    the source's where the bucket is a link)."""

    name = "the scope of the pre-authenticated request"

    def __init__(self, par: Par, bucket_id: int) -> None:
        self._par = par
        self._bucket_id = bucket_id
        self._operations = (_READS if par.access in READING else frozenset()) | (_WRITES if par.access in WRITING else frozenset())

    def says(self, question: Question) -> Effect:
        bucket = question.bucket
        if bucket is None or bucket.id != self._bucket_id:
            return ""
        if question.operation in _LISTS:
            return "allow" if self._par.listing else ""
        return "allow" if question.operation in self._operations and question.key and self._par.covers(question.key) else ""
