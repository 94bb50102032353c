import duckdb
import pyarrow

from forebay import Writable, pipeline, sql
from forebay.formats import arrow

con = duckdb.connect("big.duckdb")
stack.callback(con.close)
con.execute("create table big as select range as id, range as t from range(100)")
sink = Writable(write=lambda row: None, object_mode=True)
