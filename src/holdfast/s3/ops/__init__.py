"""s3/ops"""
