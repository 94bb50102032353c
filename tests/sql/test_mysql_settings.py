"""A stream leaves the settings that the program has made for its own transactions."""

from asyncio import sleep
from uuid import uuid4

import pytest

from forebay import sql
from support.drivers import DRIVERS

# The server's answer to a change in a transaction that only reads.
REFUSED = 1792


@pytest.fixture(params=["mysqlclient", "pymysql", "mysql-connector", "asyncmy", "aiomysql"])
def driver(request):
    driver = DRIVERS[request.param]()
    for library in driver.libraries:
        pytest.importorskip(library)
    return driver


@pytest.mark.parametrize("autocommit", [0, 1])
@pytest.mark.parametrize("statement", ["select 1", "no statement"])
def test_a_transaction_after_a_query_is_read_only_as_the_program_has_said(
    run, mariadb, driver, statement, autocommit
):
    async def main():
        connection = await driver.connect(mariadb)
        try:
            table = f"settings_{uuid4().hex}"
            await driver.execute(connection, f"CREATE TABLE {table} (id int) ENGINE=InnoDB")
            await driver.commit(connection)
            await driver.execute(connection, f"SET autocommit = {autocommit}")
            await driver.execute(connection, "SET SESSION TRANSACTION READ ONLY")
            stream = sql.query(connection, statement)
            if statement == "no statement":
                with pytest.raises(Exception, match="syntax"):
                    await stream.to_list()
            else:
                assert [tuple(row) for row in await stream.to_list()] == [(1,)]
            while not stream.closed:
                await sleep(0.001)
            with pytest.raises(Exception, match=str(REFUSED)):
                await driver.execute(connection, f"INSERT INTO {table} VALUES (1)")
        finally:
            await driver.close(connection)

    run(main)
