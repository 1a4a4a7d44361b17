import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.Statement;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;

/** JDBC, as Metabase and Tableau read: DatabaseMetaData with its remarks, then every view. */
public class Jdbc {
    public static void main(String[] arguments) throws Exception {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        try (Connection connection = DriverManager.getConnection(url, System.getenv("PGUSER"), "")) {
            DatabaseMetaData meta = connection.getMetaData();
            List<String> views = new ArrayList<>();
            List<Boolean> described = new ArrayList<>();
            try (ResultSet tables = meta.getTables(null, "crm", "%", new String[] {"VIEW"})) {
                while (tables.next()) {
                    views.add(tables.getString("TABLE_NAME"));
                    described.add(tables.getString("REMARKS") != null);
                }
            }
            for (int view = 0; view < views.size(); view++)
                read(connection, meta, views.get(view), described.get(view));
        }
    }

    private static void read(Connection connection, DatabaseMetaData meta, String view, boolean described) throws Exception {
        try (ResultSet columns = meta.getColumns(null, "crm", view, "%")) {
            while (columns.next())
                described &= columns.getString("REMARKS") != null && columns.getInt("DATA_TYPE") != Types.OTHER;
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT * FROM crm.\"" + view + "\"")) {
            ResultSetMetaData shape = rows.getMetaData();
            double[] sums = new double[shape.getColumnCount() + 1];
            long count = 0;
            while (rows.next()) {
                count++;
                for (int nth = 1; nth < sums.length; nth++)
                    if (isNumber(shape.getColumnType(nth)))
                        sums[nth] += rows.getDouble(nth);
            }
            StringBuilder said = new StringBuilder();
            for (int nth = 1; nth < sums.length; nth++)
                if (isNumber(shape.getColumnType(nth)))
                    said.append(said.length() == 0 ? "" : ", ").append('"').append(shape.getColumnName(nth)).append("\": ").append(sums[nth]);
            System.out.println("{\"view\": \"" + view + "\", \"rows\": " + count + ", \"sums\": {" + said + "}, \"described\": " + described + "}");
        }
    }

    private static boolean isNumber(int type) {
        return type == Types.BIGINT || type == Types.INTEGER || type == Types.DOUBLE || type == Types.NUMERIC;
    }
}
