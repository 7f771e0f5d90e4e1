// pgjdbc: metadata as tools ask for it, batches, fetch sizes, transactions, arrays, COPY.

import java.io.StringReader;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.PGResultSetMetaData;

public class WithPgjdbc {
    static final String INSERT = "INSERT INTO faces (external_face_id, embedding) VALUES (?, ?)";

    /** Something to check with a connection of its own. */
    interface Check {
        void run(Connection connection) throws Exception;
    }

    static Connection connect(String... options) throws SQLException {
        var properties = new Properties();
        properties.setProperty("user", System.getenv("PGUSER"));
        properties.setProperty("password", System.getenv("PGPASSWORD"));
        for (int at = 0; at < options.length; at += 2) {
            properties.setProperty(options[at], options[at + 1]);
        }
        var place = System.getenv("PGHOST") + ":" + System.getenv("PGPORT");
        return DriverManager.getConnection(
                "jdbc:postgresql://" + place + "/" + System.getenv("PGDATABASE"), properties);
    }

    static void check(String name, Check check) {
        try (var connection = connect(); var statement = connection.createStatement()) {
            statement.execute("DELETE FROM faces");
            check.run(connection);
            System.out.println("ok " + name);
        } catch (Exception | AssertionError error) {
            var why = String.valueOf(error).replaceAll("\\s+", " ");
            System.out.println("FAIL " + name + ": " + why);
        }
    }

    static void equal(Object found, Object wanted) {
        if (!Objects.deepEquals(found, wanted)) {
            throw new AssertionError("found " + found + ", wanted " + wanted);
        }
    }

    static void refused(String state, Check check, Connection connection) throws Exception {
        try {
            check.run(connection);
        } catch (SQLException error) {
            equal(error.getSQLState(), state);
            return;
        }
        throw new AssertionError("no " + state);
    }

    static List<String> column(ResultSet rows, String name) throws SQLException {
        var found = new ArrayList<String>();
        while (rows.next()) {
            found.add(rows.getString(name));
        }
        rows.close();
        return found;
    }

    static List<String> names(Connection connection) throws SQLException {
        var query = "SELECT external_face_id FROM faces ORDER BY 1";
        return column(connection.createStatement().executeQuery(query), "external_face_id");
    }

    static Array floats(Connection connection, Float... numbers) throws SQLException {
        return connection.createArrayOf("float4", numbers);
    }

