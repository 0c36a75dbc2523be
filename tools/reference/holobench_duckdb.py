"""Answers of DuckDB to the same queries on the same rows: the oracle of tests/labs_holobench.rs.

    python tools/reference/holobench_duckdb.py ASKED ANSWERED

ASKED is a JSON object {"databases": [{"tables": [{"name", "columns": [[name, kind], …], "rows": [[…], …]}, …],
"queries": [sql, …]}, …]}; ANSWERED gets {"duckdb": version, "answers": [[{"rows": [[…], …]} or {"error": …}, …], …]}.
"""

import datetime
import decimal
import json
import sys

import duckdb

KINDS = {"integer": "BIGINT", "real": "DOUBLE", "date": "VARCHAR", "text": "VARCHAR"}


def plain(value):
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, float) and value != value:
        return None
    return value


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def answers(database):
    connection = duckdb.connect(":memory:")
    for table in database["tables"]:
        columns = ", ".join(f"{quoted(name)} {KINDS[kind]}" for name, kind in table["columns"])
        connection.execute(f"CREATE TABLE {quoted(table['name'])} ({columns})")
        # A statement a row would take most of a minute.
        for start in range(0, len(table["rows"]), 100):
            rows = table["rows"][start : start + 100]
            marks = ", ".join("(" + ", ".join("?" * len(table["columns"])) + ")" for _ in rows)
            connection.execute(f"INSERT INTO {quoted(table['name'])} VALUES {marks}", [value for row in rows for value in row])
    for sql in database["queries"]:
        try:
            rows = connection.execute(sql).fetchall()
            yield {"rows": [[plain(value) for value in row] for row in rows]}
        except duckdb.Error as error:
            yield {"error": str(error).splitlines()[0]}


with open(sys.argv[1], encoding="utf-8") as file:
    asked = json.load(file)
result = {"duckdb": duckdb.__version__, "answers": [list(answers(database)) for database in asked["databases"]]}
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(result, file)
