import os
import sqlite3

import pytest

from forebay import codecs, create_write_stream, pipeline

for library in ("pandas", "pyarrow", "boto3", "moto", "msgpack"):
    pytest.importorskip(library)

import boto3
from moto.server import ThreadedMotoServer

lines = [b"id,amount\n", *(f"{number},{number}\n".encode() for number in range(1, 101))]
await pipeline(lines, codecs.gzip(), create_write_stream("orders.csv.gz"))
(folder / "plain.txt").write_text("plain")
users = sqlite3.connect("shop.db")
users.execute("create table users (id, name)")
users.executemany("insert into users values (?, ?)", [(1, "ada"), (2, "grace")])
users.commit()
users.close()
store = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
store.start()
stack.callback(store.stop)
s3 = boto3.client(
    "s3",
    endpoint_url="http://{}:{}".format(*store.get_host_and_port()),
    aws_access_key_id="id",
    aws_secret_access_key="key",
    region_name="us-east-1",
)
stack.callback(lambda: s3.close())
s3.create_bucket(Bucket="bucket")
