"""Random flows of rows: out of SQLite, through CSV and JSON lines, into SQLite. All arrive, or the start of them and an error."""

import csv as standard_csv
import json as standard_json
import random
import sqlite3
from typing import Any

from forebay import Readable, Transform, codecs, create_read_stream, sql
from forebay.formats import csv, json
from programs.choices import Choices
from programs.flows import Flow

__all__ = ["Rows"]

COLUMNS = ("id", "name", "value")
TYPES = {"id": int, "value": int}
NAMES = ("plain", "two words", 'a "quoted" one', "a,b", "line\nbreak", "ü€", "", " ")
QUERY = "select id, name, value from numbers order by id"
TABLE = "(id integer primary key, name text, value integer)"


class Rows(Flow):
    """A source of rows, up to three stages that pass them on, and a sink."""

    clear = (*Flow.clear, sqlite3.Error)

    def __init__(self, draw: Choices) -> None:
        super().__init__(draw)
        self.conflict = self.fault == "none" and draw.one_in(3)
        self.transaction: str | None = None
        self.first: list[Any] = []
        self.databases: list[tuple[Any, sqlite3.Connection]] = []
        self.target: list[Any] = []
        self.stored: Any = lambda: self.target

    def content(self) -> bytes:
        dice = random.Random(self.draw.below(1000))
        self.rows = [
            {"id": number, "name": f"{dice.choice(NAMES)}{number % 7}", "value": dice.randrange(-5, 1 << 40)}
            for number in range(self.draw.pick([20, 0, 1, 300, 2500]))
        ]
        self.expected = list(self.rows)
        return b""

    def row_mark(self) -> dict[str, Any]:
        return {"high_water_mark": self.draw.pick([16, 1, 2, 500])}

    # ---- databases

    def database(self, name: str, rows: list[dict[str, Any]]) -> str:
        path = str(self.folder / f"{name}.db")
        with sqlite3.connect(path) as connection:
            connection.execute(f"create table numbers {TABLE}")
            connection.executemany("insert into numbers values (:id, :name, :value)", rows)
        connection.close()
        return path

    def connected(self, path: str, make: Any) -> Any:
        """The stream that ``make`` makes of a URL, or of a connection that has to stay usable."""
        if self.draw.below(2) == 0:
            return make(f"sqlite:{path}")
        connection = sqlite3.connect(path, check_same_thread=False)
        stream = make(connection)
        self.databases.append((stream, connection))
        return stream

    # ---- sources

    def source(self) -> Any:
        return self.draw.pick([self.by_query, self.by_rows, self.by_csv_file, self.by_json_file])()

    def by_query(self) -> Any:
        options: dict[str, Any] = {
            "batch": self.draw.pick([None, 1, 7, 100]),
            "ahead": not self.draw.one_in(3),
        }
        path = self.database("source", self.rows)
        return self.connected(path, lambda using: sql.query(using, QUERY, rows=dict, **options))

    def by_rows(self) -> Any:
        def each() -> Any:
            for row in self.rows:
                self.called("source")
                yield row

        return Readable.from_(each(), **self.row_mark())

    def by_csv_file(self) -> Any:
        path = self.folder / "source.csv"
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = standard_csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
        self.first = [csv.parse(types=TYPES)]
        return create_read_stream(path, high_water_mark=self.draw.pick([None, 1000, 50]))

    def by_json_file(self) -> Any:
        path = self.folder / "source.jsonl"
        path.write_text("".join(standard_json.dumps(row) + "\n" for row in self.rows))
        self.first = [json.parse_lines()]
        return create_read_stream(path, high_water_mark=self.draw.pick([None, 1000, 50]))

    # ---- stages

    def stages(self) -> list[Any]:
        choices = [self.by_csv, self.by_json, self.passed]
        return [
            *self.first,
            *(stage for _ in range(self.draw.below(3)) for stage in self.draw.pick(choices)()),
        ]

    def by_csv(self) -> list[Any]:
        return [csv.stringify(columns=COLUMNS), *self.as_bytes(), csv.parse(types=TYPES)]

    def by_json(self) -> list[Any]:
        return [json.stringify_lines(), *self.as_bytes(), json.parse_lines()]

    def as_bytes(self) -> list[Any]:
        """Stages that change nothing but where the bytes are cut."""
        size = self.draw.pick([0, 1000, 7, 65536])

        def cut(chunk: Any) -> Any:
            self.called("stage")
            for start in range(0, len(chunk), max(size, len(chunk) // 500)):
                yield bytes(chunk[start : start + max(size, len(chunk) // 500)])

        stages = [codecs.gzip(), codecs.gunzip()] if self.draw.one_in(4) else []
        return [*stages, Transform(transform=cut)] if size else stages

    def passed(self) -> list[Any]:
        def transform(row: Any) -> Any:
            self.called("stage")
            return row

        return [Transform(transform=transform, object_mode=True, **self.row_mark())]

    # ---- sinks

    def sink(self) -> Any:
        if self.conflict:
            return self.to_table()
        return self.draw.pick([self.to_table, self.to_memory, self.to_memory_by_many, self.to_function])()

    def mark(self) -> dict[str, Any]:
        return {"object_mode": True, **self.row_mark()}

    def take(self, chunk: Any) -> None:
        self.called("sink")
        self.target.append(chunk)

    def to_table(self) -> Any:
        draw = self.draw
        self.transaction = draw.pick(["stream", "batch"])
        options: dict[str, Any] = {
            "batch": draw.pick([1000, 1, 7, 100]),
            "linger": draw.pick([None, 0.001]),
            "method": draw.pick(["auto", "executemany", "values"]),
            "transaction": self.transaction,
            "columns": draw.pick([None, COLUMNS]),
        }
        before: list[dict[str, Any]] = []
        if self.conflict and self.rows:
            options["on_conflict"] = draw.pick([None, "ignore", "update"])
            number = draw.below(len(self.rows))
            before = [{**self.rows[number], "name": "before"}]
            if options["on_conflict"] is None:
                self.struck = True
            else:
                options["key"] = ["id"]
        path = self.database("target", before)
        if options.get("on_conflict") == "ignore":
            self.expected[number : number + 1] = before
        self.stored = lambda: self.read(path, before if self.struck else [])
        return self.connected(path, lambda using: sql.insert(using, "numbers", **options))

    @staticmethod
    def read(path: str, without: list[dict[str, Any]]) -> list[dict[str, Any]]:
        with sqlite3.connect(path) as connection:
            rows = [dict(zip(COLUMNS, row, strict=True)) for row in connection.execute(QUERY)]
        connection.close()
        return [row for row in rows if row not in without]

    # ---- the end

    def check(self, error: BaseException | None) -> None:
        for stream, connection in self.databases:
            if stream.connection_state == "usable":
                assert not connection.in_transaction
                assert connection.execute("select 1").fetchall() == [(1,)]
            connection.close()
        stored = self.stored()
        assert stored == self.expected[: len(stored)], (
            f"{len(stored)} rows, not the first of {len(self.rows)}"
        )
        if error is None:
            assert self.struck or len(stored) == len(self.rows)
            assert not self.conflict or not self.struck, "the conflict is no error"
        elif self.transaction == "stream":
            assert len(stored) in (0, len(self.rows))
        if self.fault == "none":
            count = len(stored) if self.transaction == "stream" or error is None else "some"
            self.trace.append(f"{type(error).__name__}, {count} rows")
