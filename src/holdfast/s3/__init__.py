"""The S3 dialect: which operation a request names, its input and output on the wire, its errors."""
