// node-postgres, as Evidence and Cube read: bigint and numeric come as text, and are numbers.
const { Client, types } = require('pg');

const numbers = new Set([types.builtins.INT8, types.builtins.INT4, types.builtins.FLOAT8, types.builtins.NUMERIC]);

async function main() {
    const client = new Client();
    await client.connect();
    const views = await client.query(
        "SELECT table_name, obj_description(format('crm.%I', table_name)::regclass) AS description FROM information_schema.views WHERE table_schema = 'crm' ORDER BY 1");
    for (const { table_name: view, description } of views.rows) {
        const result = await client.query(`SELECT * FROM crm."${view}"`);
        const sums = {};
        for (const field of result.fields)
            if (numbers.has(field.dataTypeID)) sums[field.name] = result.rows.reduce((sum, row) => sum + Number(row[field.name] ?? 0), 0);
        console.log(JSON.stringify({ view, rows: result.rows.length, sums, described: description !== null }));
    }
    await client.end();
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
