"""Every refusal, one class a line: the S3 code is the name; status and words for S3, then for OCI."""

from __future__ import annotations


class Refusal(Exception):
    """A request that is refused. The core raises it, a dialect writes it.

    `fields` become elements of the S3 error XML in the order given (for example Key="a", BucketName="b"); `headers` are added
    to the response. Source: S3 API Reference, "Error responses"; OCI, "API Errors".
    """

    status: int = 500
    message: str = "We encountered an internal error. Please try again."
    oci: tuple[int, str] = (500, "InternalServerError")
    because: str = ""
    """The rule that refused, for the audit log: never told to the client."""

    def __init__(self, message: str | None = None, /, *, headers: tuple[tuple[bytes, bytes], ...] = (), **fields: str) -> None:
        super().__init__(message or self.message)
        if message is not None:
            self.message = message
        self.fields = fields
        self.headers = headers

    @property
    def code(self) -> str:
        """The S3 error code: the class's name, but for those of the key service, which hold a dot."""
        name = type(self).__name__
        return "KMS." + name[3:] if name.startswith("KMS") else name


# fmt: off
# ruff: noqa: E701, E501
class AccessControlListNotSupported(Refusal): status, message, oci = 400, "The bucket does not allow ACLs", (400, "InvalidParameter")
class AccessDenied(Refusal): status, message, oci = 403, "Access Denied", (404, "NotAuthorizedOrNotFound")
class AccessForbidden(Refusal): status, message, oci = 403, "CORSResponse: CORS is not enabled for this bucket.", (404, "NotAuthorizedOrNotFound")
class AuthorizationHeaderMalformed(Refusal): status, message, oci = 400, "The authorization header is malformed.", (401, "NotAuthenticated")
class AuthorizationQueryParametersError(Refusal): status, message, oci = 400, "The query parameters of the signature are malformed.", (401, "NotAuthenticated")
class BadDigest(Refusal): status, message, oci = 400, "The Content-MD5 or checksum value that you specified did not match what the server received.", (400, "UnmatchedContentMD5")
class BadRequest(Refusal): status, message, oci = 400, "Bad Request", (400, "InvalidParameter")
class BucketAlreadyExists(Refusal): status, message, oci = 409, "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.", (409, "BucketAlreadyExists")
class BucketAlreadyOwnedByYou(Refusal): status, message, oci = 409, "Your previous request to create the named bucket succeeded and you already own it.", (409, "BucketAlreadyExists")
class BucketNotEmpty(Refusal): status, message, oci = 409, "The bucket you tried to delete is not empty.", (409, "BucketNotEmpty")
class ConditionalRequestConflict(Refusal): status, message, oci = 409, "A conflicting conditional operation is currently in progress against this resource. Please try again.", (409, "ConcurrentObjectUpdate")
class EntityTooLarge(Refusal): status, message, oci = 400, "Your proposed upload exceeds the maximum allowed object size.", (413, "RequestEntityTooLarge")
class EntityTooSmall(Refusal): status, message, oci = 400, "Your proposed upload is smaller than the minimum allowed object size.", (400, "InvalidParameter")
class ExpiredToken(Refusal): status, message, oci = 400, "The provided token has expired.", (401, "NotAuthenticated")
class IllegalLocationConstraintException(Refusal): status, message, oci = 400, "The specified location constraint is incompatible with the region of the endpoint.", (400, "InvalidParameter")
class IllegalVersioningConfigurationException(Refusal): status, message, oci = 400, "The versioning configuration specified in the request is invalid.", (400, "InvalidParameter")
class IncompleteBody(Refusal): status, message, oci = 400, "You did not provide the number of bytes specified by the Content-Length HTTP header.", (400, "InvalidParameter")
class IncorrectNumberOfFilesInPostRequest(Refusal): status, message, oci = 400, "POST requires exactly one file upload per request.", (400, "InvalidParameter")
class InsufficientStorage(Refusal): status, message, oci = 507, "The store has no space left; nothing was changed.", (507, "InsufficientStorage")
class InternalError(Refusal): status, message, oci = 500, "We encountered an internal error. Please try again.", (500, "InternalServerError")
class InvalidAccessKeyId(Refusal): status, message, oci = 403, "The access key ID that you provided does not exist in our records.", (401, "NotAuthenticated")
class InvalidArgument(Refusal): status, message, oci = 400, "Invalid Argument", (400, "InvalidParameter")
class InvalidBucketAclWithObjectOwnership(Refusal): status, message, oci = 400, "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting", (400, "InvalidParameter")
class InvalidBucketName(Refusal): status, message, oci = 400, "The specified bucket is not valid.", (400, "InvalidBucketName")
class InvalidBucketState(Refusal): status, message, oci = 409, "The request is not valid for the current state of the bucket.", (409, "IncorrectState")
class InvalidDigest(Refusal): status, message, oci = 400, "The Content-MD5 or checksum value that you specified is not valid.", (400, "InvalidParameter")
class InvalidLocationConstraint(Refusal): status, message, oci = 400, "The specified location constraint is not valid.", (400, "InvalidParameter")
class InvalidObjectState(Refusal): status, message, oci = 403, "The operation is not valid for the current state of the object.", (409, "NotRestored")
class InvalidPart(Refusal): status, message, oci = 400, "One or more of the specified parts could not be found. The part might not have been uploaded, or the specified entity tag might not have matched the part's entity tag.", (400, "InvalidUploadPart")
class InvalidPartNumber(Refusal): status, message, oci = 416, "The requested part number is not satisfiable.", (416, "InvalidRange")
class InvalidPartOrder(Refusal): status, message, oci = 400, "The list of parts was not in ascending order. The parts list must be specified in order by part number.", (400, "InvalidUploadPart")
class InvalidPolicyDocument(Refusal): status, message, oci = 400, "The content of the form does not meet the conditions specified in the policy document.", (400, "InvalidParameter")
class InvalidRange(Refusal): status, message, oci = 416, "The requested range is not satisfiable.", (416, "InvalidRange")
class InvalidRequest(Refusal): status, message, oci = 400, "Invalid Request", (400, "InvalidParameter")
class InvalidRetentionPeriod(Refusal): status, message, oci = 400, "The retention period must be a positive integer.", (400, "InvalidParameter")
class InvalidSecurity(Refusal): status, message, oci = 403, "The provided security credentials are not valid.", (401, "NotAuthenticated")
class InvalidStorageClass(Refusal): status, message, oci = 400, "The storage class you specified is not valid.", (400, "InvalidParameter")
class InvalidTag(Refusal): status, message, oci = 400, "The tag provided was not a valid tag.", (400, "InvalidParameter")
class InvalidURI(Refusal): status, message, oci = 400, "Couldn't parse the specified URI.", (400, "InvalidParameter")
class InvalidToken(Refusal): status, message, oci = 400, "The provided token is malformed or otherwise not valid.", (401, "NotAuthenticated")
class KeyTooLongError(Refusal): status, message, oci = 400, "Your key is too long.", (400, "InvalidObjectName")
class KMSDisabledException(Refusal): status, message, oci = 400, "The encryption key is disabled.", (400, "InvalidParameter")
class KMSNotFoundException(Refusal): status, message, oci = 400, "The encryption key does not exist.", (400, "InvalidParameter")
class MalformedACLError(Refusal): status, message, oci = 400, "The XML you provided was not well-formed or did not validate against our published schema", (400, "InvalidParameter")
class MalformedPOSTRequest(Refusal): status, message, oci = 400, "The body of your POST request is not well-formed multipart/form-data.", (400, "InvalidParameter")
class MalformedPolicy(Refusal): status, message, oci = 400, "The policy is not valid.", (400, "InvalidParameter")
class MalformedTrailerError(Refusal): status, message, oci = 400, "The request contained trailing data that was not well-formed or did not conform to our published schema.", (400, "InvalidParameter")
class MalformedXML(Refusal): status, message, oci = 400, "The XML you provided was not well-formed or did not validate against our published schema.", (400, "InvalidParameter")
class MaxPostPreDataLengthExceededError(Refusal): status, message, oci = 400, "Your POST request fields preceding the upload file were too large.", (400, "InvalidParameter")
class MetadataTooLarge(Refusal): status, message, oci = 400, "Your metadata headers exceed the maximum allowed metadata size.", (400, "InvalidParameter")
class MethodNotAllowed(Refusal): status, message, oci = 405, "The specified method is not allowed against this resource.", (405, "MethodNotAllowed")
class MissingContentLength(Refusal): status, message, oci = 411, "You must provide the Content-Length HTTP header.", (411, "MissingContentLength")
class MissingSecurityHeader(Refusal): status, message, oci = 400, "Your request is missing a required header.", (401, "NotAuthenticated")
class NoSuchBucket(Refusal): status, message, oci = 404, "The specified bucket does not exist.", (404, "BucketNotFound")
class NoSuchBucketPolicy(Refusal): status, message, oci = 404, "The bucket policy does not exist.", (404, "NotAuthorizedOrNotFound")
class NoSuchConfiguration(Refusal): status, message, oci = 404, "The specified configuration does not exist.", (404, "NotAuthorizedOrNotFound")
class NoSuchCORSConfiguration(Refusal): status, message, oci = 404, "The CORS configuration does not exist.", (404, "NotAuthorizedOrNotFound")
class NoSuchKey(Refusal): status, message, oci = 404, "The specified key does not exist.", (404, "ObjectNotFound")
class NoSuchLifecycleConfiguration(Refusal): status, message, oci = 404, "The lifecycle configuration does not exist.", (404, "LifecyclePolicyNotFound")
class NoSuchObjectLockConfiguration(Refusal): status, message, oci = 404, "The specified object does not have an ObjectLock configuration.", (404, "NotAuthorizedOrNotFound")
class NoSuchPublicAccessBlockConfiguration(Refusal): status, message, oci = 404, "The public access block configuration was not found.", (404, "NotAuthorizedOrNotFound")
class NoSuchTagSet(Refusal): status, message, oci = 404, "There is no tag set associated with the bucket.", (404, "NotAuthorizedOrNotFound")
class NoSuchUpload(Refusal): status, message, oci = 404, "The specified multipart upload does not exist. The upload ID might be invalid, or the multipart upload might have been aborted or completed.", (404, "NoSuchUpload")
class NoSuchVersion(Refusal): status, message, oci = 404, "The specified version does not exist.", (404, "ObjectVersionNotFound")
class NoSuchVolume(Refusal): status, message, oci = 404, "The specified volume does not exist.", (404, "NotAuthorizedOrNotFound")
class NoSuchWebsiteConfiguration(Refusal): status, message, oci = 404, "The specified bucket does not have a website configuration.", (404, "NotAuthorizedOrNotFound")
class NotAuthenticated(Refusal): status, message, oci = 401, "The required information to complete authentication was not provided or was incorrect.", (401, "NotAuthenticated")
class NotImplemented(Refusal): status, message, oci = 501, "A header or query you provided implies functionality that is not implemented.", (501, "NotImplemented")
class NotModified(Refusal): status, message, oci = 304, "Not Modified", (304, "NotModified")
class ObjectLockConfigurationNotFoundError(Refusal): status, message, oci = 404, "Object Lock configuration does not exist for this bucket.", (404, "NotAuthorizedOrNotFound")
class OperationAborted(Refusal): status, message, oci = 409, "A conflicting conditional operation is currently in progress against this resource. Please try again.", (409, "ConcurrentObjectUpdate")
class OwnershipControlsNotFoundError(Refusal): status, message, oci = 404, "The bucket ownership controls were not found.", (404, "NotAuthorizedOrNotFound")
class PermanentRedirect(Refusal): status, message, oci = 301, "The bucket you are attempting to access must be addressed using the specified endpoint.", (404, "NotAuthorizedOrNotFound")
class PolicyTooLarge(Refusal): status, message, oci = 400, "Policy exceeds the maximum allowed document size.", (400, "LimitExceeded")
class PreconditionFailed(Refusal): status, message, oci = 412, "At least one of the preconditions you specified did not hold.", (412, "IfMatchFailed")
class ReplicationConfigurationNotFoundError(Refusal): status, message, oci = 404, "The replication configuration was not found.", (404, "NotAuthorizedOrNotFound")
class RequestHeaderSectionTooLarge(Refusal): status, message, oci = 400, "Your request header section exceeds the maximum allowed size.", (400, "InvalidParameter")
class RequestTimeout(Refusal): status, message, oci = 400, "Your socket connection to the server was not read from or written to within the timeout period.", (408, "RequestTimeout")
class RequestTimeTooSkewed(Refusal): status, message, oci = 403, "The difference between the request time and the server's time is too large.", (401, "NotAuthenticated")
class ServerSideEncryptionConfigurationNotFoundError(Refusal): status, message, oci = 404, "The server side encryption configuration was not found.", (404, "NotAuthorizedOrNotFound")
class ServiceUnavailable(Refusal): status, message, oci = 503, "Service is unable to handle request.", (503, "ServiceUnavailable")
class SignatureDoesNotMatch(Refusal): status, message, oci = 403, "The request signature we calculated does not match the signature you provided. Check your key and signing method.", (401, "NotAuthenticated")
class SlowDown(Refusal): status, message, oci = 503, "Please reduce your request rate.", (429, "TooManyRequests")
class TooManyBuckets(Refusal): status, message, oci = 400, "You have attempted to create more buckets than are allowed.", (400, "LimitExceeded")
class UnexpectedContent(Refusal): status, message, oci = 400, "This request does not support content.", (400, "InvalidParameter")
class UnresolvableGrantByEmailAddress(Refusal): status, message, oci = 400, "The email address you provided does not match any account on record.", (400, "InvalidParameter")
class VolumeAlreadyExists(Refusal): status, message, oci = 409, "The volume exists already.", (409, "NotAuthorizedOrResourceAlreadyExists")
class VolumeNotEmpty(Refusal): status, message, oci = 409, "The volume still holds buckets.", (409, "IncorrectState")
class XAmzContentChecksumMismatch(Refusal): status, message, oci = 400, "The provided checksum header does not match what was computed.", (400, "InvalidParameter")
class XAmzContentSHA256Mismatch(Refusal): status, message, oci = 400, "The provided 'x-amz-content-sha256' header does not match what was computed.", (400, "InvalidParameter")
