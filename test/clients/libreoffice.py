"""LibreOffice Base and Calc (SDBC driver for PostgreSQL): the catalog, then every view."""
import atexit
import json
import os
import shutil
import subprocess
import tempfile
import time

import uno
from com.sun.star.connection import NoConnectException
from com.sun.star.sdbc import DataType

profile = tempfile.mkdtemp()
pipe = f"kpicrm{os.getpid()}"
office = subprocess.Popen(
    ["soffice", "--headless", "--norestore", "--nologo", f"-env:UserInstallation=file://{profile}", f"--accept=pipe,name={pipe};urp;"],
    env={**os.environ, "HOME": profile}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@atexit.register
def stop():
    office.terminate()
    office.wait(30)
    shutil.rmtree(profile, ignore_errors=True)


def context():
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    for _ in range(600):
        try:
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        except NoConnectException:
            time.sleep(0.1)
    raise SystemExit("LibreOffice did not start")


NUMBERS = (DataType.SMALLINT, DataType.INTEGER, DataType.BIGINT, DataType.REAL, DataType.DOUBLE, DataType.NUMERIC, DataType.DECIMAL)
manager = context().ServiceManager.createInstance("com.sun.star.sdbc.DriverManager")
connection = manager.getConnection(
    "sdbc:postgresql:host={PGHOST} port={PGPORT} dbname={PGDATABASE} user={PGUSER}".format(**os.environ))
tables = connection.MetaData.getTables(None, "crm", "%", ("VIEW",))
views = {}
while tables.next():
    # the driver lists the tables, too
    if tables.getString(4) == "VIEW":
        views[tables.getString(3)] = tables.getString(5)
for view, remark in sorted(views.items()):
    rows = connection.createStatement().executeQuery(f'SELECT * FROM "crm"."{view}"')
    shape = rows.MetaData
    numbers = [nth for nth in range(1, shape.ColumnCount + 1) if shape.getColumnType(nth) in NUMBERS]
    sums = {shape.getColumnName(nth): 0.0 for nth in numbers}
    count = 0
    while rows.next():
        count += 1
        for nth in numbers:
            sums[shape.getColumnName(nth)] += rows.getDouble(nth)
    print(json.dumps({"view": view, "rows": count, "sums": sums, "described": bool(remark)}))
connection.close()
