"""ODBC (psqlODBC), as Power BI and Excel read: the catalog calls, then every view."""
import decimal
import json
import os

import pyodbc

connection = pyodbc.connect(
    "DRIVER={{PostgreSQL Unicode}};SERVER={PGHOST};PORT={PGPORT};DATABASE={PGDATABASE};UID={PGUSER}".format(**os.environ), readonly=True)
cursor = connection.cursor()
views = [row.table_name for row in cursor.tables(schema="crm", tableType="VIEW").fetchall()]
for view in views:
    remarks = [row.remarks for row in cursor.columns(table=view, schema="crm").fetchall()]
    rows = cursor.execute(f'SELECT * FROM crm."{view}"').fetchall()
    sums = {}
    for nth, column in enumerate(cursor.description):
        values = [row[nth] for row in rows if row[nth] is not None]
        if not values:
            sums[column[0]] = None
        elif all(isinstance(value, (int, float, decimal.Decimal)) and not isinstance(value, bool) for value in values):
            sums[column[0]] = float(sum(values))
    print(json.dumps({"view": view, "rows": len(rows), "sums": sums, "described": bool(remarks) and len(remarks) == len(cursor.description)}))
