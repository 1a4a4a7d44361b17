"""SQLAlchemy over psycopg2, as Superset reads: reflection of views, columns and comments."""
import json
import numbers

import sqlalchemy

engine = sqlalchemy.create_engine("postgresql+psycopg2://")
inspector = sqlalchemy.inspect(engine)
with engine.connect() as connection:
    for view in inspector.get_view_names(schema="crm"):
        columns = inspector.get_columns(view, schema="crm")
        untyped = [column["name"] for column in columns if isinstance(column["type"], sqlalchemy.types.NullType)]
        if untyped:
            raise SystemExit(f"{view}: columns without a type: {untyped}")
        rows = connection.execute(sqlalchemy.text(f'SELECT * FROM crm."{view}"')).fetchall()
        sums = {}
        for nth, column in enumerate(columns):
            values = [row[nth] for row in rows if row[nth] is not None]
            if values and all(isinstance(value, numbers.Number) and not isinstance(value, bool) for value in values):
                sums[column["name"]] = float(sum(values))
            elif not values:
                sums[column["name"]] = None
        print(json.dumps({"view": view, "rows": len(rows), "sums": sums, "described": all(column["comment"] for column in columns)}))
