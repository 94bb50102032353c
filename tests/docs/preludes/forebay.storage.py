import pytest

for library in ("obstore", "boto3", "moto"):
    pytest.importorskip(library)

from support import s3

bucket = s3.Bucket(stack.enter_context(s3.s3_server()), "bucket")
patch = pytest.MonkeyPatch()
stack.callback(patch.undo)
for name, value in bucket.environment.items():
    patch.setenv(name, value)
bucket.create()

from forebay import Readable, Writable, pipeline, storage
from forebay.codecs import gunzip, gzip

source, sink = Readable.from_([b"abc"]), Writable(write=lambda chunk: None)
