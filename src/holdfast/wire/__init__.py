"""The wire format of S3 as data: readers and writers compiled once from botocore's service model."""
