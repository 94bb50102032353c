import subprocess
import sys
from pathlib import Path

import pytest

for library in ("obstore", "boto3", "moto"):
    pytest.importorskip(library)

import boto3

import support

program = subprocess.Popen(
    [sys.executable, Path(next(iter(support.__path__))) / "moto_program.py"],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
)
stack.callback(program.wait, 20)
stack.callback(program.stdin.close)
endpoint = f"http://127.0.0.1:{int(program.stdout.readline())}"
program.stdout.close()
settings = {
    "AWS_ENDPOINT_URL": endpoint,
    "AWS_ALLOW_HTTP": "true",
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "key",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}
patch = pytest.MonkeyPatch()
stack.callback(patch.undo)
for name, value in settings.items():
    patch.setenv(name, value)
client = boto3.client("s3")
client.create_bucket(Bucket="bucket")
client.close()

from forebay import Readable, Writable, pipeline, storage
from forebay.codecs import gunzip, gzip

source, sink = Readable.from_([b"abc"]), Writable(write=lambda chunk: None)