    static void insert(Connection connection, String... names) throws SQLException {
        try (var statement = connection.prepareStatement(INSERT)) {
            for (var name : names) {
                statement.setString(1, name);
                statement.setArray(2, floats(connection, 1f, 0f, 0f));
                statement.executeUpdate();
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        Driver driver = DriverManager.getDriver("jdbc:postgresql:");
        System.out.println("machine pgjdbc " + driver.getMajorVersion() + "." + driver.getMinorVersion()
                + " of Debian");
        System.out.println("machine Java " + Runtime.version().feature());
        values();
        metadata();
        writes();
        updatable();
        transactions();
        fetches();
        System.out.println("done");
    }

    static void values() {
        check("reads values of every type", connection -> {
            var row = connection.createStatement().executeQuery(
                    "SELECT true, 3::int, 9::bigint, 1.5::real, 2.5::float8, 'x', NULL,"
                    + " '\\x00ff'::bytea, '2024-01-02 03:04:05+00'::timestamptz, ARRAY[1.5, 2.5]::real[]");
            row.next();
            equal(row.getBoolean(1), true);
            equal(row.getObject(2), 3);
            equal(row.getObject(3), 9L);
            equal(row.getObject(4), 1.5f);
            equal(row.getObject(5), 2.5);
            equal(row.getString(6), "x");
            equal(row.getObject(7), null);
            equal(row.getBytes(8), new byte[] {0, -1});
            var moment = OffsetDateTime.parse("2024-01-02T03:04:05Z");
            equal(row.getObject(9, OffsetDateTime.class).toInstant(), moment.toInstant());
            equal((Object[]) row.getArray(10).getArray(), new Float[] {1.5f, 2.5f});
        });
        check("sends parameters, and turns to binary after five executions", connection -> {
            var query = "SELECT ?::int + 1, ?::text, ?::float8, ?::bytea, ?::timestamptz, ?::bool";
            try (var statement = connection.prepareStatement(query)) {
                var moment = OffsetDateTime.parse("2024-01-02T03:04:05Z");
                for (int number = 0; number < 12; number++) {
                    statement.setInt(1, number);
                    statement.setString(2, "é'\\");
                    statement.setDouble(3, 0.25);
                    statement.setBytes(4, new byte[] {0, 1});
                    statement.setObject(5, moment);
                    statement.setBoolean(6, true);
                    var row = statement.executeQuery();
                    row.next();
                    equal(row.getInt(1), number + 1);
                    equal(row.getString(2), "é'\\");
                    equal(row.getDouble(3), 0.25);
                    equal(row.getBytes(4), new byte[] {0, 1});
                    equal(row.getObject(5, OffsetDateTime.class).toInstant(), moment.toInstant());
                    equal(row.getBoolean(6), true);
                }
            }
        });
        check("describes results and parameters", connection -> {
            insert(connection, "ann");
            var query = "SELECT face_id, confidence FROM faces WHERE external_face_id = ?";
            try (var statement = connection.prepareStatement(query)) {
                equal(statement.getParameterMetaData().getParameterTypeName(1), "text");
                var columns = statement.getMetaData();
                equal(columns.getColumnName(1), "face_id");
                equal(columns.getColumnTypeName(2), "float4");
            }
        });
    }

    static void metadata() {
        check("lists schemas, tables and types (getSchemas, getTables, getTypeInfo)", connection -> {
            var meta = connection.getMetaData();
            equal(column(meta.getSchemas(), "TABLE_SCHEM").contains("public"), true);
            equal(column(meta.getCatalogs(), "TABLE_CAT").contains("default"), true);
            equal(column(meta.getTables(null, "public", "%", new String[] {"TABLE"}), "TABLE_NAME"), List.of("faces"));
            equal(column(meta.getTables(null, null, "fac%", null), "TABLE_NAME"), List.of("faces_pkey", "faces"));
            equal(column(meta.getTables(null, "public", "faces", null), "REMARKS"), List.of("of the matrix"));
            equal(column(meta.getTableTypes(), "TABLE_TYPE").contains("TABLE"), true);
            equal(column(meta.getTypeInfo(), "TYPE_NAME").containsAll(List.of("text", "float4", "jsonb", "vector")), true);
            equal(meta.getDatabaseMajorVersion() >= 15, true);
        });
        check("describes columns (getColumns)", connection -> {
            var columns = connection.getMetaData().getColumns(null, "public", "faces", "%");
            var found = new ArrayList<String>();
            while (columns.next()) {
                found.add(columns.getString("COLUMN_NAME") + " " + columns.getString("TYPE_NAME") + " "
                        + columns.getString("IS_NULLABLE"));
            }
            equal(found.size(), 11);
            equal(found.get(0), "face_id text NO");
            equal(found.get(3), "bounding_box _float4 YES");
            equal(found.get(9), "created_at timestamptz NO");
            equal(found.get(10).startsWith("embedding vector"), true);
        });
        check("tells keys and indexes (getPrimaryKeys, getIndexInfo, getImportedKeys)", connection -> {
            var meta = connection.getMetaData();
            equal(column(meta.getPrimaryKeys(null, "public", "faces"), "COLUMN_NAME"), List.of("face_id"));
            equal(column(meta.getPrimaryKeys(null, null, "faces"), "PK_NAME"), List.of("faces_pkey"));
            var indexes = meta.getIndexInfo(null, "public", "faces", false, false);
            equal(column(indexes, "INDEX_NAME"), List.of("faces_pkey"));
            equal(column(meta.getImportedKeys(null, "public", "faces"), "FK_NAME"), List.of());
            equal(column(meta.getExportedKeys(null, "public", "faces"), "FK_NAME"), List.of());
            var row = meta.getBestRowIdentifier(null, "public", "faces", DatabaseMetaData.bestRowSession, true);
            equal(column(row, "COLUMN_NAME"), List.of("face_id"));
        });
        check("tells functions and privileges (getFunctions, getProcedures, getTablePrivileges)", connection -> {
            var meta = connection.getMetaData();
            equal(column(meta.getFunctions(null, "pg_catalog", "array_in"), "FUNCTION_NAME"), List.of("array_in"));
            equal(column(meta.getProcedures(null, "public", "%"), "PROCEDURE_NAME"), List.of());
            equal(column(meta.getTablePrivileges(null, "public", "faces"), "PRIVILEGE").contains("SELECT"), true);
            equal(column(meta.getUDTs(null, "public", "%", null), "TYPE_NAME"), List.of());
        });
        check("lists types after all are known (getTypeInfo, getUDTs)", connection -> {
            var meta = connection.getMetaData();
            equal(column(meta.getTypeInfo(), "TYPE_NAME").contains("vector"), true);
            equal(column(meta.getUDTs(null, null, null, null), "TYPE_NAME").contains("text"), false);
        });
        check("tells the table and the column that a column is of", connection -> {
            var query = "SELECT f.face_id AS id, f.external_face_id, 1 AS n FROM faces f";
            var columns = connection.createStatement().executeQuery(query).getMetaData();
            equal(columns.getTableName(1) + " " + columns.getTableName(2) + " " + columns.getTableName(3),
                    "faces faces ");
            var base = columns.unwrap(PGResultSetMetaData.class);
            equal(base.getBaseSchemaName(1) + "." + base.getBaseColumnName(1), "public.face_id");
            equal(columns.isNullable(1), ResultSetMetaData.columnNoNulls);
            equal(columns.isNullable(2), ResultSetMetaData.columnNullable);
            equal(columns.isNullable(3), ResultSetMetaData.columnNullableUnknown);
            equal(columns.isAutoIncrement(1), false);
        });
        check("names the columns of a result and their types", connection -> {
            var columns = connection.createStatement().executeQuery("SELECT face_id, 1::int AS n FROM faces").getMetaData();
            equal(columns.getColumnLabel(2), "n");
            equal(columns.getColumnTypeName(2), "int4");
        });
    }

    static void writes() {
        check("counts the rows of each statement of a batch", connection -> {
            try (var statement = connection.prepareStatement(INSERT)) {
                for (var name : List.of("ann", "bob", "cleo")) {
                    statement.setString(1, name);
                    statement.setArray(2, floats(connection, 0f, 1f, 0f));
                    statement.addBatch();
                }
                equal(statement.executeBatch(), new int[] {1, 1, 1});
            }
            try (var statement = connection.createStatement()) {
                statement.addBatch("DELETE FROM faces WHERE external_face_id = 'ann'");
                statement.addBatch("DELETE FROM faces");
                statement.addBatch("DELETE FROM faces");
                equal(statement.executeBatch(), new int[] {1, 2, 0});
            }
        });
        check("rewrites a batch into one statement of many rows", connection -> {
            try (var other = connect("reWriteBatchedInserts", "true");
                    var statement = other.prepareStatement(INSERT)) {
                for (int number = 0; number < 100; number++) {
                    statement.setString(1, "n" + number);
                    statement.setArray(2, floats(other, 0f, 1f, 0f));
                    statement.addBatch();
                }
                equal(Arrays.stream(statement.executeBatch()).allMatch(count ->
                        count == 1 || count == Statement.SUCCESS_NO_INFO), true);
            }
            equal(names(connection).size(), 100);
        });
        check("returns generated keys", connection -> {
            try (var statement = connection.prepareStatement(INSERT, new String[] {"face_id"})) {
                statement.setString(1, "ann");
                statement.setArray(2, floats(connection, 0f, 1f, 0f));
                equal(statement.executeUpdate(), 1);
                var keys = column(statement.getGeneratedKeys(), "face_id");
                equal(keys.get(0).startsWith("f_"), true);
            }
        });
    }

    static void updatable() {
        check("changes, adds and deletes rows of a result (updateRow, insertRow, deleteRow)", connection -> {
            insert(connection, "ann", "bob");
            var statement = connection.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
            var query = "SELECT face_id, external_face_id, embedding FROM faces ORDER BY external_face_id";
            var rows = statement.executeQuery(query);
            equal(rows.getConcurrency(), ResultSet.CONCUR_UPDATABLE);
            rows.next();
            rows.updateString("external_face_id", "anna");
            rows.updateRow();
            equal(rows.getString("external_face_id"), "anna");
            rows.next();
            rows.deleteRow();
            rows.moveToInsertRow();
            rows.updateString("external_face_id", "cleo");
            rows.updateArray("embedding", floats(connection, 0f, 0f, 1f));
            rows.insertRow();
            equal(names(connection), List.of("anna", "cleo"));
        });
        check("calls functions ({? = call version()})", connection -> {
            try (var call = connection.prepareCall("{? = call version()}")) {
                call.registerOutParameter(1, Types.VARCHAR);
                call.execute();
                equal(call.getString(1).startsWith("PostgreSQL "), true);
            }
            try (var call = connection.prepareCall("{? = call upper(?)}")) {
                call.registerOutParameter(1, Types.VARCHAR);
                call.setString(2, "ann");
                call.execute();
                equal(call.getString(1), "ANN");
            }
        });
    }

    static void transactions() {
        check("nests transactions as savepoints", connection -> {
            connection.setAutoCommit(false);
            insert(connection, "ann");
            var savepoint = connection.setSavepoint();
            insert(connection, "bob");
            connection.rollback(savepoint);
            insert(connection, "cleo");
            connection.commit();
            equal(names(connection), List.of("ann", "cleo"));
            insert(connection, "dan");
            connection.rollback();
            equal(names(connection), List.of("ann", "cleo"));
        });
        check("copies in and out (CopyManager)", connection -> {
            var copies = connection.unwrap(PGConnection.class).getCopyAPI();
            var in = "COPY faces (external_face_id, embedding) FROM STDIN WITH (FORMAT csv)";
            equal(copies.copyIn(in, new StringReader("ann,\"[1,0,0]\"\nbob,\"[0,1,0]\"\n")), 2L);
            var out = new java.io.StringWriter();
            var query = "COPY (SELECT external_face_id FROM faces ORDER BY 1) TO STDOUT";
            equal(copies.copyOut(query, out), 2L);
            equal(out.toString(), "ann\nbob\n");
        });
        check("only reads where it said so", connection -> {
            connection.setReadOnly(true);
            refused("25006", it -> {
                it.setAutoCommit(false);
                insert(it, "ann");
            }, connection);
        });
    }

    static void fetches() {
        check("fetches by portions inside a transaction", connection -> {
            connection.setAutoCommit(false);
            var query = "SELECT n FROM generate_series(1, ?) AS t(n)";
            try (PreparedStatement statement = connection.prepareStatement(query)) {
                statement.setFetchSize(50);
                statement.setInt(1, 1001);
                var rows = statement.executeQuery();
                long sum = 0;
                while (rows.next()) {
                    sum += rows.getLong(1);
                }
                equal(sum, 501501L);
            }
            connection.commit();
        });
        check("stops at the maximum of rows", connection -> {
            try (var statement = connection.createStatement()) {
                statement.setMaxRows(7);
                equal(column(statement.executeQuery("SELECT n FROM generate_series(1, 100) AS t(n)"), "n").size(), 7);
            }
        });
        check("searches with parameters", connection -> {
            insert(connection, "ann");
            var query = "SELECT external_face_id FROM (SEARCH FACES IN faces EMBEDDING ? THRESHOLD ? LIMIT ?) s";
            try (var statement = connection.prepareStatement(query)) {
                statement.setArray(1, floats(connection, 1f, 0.1f, 0f));
                statement.setFloat(2, 0.5f);
                statement.setLong(3, 5);
                equal(column(statement.executeQuery(), "external_face_id"), List.of("ann"));
            }
        });
        check("reads several results of one text", connection -> {
            try (var statement = connection.createStatement()) {
                equal(statement.execute("SELECT 1; SELECT 2"), true);
                equal(statement.getMoreResults(), true);
                var row = statement.getResultSet();
                row.next();
                equal(row.getInt(1), 2);
            }
        });
        check("reports SQLSTATEs, and ends statements in time", connection -> {
            refused("42P01", it -> it.createStatement().executeQuery("SELECT * FROM nowhere"), connection);
            refused("42601", it -> it.createStatement().executeQuery("SELEC 1"), connection);
            var endless = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b";
            refused("57014", it -> {
                try (var statement = it.createStatement()) {
                    statement.setQueryTimeout(1);
                    statement.executeQuery(endless);
                }
            }, connection);
        });
        check("tells whether a connection is valid", connection -> equal(connection.isValid(5), true));
    }
}
