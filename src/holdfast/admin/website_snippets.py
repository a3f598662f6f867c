"""What to paste into each client to make a bucket a website and to look at it. Secrets are never in it."""

from __future__ import annotations

from urllib.parse import urlsplit

from holdfast.admin.snippets import AWS_SETTINGS, RCLONE_SETTINGS, S3CMD_SETTINGS, Place, filled

_POLICY = (
    '{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::{bucket}/*"}}]}}'
)
_AWS = AWS_SETTINGS + f"""\
aws s3 mb s3://{{bucket}}
aws s3 website s3://{{bucket}} --index-document index.html --error-document error.html
aws s3api put-bucket-policy --bucket {{bucket}} --policy '{_POLICY}'
aws s3 sync ./site s3://{{bucket}}
curl {{website}}/
"""
_BOTO3 = f"""\
import boto3

s3 = boto3.client(
    "s3",
    endpoint_url="{{url}}",  # without it the client asks Amazon
    region_name="{{region}}",
    aws_access_key_id="{{access_key}}",
    aws_secret_access_key="SECRET",  # with an access token any will do
)
s3.create_bucket(Bucket="{{bucket}}")
s3.put_bucket_website(
    Bucket="{{bucket}}",
    WebsiteConfiguration={{{{"IndexDocument": {{{{"Suffix": "index.html"}}}}, "ErrorDocument": {{{{"Key": "error.html"}}}}}}}},
)
s3.put_bucket_policy(Bucket="{{bucket}}", Policy='{_POLICY}')
s3.put_object(Bucket="{{bucket}}", Key="index.html", Body=b"<h1>Hello</h1>", ContentType="text/html")
print("{{website}}/")
"""
_DOCUMENT = "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>"
_CURL = f"""\
sign() {{{{ curl --fail --user '{{access_key}}:SECRET' --aws-sigv4 'aws:amz:{{region}}:s3' "$@"; }}}}
sign --request PUT {{url}}/{{bucket}}
sign --request PUT --data '{_DOCUMENT}' '{{url}}/{{bucket}}?website='
sign --request PUT --data '{_POLICY}' '{{url}}/{{bucket}}?policy='
sign --header 'Content-Type: text/html' --upload-file index.html {{url}}/{{bucket}}/index.html
curl --fail {{website}}/
"""
_S3CMD = S3CMD_SETTINGS + f"""\
website_endpoint = {{scheme}}://%(bucket)s.{{below}}/
# then:
s3cmd mb s3://{{bucket}}
s3cmd ws-create --ws-index=index.html --ws-error=error.html s3://{{bucket}}
echo '{_POLICY}' > policy.json && s3cmd setpolicy policy.json s3://{{bucket}}
s3cmd sync --no-mime-magic --guess-mime-type ./site/ s3://{{bucket}}/
s3cmd ws-info s3://{{bucket}}
curl {{website}}/
"""
_RCLONE = RCLONE_SETTINGS + """\
# rclone copies the pages; aws, boto3, curl or s3cmd makes the bucket a website and public
rclone copy ./site holdfast:{bucket}
curl {website}/
"""
CLIENTS = {"aws": _AWS, "boto3": _BOTO3, "curl": _CURL, "rclone": _RCLONE, "s3cmd": _S3CMD}
"""The clients that there is a snippet for."""


def website_snippet(client: str, place: Place, url: str) -> str:
    """The text for one of CLIENTS, as `snippet`; `url` is that below which the host of the bucket's website is."""
    at = urlsplit(url)
    return filled(CLIENTS[client], place, website=f"{at.scheme}://{place.bucket}.{at.netloc}", scheme=at.scheme, below=at.netloc)
