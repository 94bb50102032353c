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
(folder / "orders.csv").write_text("id,amount\n1,5")
