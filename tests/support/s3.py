"""A server of S3 in a process of its own, and its buckets. It needs boto3 and moto."""

import contextlib
import subprocess
import sys
from pathlib import Path

import boto3

PROGRAM = Path(__file__).with_name("moto_program.py")


class Bucket:
    """A bucket, and how to reach it."""

    def __init__(self, endpoint, name):
        self.endpoint = endpoint
        self.name = name
        self.options = {
            "endpoint": endpoint,
            "access_key_id": "id",
            "secret_access_key": "key",
            "region": "us-east-1",
            "client_options": {"allow_http": True},
        }
        self.environment = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "key",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def create(self):
        with self.client() as client:
            client.create_bucket(Bucket=self.name)

    def url(self, key):
        return f"s3://{self.name}/{key}"

    @contextlib.contextmanager
    def client(self):
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="id",
            aws_secret_access_key="key",
            region_name="us-east-1",
        )
        try:
            yield client
        finally:
            client.close()

    def put(self, key, data):
        with self.client() as client:
            client.put_object(Bucket=self.name, Key=key, Body=data)

    def get(self, key):
        with (
            self.client() as client,
            contextlib.closing(client.get_object(Bucket=self.name, Key=key)["Body"]) as body,
        ):
            return body.read()

    def head(self, key):
        with self.client() as client:
            return client.head_object(Bucket=self.name, Key=key)

    def keys(self):
        with self.client() as client:
            return [each["Key"] for each in client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def uploads(self):
        """The uploads that have begun and not ended: their parts are there."""
        with self.client() as client:
            return [
                each["Key"] for each in client.list_multipart_uploads(Bucket=self.name).get("Uploads") or []
            ]


@contextlib.contextmanager
def s3_server():
    """Run a server of S3; its URL."""
    program = subprocess.Popen(
        [sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield f"http://127.0.0.1:{int(program.stdout.readline())}"
    finally:
        program.stdin.close()
        program.stdout.close()
        program.wait(20)
