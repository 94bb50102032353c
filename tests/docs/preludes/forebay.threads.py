import asyncio
import io

from forebay import Readable, Writable, pipeline
from forebay.codecs import gzip
from forebay.threads import as_file, from_thread, thread_writer, to_thread

stream, sink, file = Readable.from_([b"a"]), Writable(write=lambda chunk: None), io.BytesIO()
cursor_rows = [b"a", b"b"]


def read_table(file):
    return file.read()


def measure(writer):
    writer.write(b"1")
