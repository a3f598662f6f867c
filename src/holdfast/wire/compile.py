"""Readers (request to Input) and writers (output to response), compiled from the service model for one operation each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from holdfast.model import errors
from holdfast.model.errors import InvalidArgument, InvalidStorageClass, MalformedACLError, MalformedXML
from holdfast.model.messages import Body, Response
from holdfast.wire import query, values, xml
from holdfast.wire.document import DocumentReader, compile_writer, member_writer, pick
from holdfast.wire.model import NAMESPACE, Member, OperationModel, Service, Shape, service
from holdfast.wire.strangers import strange_headers, strange_parameters

CONTENT_TYPE_XML = (b"Content-Type", b"application/xml; charset=UTF-8")
CONTENT_TYPE_JSON = (b"Content-Type", b"application/json")

HARMLESS = frozenset({"content_length", "expected_bucket_owner", "expected_source_bucket_owner", "request_payer"})
"""Members that no operation needs to name: framing is the server's, the expected owners are checked for all operations in one place,
and who pays for a request means nothing here."""

LENIENT_DATES = frozenset({"if_modified_since", "if_unmodified_since", "copy_source_if_modified_since", "copy_source_if_unmodified_since"})
"""RFC 9110, 13.1.3 and 13.1.4: a recipient must ignore these when they are not a valid date."""

_SIGNATURE = frozenset(b"X-Amz-" + name for name in (b"Algorithm", b"Credential", b"Date", b"Expires", b"SignedHeaders", b"Signature"))
_OPEN_ENUMS = frozenset({"acl", "checksum_algorithm", "checksum_mode", "checksum_type"})  # the operations have their own say
_LARGE = xml.Limits(bytes_max=16 << 20, elements_max=200_000)
_ACL = xml.Limits(bytes_max=128 << 10, elements_max=2_000)  # 100 grants, and room to say that more are too many
LIMITS = {
    "CompleteMultipartUpload": _LARGE,  # 10,000 parts, each with a checksum
    "DeleteObjects": xml.Limits(bytes_max=8 << 20, elements_max=8_000),  # 1,000 keys of 1,024 bytes, escaped
    "PutBucketAcl": _ACL,
    "PutObjectAcl": _ACL,
    "PutBucketLifecycleConfiguration": xml.Limits(elements_max=50_000),  # 1,000 rules
    "PutBucketWebsite": xml.Limits(bytes_max=128 << 10, elements_max=2_000),  # 50 rules
}

ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult", "ListDirectoryBuckets": "ListAllMyDirectoryBucketsResult", "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult", "ListObjectVersions": "ListVersionsResult", "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult", "GetBucketAcl": "AccessControlPolicy", "GetObjectAcl": "AccessControlPolicy", "GetBucketTagging": "Tagging",
    "GetObjectTagging": "Tagging", "GetBucketLocation": "LocationConstraint",
    "GetBucketVersioning": "VersioningConfiguration", "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycle": "LifecycleConfiguration", "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLogging": "BucketLoggingStatus", "GetBucketNotification": "NotificationConfiguration",
    "GetBucketNotificationConfiguration": "NotificationConfiguration", "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration", "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetObjectAttributes": "GetObjectAttributesResponse", "ListBucketAnalyticsConfigurations": "ListBucketAnalyticsConfigurationResult",
    "ListBucketInventoryConfigurations": "ListInventoryConfigurationsResult", "ListBucketMetricsConfigurations": "ListMetricsConfigurationsResult",
    "ListBucketIntelligentTieringConfigurations": "ListBucketIntelligentTieringConfigurationsOutput",
}  # fmt: skip
"""Root elements of answers (S3 API Reference, "Response Syntax"), which the model does not name; others are `<operation>Result`."""

Convert = Callable[[bytes], Any]


def _refuser(member: Member) -> Convert:
    def refuse(_value: bytes) -> Any:
        raise errors.NotImplemented(Header=member.wire) if member.location.startswith("header") else errors.NotImplemented(Parameter=member.wire)

    return refuse


def _scalar(shape: Shape, member: Member) -> Callable[[str], Any]:
    if shape.type == "integer":
        return values.integer
    if shape.type == "long":
        return lambda text: values.integer(text, values.LONG_MAX)
    if shape.type == "boolean":
        return values.boolean
    if shape.type == "timestamp":
        return values.timestamp
    if shape.enum and member.name not in _OPEN_ENUMS:
        allowed = frozenset(shape.enum)

        def enumerated(text: str) -> str:
            if text not in allowed:
                raise ValueError("not in the enumeration")
            return text

        return enumerated
    return str


def _listed(inner: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: [inner(piece.strip()) for piece in text.split(",")]


def _converter(api: Service, member: Member) -> Convert:
    """From a raw header or query value. Errors of the closure: InvalidArgument with ArgumentName and ArgumentValue, as S3 answers."""
    shape = api.shape(member.shape)
    to_text = values.header_text if member.location == "header" else query.text
    if shape.type == "list":
        parse = _listed(_scalar(api.shape(shape.element), member))
    else:
        parse = _scalar(shape, member)
        if parse is str:
            return to_text
    lenient = member.name in LENIENT_DATES

    def convert(raw: bytes) -> Any:
        text = to_text(raw)
        try:
            return parse(text)
        except ValueError:
            if lenient:
                return None
            if member.name == "storage_class":
                raise InvalidStorageClass(StorageClassRequested=text) from None
            raise InvalidArgument(f"The value of {member.wire} is not valid.", ArgumentName=member.wire, ArgumentValue=text) from None

    return convert


class Reader:
    """Makes the Input of one operation from a request.

    `integrity` says which headers speak of the XML body itself; an operation without an XML payload has `document` None.
    """

    __slots__ = (
        "_fields", "_headers", "_metadata", "_query", "_uri", "_whole", "document", "input", "limits", "operation", "payload", "payload_type",
    )  # fmt: skip

    def __init__(self, operation: OperationModel, input: type, ignores: Iterable[str] = ()) -> None:
        api = service()
        self.operation = operation
        self.input = input
        self._fields = frozenset(input.__struct_fields__)  # type: ignore[attr-defined]
        self._headers: dict[bytes, tuple[str, Convert]] = {}
        self._query: dict[bytes, tuple[str, Convert]] = {}
        self._metadata = b""
        self._uri: tuple[tuple[str, bool], ...] = ()
        self._whole = False
        self.payload = ""
        self.payload_type = ""
        self.document: DocumentReader | None = None
        self.limits = LIMITS.get(operation.name, xml.ORDINARY)
        silent = HARMLESS | frozenset(ignores)
        shape = operation.input
        self._payload(api, shape)
        integrity = {"content_md5", operation.checksum_member} if self.payload_type in ("structure", "string", "whole") else set()
        for member in shape.members:
            if member.location == "uri":
                self._uri += ((member.name, member.wire == "Bucket"),) if member.name in self._fields else ()
                continue
            if member.location == "headers":
                if member.name in self._fields:
                    self._metadata = member.wire.encode()
                elif member.name not in silent:
                    self._headers[member.wire.encode()] = (member.name, _refuser(member))
                continue
            table = self._headers if member.location == "header" else self._query if member.location == "querystring" else None
            if table is None:
                continue
            wire = member.wire.lower() if member.location == "header" else member.wire
            if member.name in self._fields:
                entry = (member.name, _converter(api, member))
            elif member.name not in silent and member.name not in integrity:
                entry = (member.name, _refuser(member))
            else:
                continue
            table[wire.encode()] = entry
            if member.location == "header" and wire.startswith("x-amz-"):  # presigned URLs carry such headers as parameters
                if entry[0] in self._fields:
                    entry = (member.name, _converter(api, msgspec.structs.replace(member, location="querystring")))
                self._query[wire.encode()] = self._query[wire.title().encode()] = entry
        self._headers |= {name: ("", refuse) for name, refuse in strange_headers(operation)}
        self._query |= {name: ("", refuse) for name, refuse in strange_parameters(operation)}

    def _payload(self, api: Service, shape: Shape) -> None:
        for member in shape.members:
            if member.name != shape.payload:
                continue
            target = api.shape(member.shape)
            self.payload, self.payload_type = member.name, "stream" if target.type == "blob" else target.type
            if target.type == "structure" and member.name in self._fields:
                self.document = DocumentReader(api, member.shape, member.wire)
        if not shape.payload and any(not m.location for m in shape.members):
            self.payload_type, self._whole = "whole", True
            self.document = DocumentReader(api, shape.name, self.operation.input_root)

    @property
    def header_names(self) -> frozenset[bytes]:
        """Headers that are members of the operation, so that they do not speak of the XML body."""
        return frozenset(self._headers)

    @property
    def reads_body(self) -> bool:
        """Whether `Input` wants a body that must be read whole before the operation runs."""
        return self._whole or (self.payload in self._fields and self.payload_type in ("structure", "string"))

    def scalars(self, headers: dict[bytes, bytes], params: dict[bytes, bytes], bucket: str, key: str, body: Body) -> dict[str, Any]:
        """Everything but an XML body.

        Errors: InvalidArgument, InvalidURI, InvalidStorageClass; NotImplemented for a member that Input does not name.
        """
        found: dict[str, Any] = {}
        for name, is_bucket in self._uri:
            found[name] = bucket if is_bucket else key
        table = self._headers
        prefix = self._metadata
        if prefix:
            metadata: dict[str, str] = {}
            for header, value in headers.items():
                if header in table:
                    field, convert = table[header]
                    found[field] = convert(value)
                elif header.startswith(prefix):
                    metadata[header[len(prefix) :].decode("latin-1")] = values.metadata_text(value)
            if metadata:
                found["metadata"] = metadata
        else:
            for header, value in headers.items():
                if header in table:
                    field, convert = table[header]
                    found[field] = convert(value)
            if b"x-amz-meta-" in table:
                self._refuse_metadata(headers)
        if params:
            table = self._query
            for parameter, value in params.items():
                if parameter in table:
                    field, convert = table[parameter]
                    found[field] = convert(value)
                elif parameter not in _SIGNATURE and parameter[:11].lower() == b"x-amz-meta-":
                    self._add_metadata(parameter, value, found)
        if self.payload_type == "stream" and self.payload in self._fields:
            found[self.payload] = body
        return found

    def _refuse_metadata(self, headers: dict[bytes, bytes]) -> None:
        for header in headers:
            if header.startswith(b"x-amz-meta-"):
                raise errors.NotImplemented(Header=header.decode("latin-1"))

    def _add_metadata(self, parameter: bytes, value: bytes, found: dict[str, Any]) -> None:
        """User metadata in the query of a presigned URL. Errors: InvalidArgument for a name that no header has."""
        if self._metadata:
            name, said = parameter[11:].decode("latin-1").lower(), query.text(value)
            if not values.is_header_name(name):
                raise InvalidArgument("The name of user metadata is not that of a header.", ArgumentName=name)
            found.setdefault("metadata", {})[name] = said
        elif b"x-amz-meta-" in self._headers:
            raise errors.NotImplemented(Parameter=parameter.decode("latin-1"))

    def complete(self, found: dict[str, Any]) -> Any:
        """The Input. Errors: InvalidArgument for a required member that the request does not have; MalformedXML when it is the document."""
        try:
            return self.input(**found)
        except TypeError:
            for member in self.operation.input.members:
                if member.required and member.name in self._fields and member.name not in found:
                    if member.name == self.payload:
                        raise MalformedXML() from None
                    raise InvalidArgument(f"Missing required parameter: {member.wire}", ArgumentName=member.wire) from None
            raise

    def body(self, data: bytes, found: dict[str, Any]) -> None:
        """Adds what the whole body says. An empty body is an absent member. Errors: MalformedXML, MalformedACLError."""
        if self.payload_type == "string":
            try:
                found[self.payload] = data.decode()
            except UnicodeDecodeError:
                raise MalformedXML("The body must be UTF-8.") from None
            return
        document = self.document
        if document is None or not data:
            return
        try:
            content = document.read(data, self.limits)
        except MalformedXML:
            if self.payload == "access_control_policy":  # S3 has a word of its own for this document
                raise MalformedACLError() from None
            raise
        if not self._whole:
            found[self.payload] = content
            return
        for name, value in content.items():
            if name not in self._fields:
                raise errors.NotImplemented(Element=name)
            found[name] = value


def _header_converter(api: Service, member: Member) -> Callable[[Any], bytes]:
    shape = api.shape(member.shape)
    if shape.type == "boolean":
        return lambda value: b"true" if value else b"false"
    if shape.type == "timestamp":
        to_text = values.iso_date if shape.timestamp_format == "iso8601" else values.http_date
        return lambda value: value.encode() if isinstance(value, str) else to_text(value).encode()
    if shape.type == "list":
        return lambda value: values.header_value(",".join(value))
    return lambda value: values.header_value(str(value))


class Writer:
    """Writes the output of one operation as S3 does: members to headers, the rest to XML in S3's namespace."""

    __slots__ = ("_attribute", "_emit", "_headers", "_names", "_payload", "_payload_type", "_prefixed", "_root")

    def __init__(self, operation: OperationModel) -> None:
        api = service()
        shape = operation.output
        self._headers = tuple((m.wire.encode(), m.name, _header_converter(api, m)) for m in shape.members if m.location == "header")
        self._prefixed = tuple((m.wire.encode(), m.name) for m in shape.members if m.location == "headers")
        self._names = frozenset(m.name for m in shape.members)
        self._payload = shape.payload
        self._payload_type = ""
        self._emit: Callable[[Any, list[str]], None] | None = None
        self._root = ROOTS.get(operation.name, operation.name + "Result")
        self._attribute = operation.name == "GetBucketLocation"
        body = [m for m in shape.members if not m.location]
        if shape.payload:
            member = next(m for m in body if m.name == shape.payload)
            target = api.shape(member.shape)
            self._payload_type = target.type
            if target.type == "structure":
                self._root = member.wire if member.wire != member.model else target.name
                self._emit = compile_writer(api, member.shape)
        elif body:
            steps = [member_writer(api, m, {}) for m in body]

            def emit(value: Any, out: list[str]) -> None:
                for step in steps:
                    step(value, out)

            self._emit = emit

    def write(self, output: Any, status: int) -> Response:
        """`output` is a Response (given back as it is), None (an empty body), a dict or a Struct.

        Errors: TypeError for a name that the model does not have.
        """
        if output.__class__ is Response:
            return output
        if output is None:
            return Response(status)
        unknown = set(output if type(output) is dict else output.__struct_fields__) - self._names
        if unknown:
            raise TypeError(f"not members of the output: {sorted(unknown)}")
        headers: list[tuple[bytes, bytes]] = []
        for wire, name, convert in self._headers:
            value = pick(output, name)
            if value is not None:
                headers.append((wire, convert(value)))
        for wire, name in self._prefixed:
            for key, text in (pick(output, name) or {}).items():
                headers.append((wire + values.header_value(key), values.metadata_header(text)))
        if self._payload_type in ("string", "blob"):
            content = pick(output, self._payload)
            if self._payload_type == "string":
                headers.append(CONTENT_TYPE_JSON)
            return Response(status, headers, content.encode() if isinstance(content, str) else content)
        if self._emit is None:
            return Response(status, headers)
        headers.append(CONTENT_TYPE_XML)
        return Response(status, headers, self._document(output))

    def _document(self, output: Any) -> bytes:
        out = [f'{xml.DECLARATION}<{self._root} xmlns="{NAMESPACE}">']
        if self._attribute:
            out.append(xml.escape(pick(output, "location_constraint") or ""))
        else:
            content = pick(output, self._payload) if self._payload else output
            if content is not None and self._emit is not None:
                self._emit(content, out)
        out.append(f"</{self._root}>")
        return "".join(out).encode("utf-8", "replace")
