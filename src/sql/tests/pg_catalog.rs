//! What clients ask the system catalogs, and the answers they get.

use datafusion::scalar::ScalarValue;

use super::Client;
use crate::engine::Role;
use crate::sql::{SqlState, SqlType};

async fn types(client: &Client, sql: &str) -> (Vec<SqlType>, Vec<SqlType>) {
    let statement = client.parse(sql).unwrap();
    let description = client.session.describe(&statement, &[]).await.unwrap();
    let columns = description.columns.unwrap();
    (description.parameters, columns.fields().iter().map(|field| SqlType::of(field)).collect())
}

/// What tokio-postgres asks about a type that it does not know.
#[tokio::test]
async fn a_driver_finds_the_type_vector() {
    let client = Client::new();
    let sql = "SELECT t.typname, t.typtype, t.typelem, r.rngsubtype, t.typbasetype, n.nspname, \
               t.typrelid FROM pg_catalog.pg_type t \
               LEFT OUTER JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid \
               INNER JOIN pg_catalog.pg_namespace n ON t.typnamespace = n.oid WHERE t.oid = $1";
    let (parameters, columns) = types(&client, sql).await;
    assert_eq!(parameters, [SqlType::Oid]);
    let (name, oid) = (SqlType::Name, SqlType::Oid);
    assert_eq!(columns, [name, SqlType::Char, oid, oid, oid, name, oid]);
    let found = client.rows_with(sql, &[ScalarValue::from(16_388_u32)]).await;
    assert_eq!(found, [["vector", "b", "0", "", "0", "public", "0"]]);
    let array = client.rows_with(sql, &[ScalarValue::from(16_389_u32)]).await;
    assert_eq!(array, [["_vector", "b", "16388", "", "0", "public", "0"]]);
}

#[tokio::test]
async fn a_collection_is_a_table_with_columns_and_a_key() {
    let client = Client::with_people().await;
    let class = "SELECT c.relkind, c.reltuples, n.nspname FROM pg_class c \
                 JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'people'";
    assert_eq!(client.rows(class).await, [["r", "4.0", "public"]]);
    let columns = "SELECT attname, format_type(atttypid, atttypmod), attnotnull \
                   FROM pg_catalog.pg_attribute \
                   WHERE attrelid = 'people'::pg_catalog.regclass AND attnum > 0 ORDER BY attnum";
    let columns = client.rows(columns).await;
    assert_eq!(columns.len(), 11);
    assert_eq!(columns[0], ["face_id", "text", "true"]);
    assert_eq!(columns[3], ["bounding_box", "real[]", "false"]);
    assert_eq!(columns[9], ["created_at", "timestamp with time zone", "true"]);
    let key = "SELECT conname, pg_get_constraintdef(oid, true), pg_get_indexdef(conindid) \
               FROM pg_constraint WHERE conrelid = 'people'::regclass";
    let index = "CREATE UNIQUE INDEX people_pkey ON public.people USING btree (face_id)";
    assert_eq!(client.rows(key).await, [["people_pkey", "PRIMARY KEY (face_id)", index]]);
}

/// Other tenants' collections stand between them.
#[tokio::test]
async fn oids_do_not_count_collections() {
    let client = Client::new();
    for number in 0..12 {
        client.run(&format!("CREATE COLLECTION c{number:02} WITH (dimensions = 2)")).await;
    }
    let oids = "SELECT oid::bigint FROM pg_class WHERE relname LIKE 'c__' ORDER BY relname";
    let oids = client.column(oids).await;
    let oids: Vec<u32> = oids.iter().map(|oid| oid.parse().unwrap()).collect();
    assert!(oids.len() == 12 && !oids.is_sorted(), "{oids:?}");
}

#[tokio::test]
async fn an_oid_lasts_as_long_as_its_collection() {
    let client = Client::with_people().await;
    let oid = client.column("SELECT 'people'::regclass::oid").await;
    client.run("CREATE COLLECTION another WITH (dimensions = 2)").await;
    assert_eq!(client.column("SELECT 'public.people'::regclass::oid").await, oid);
    client.run("DROP COLLECTION people").await;
    client.run("CREATE COLLECTION people WITH (dimensions = 3)").await;
    assert_ne!(client.column("SELECT to_regclass('people')").await, oid);
}

#[tokio::test]
async fn the_standard_views_describe_collections() {
    let client = Client::with_people().await;
    let tables = "SELECT table_schema, table_name, table_type FROM information_schema.tables";
    assert_eq!(client.rows(tables).await, [["public", "people", "BASE TABLE"]]);
    let columns = "SELECT column_name, data_type, udt_name, is_nullable \
                   FROM information_schema.columns WHERE table_name = 'people' \
                   AND ordinal_position IN (1, 4, 6) ORDER BY ordinal_position";
    assert_eq!(
        client.rows(columns).await,
        [
            ["face_id", "text", "text", "NO"],
            ["bounding_box", "ARRAY", "_float4", "YES"],
            ["quality", "real", "float4", "YES"],
        ]
    );
    let key = "SELECT column_name FROM information_schema.key_column_usage";
    assert_eq!(client.column(key).await, ["face_id"]);
    let sizes = "SELECT character_octet_length, numeric_precision, datetime_precision \
                 FROM information_schema.columns \
                 WHERE column_name IN ('face_id', 'quality', 'created_at') \
                 ORDER BY ordinal_position";
    assert_eq!(client.rows(sizes).await, [["1073741824", "", ""], ["", "24", ""], ["", "", "6"]]);
    let elements = "SELECT c.column_name, e.data_type FROM information_schema.columns c \
                    JOIN information_schema.element_types e \
                    ON e.object_name = c.table_name \
                    AND e.collection_type_identifier = c.dtd_identifier";
    assert_eq!(client.rows(elements).await, [["bounding_box", "real"]]);
}

#[tokio::test]
async fn what_the_server_fills_has_a_default() {
    let client = Client::with_people().await;
    let told = "SELECT column_name, column_default FROM information_schema.columns \
                WHERE column_default IS NOT NULL ORDER BY ordinal_position";
    let wanted = [
        ["face_id", "gen_face_id()"],
        ["model", "'external'::text"],
        ["created_at", "clock_timestamp()"],
    ];
    assert_eq!(client.rows(told).await, wanted);
    let kept = "SELECT a.attname, pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d \
                JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum \
                WHERE a.atthasdef ORDER BY d.adnum";
    assert_eq!(client.rows(kept).await, wanted);
    let insert = "INSERT INTO people (face_id, external_face_id, model, created_at, embedding) \
                  VALUES (gen_face_id(), 'gus', 'external'::text, clock_timestamp(), '[1, 0, 0]'), \
                  (gen_face_id(), 'hal', DEFAULT, DEFAULT, '[1, 0, 0]')";
    client.run(insert).await;
    let ascending = "SELECT string_agg(external_face_id, ' ' ORDER BY face_id) FROM people \
                     WHERE external_face_id IN ('gus', 'hal')";
    assert_eq!(client.column(ascending).await, ["gus hal"]);
}

#[tokio::test]
async fn every_relation_can_be_read() {
    let client = Client::with_people().await;
    let all = "SELECT n.nspname, c.relname FROM pg_class c \
               JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname <> 'public'";
    let relations = client.rows(all).await;
    assert!(relations.len() > 90);
    for relation in relations {
        client.rows(&format!("SELECT * FROM {}", relation.join("."))).await;
    }
}

#[tokio::test]
async fn names_become_oids() {
    let client = Client::new();
    let one = async |sql: &str| client.column(sql).await.remove(0);
    assert_eq!(one("SELECT 'double precision'::regtype::oid").await, "701");
    assert_eq!(one("SELECT 'vector'::regtype::oid").await, "16388");
    assert_eq!(one("SELECT 'pg_catalog.array_in'::regproc::oid").await, "750");
    assert_eq!(one("SELECT 701::regtype::text").await, "double precision");
    assert_eq!(one("SELECT 'pg_type'::regclass::text").await, "pg_type");
    assert_eq!(one("SELECT 'pg_type'::regclass").await, "pg_type");
    assert_eq!(one("SELECT 701::regtype AS type").await, "double precision");
    assert_eq!(one("SELECT 750::regproc::text").await, "array_in");
    assert_eq!(one("SELECT to_regtype('real[]')").await, "real[]");
    assert_eq!(one("SELECT pg_catalog.format_type(16388, 512)").await, "vector(512)");
    assert_eq!(one("SELECT format_type(1043, 14)").await, "character varying(10)");
    assert_eq!(one("SELECT pg_get_userbyid(10)").await, "tester");
    assert_eq!(one("SELECT to_regclass('no_such')").await, "");
    assert_eq!(client.state("SELECT 'no_such'::regclass").await, SqlState::UndefinedTable);
    assert_eq!(client.state("SELECT 'no_such'::regtype").await, SqlState::UndefinedObject);
    assert_eq!(client.state("SELECT 'x'::oid").await, SqlState::InvalidTextRepresentation);
}

/// What psql asks for `\dt`, with the operators and collations in words as it writes them.
#[tokio::test]
async fn psql_lists_tables() {
    let client = Client::with_people().await;
    let sql = "SELECT n.nspname as \"Schema\", c.relname as \"Name\", \
               CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' END as \"Type\", \
               pg_catalog.pg_get_userbyid(c.relowner) as \"Owner\" \
               FROM pg_catalog.pg_class c \
               LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam \
               WHERE c.relkind IN ('r','p','') AND n.nspname <> 'pg_catalog' \
               AND n.nspname !~ '^pg_toast' AND n.nspname <> 'information_schema' \
               AND c.relname OPERATOR(pg_catalog.~) '^(people)$' COLLATE pg_catalog.default \
               AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2";
    assert_eq!(client.rows(sql).await, [["public", "people", "table", "tester"]]);
}

#[tokio::test]
async fn settings_are_rows_and_what_a_function_answers() {
    let client = Client::new();
    client.run("SET application_name = 'studio'").await;
    let cases = [
        ("SELECT current_setting('application_name')", "studio"),
        ("SELECT current_setting('Application_Name', false)", "studio"),
        ("SELECT current_setting('nothing', true) IS NULL", "true"),
        ("SELECT setting FROM pg_settings WHERE name = 'application_name'", "studio"),
        ("SELECT source FROM pg_settings WHERE name = 'application_name'", "session"),
        ("SELECT source FROM pg_catalog.pg_settings WHERE name = 'server_version'", "default"),
        ("SELECT pg_catalog.pg_size_pretty(10240)", "10 kB"),
        ("SELECT pg_char_to_encoding('UTF-8')", "6"),
        (
            "SELECT format('%s of %I is %L, 100%%', 1, 'a b', 'it''s')",
            "1 of \"a b\" is 'it''s', 100%",
        ),
        ("SELECT array_upper(ARRAY[7, 8, 9], 1)", "3"),
    ];
    for (sql, expected) in cases {
        assert_eq!(client.column(sql).await, [expected], "{sql}");
    }
    let unknown = client.state("SELECT current_setting('nothing')").await;
    assert_eq!(unknown, SqlState::UndefinedObject);
}

#[tokio::test]
async fn a_text_beside_an_array_is_an_array() {
    let client = Client::new();
    let cases = [
        ("SELECT count(*) FROM pg_policy WHERE polroles = '{0}'", "0"),
        ("SELECT ARRAY[1, 2] = '{1, 2}'", "true"),
        ("SELECT '{1}' <> ARRAY[1, 2]", "true"),
        ("SELECT ARRAY['a'] = '{a}'", "true"),
    ];
    for (sql, expected) in cases {
        assert_eq!(client.column(sql).await, [expected], "{sql}");
    }
}

/// Cases of a statement and the one value that it answers.
async fn assert_answers(client: &Client, cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        assert_eq!(client.column(sql).await, [*expected], "{sql}");
    }
}

#[tokio::test]
async fn a_row_tells_the_relation_that_it_is_of() {
    let client = Client::with_people().await;
    let cases = [
        ("SELECT tableoid FROM pg_language WHERE lanname = 'c'", "2612"),
        ("SELECT l.tableoid::regclass::text FROM pg_catalog.pg_language l LIMIT 1", "pg_language"),
        ("SELECT tableoid = 'people'::regclass FROM people LIMIT 1", "true"),
        ("SELECT tt.tableoid FROM (SELECT c.tableoid FROM pg_class c LIMIT 1) tt", "1259"),
        ("SELECT tableoid FROM (SELECT 7 AS tableoid) x", "7"),
        ("WITH people AS (SELECT 7 AS tableoid) SELECT people.tableoid FROM people", "7"),
        (
            "SELECT (SELECT count(*) FROM pg_description d WHERE d.classoid = c.tableoid) \
             FROM pg_class c WHERE c.relname = 'people'",
            "0",
        ),
    ];
    assert_answers(&client, &cases).await;
    let described = client.describe("SELECT tableoid FROM people").await;
    assert_eq!(described.1, Some(vec!["tableoid".to_owned()]));
}

#[tokio::test]
async fn a_function_is_a_number_that_reads_as_its_name() {
    let client = Client::new();
    let text = "SELECT typreceive::text FROM pg_type WHERE typname = 'bool'";
    let arrays = "SELECT count(*) > 50 FROM pg_type WHERE typreceive::TEXT = 'array_recv'";
    let cases = [
        (text, "boolrecv"),
        (arrays, "true"),
        ("SELECT count(*) FROM pg_type WHERE typreceive = 'boolrecv'::regproc", "1"),
        ("SELECT typsubscript::text FROM pg_type WHERE typname = 'bool'", "-"),
        ("SELECT 750::regprocedure::text", "array_in(cstring,oid,integer)"),
        ("SELECT 'array_in(cstring, oid, integer)'::regprocedure::oid", "750"),
        (
            "SELECT oidvectortypes(proargtypes) FROM pg_proc WHERE proname = 'array_in'",
            "cstring, oid, integer",
        ),
    ];
    assert_answers(&client, &cases).await;
    let (_, columns) = types(&client, "SELECT typreceive FROM pg_type").await;
    assert_eq!(columns, [SqlType::Regproc]);
    let unknown = client.state("SELECT 'array_in(text)'::regprocedure").await;
    assert_eq!(unknown, SqlState::UndefinedFunction);
}

#[tokio::test]
async fn a_name_of_a_relation_may_be_quoted_and_qualified() {
    let client = Client::with_people().await;
    let cases = [
        ("SELECT '\"public\" . \"people\"'::regclass::text", "people"),
        ("SELECT 'PUBLIC.People'::regclass::text", "people"),
        ("SELECT 'information_schema.tables'::regclass::text", "information_schema.tables"),
        ("SELECT to_regclass('\"People\"') IS NULL", "true"),
        ("SELECT to_regclass('other.people') IS NULL", "true"),
        ("SELECT to_regclass('\"people') IS NULL", "true"),
        ("SELECT to_regclass('') IS NULL", "true"),
        ("SELECT pg_table_is_visible('information_schema.tables'::regclass)", "false"),
        ("SELECT pg_table_is_visible('people'::regclass)", "true"),
    ];
    assert_answers(&client, &cases).await;
}

#[tokio::test]
async fn sets_of_what_is_not_here_are_empty() {
    let client = Client::new();
    let cases = [
        ("SELECT count(*) FROM pg_catalog.pg_options_to_table(NULL)", "0"),
        ("SELECT count(*) FROM pg_partition_tree('pg_class'::regclass) t WHERE t.level > 0", "0"),
        ("SELECT count(*) FROM pg_catalog.pg_listening_channels() AS channel", "0"),
        ("SELECT name FROM pg_catalog.pg_timezone_names()", "UTC"),
    ];
    assert_answers(&client, &cases).await;
}

/// What pgjdbc asks for the columns of a key.
#[tokio::test]
async fn the_columns_of_a_key_are_numbered() {
    let client = Client::with_people().await;
    let sql = "SELECT result.name, result.place FROM (SELECT ct.relname AS name, \
               (information_schema._pg_expandarray(i.indkey)).n AS place, \
               information_schema._pg_expandarray(i.indkey) AS keys, a.attnum AS number \
               FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON ct.oid = a.attrelid \
               JOIN pg_catalog.pg_namespace n ON ct.relnamespace = n.oid \
               JOIN pg_catalog.pg_index i ON a.attrelid = i.indrelid) result \
               WHERE result.number = (result.keys).x";
    assert_eq!(client.rows(sql).await, [["people", "1"]]);
    let schemas = "SELECT array_to_string(current_schemas(true), ',') || current_schemas(false)[1]";
    assert_eq!(client.column(schemas).await, ["pg_catalog,publicpublic"]);
}

#[tokio::test]
async fn vectors_of_the_catalog_begin_at_zero() {
    let client = Client::with_people().await;
    let cases = [
        ("SELECT indkey[0] FROM pg_index", "1"),
        ("SELECT indkey::text FROM pg_index", "1"),
        ("SELECT indkey::text FROM pg_index GROUP BY indkey", "1"),
        ("SELECT indkey[1] IS NULL AND indkey[-1] IS NULL FROM pg_index", "true"),
        ("SELECT i.indclass[0:0] FROM pg_index i", "[3126]"),
        ("SELECT proargtypes[2] FROM pg_proc WHERE proname = 'array_in'", "23"),
        (
            "SELECT array_agg(n) FROM (SELECT generate_subscripts(indkey, 1) n FROM pg_index) s",
            "[0]",
        ),
        (
            "SELECT p.proargtypes[n] FROM pg_proc p, generate_subscripts(p.proargtypes, 1) n \
             WHERE p.proname = 'array_in' AND n = 2",
            "23",
        ),
        (
            "SELECT (SELECT max(n) FROM generate_subscripts(p.proargtypes, 1) n) FROM pg_proc p \
             WHERE p.proname = 'array_in'",
            "2",
        ),
        ("SELECT (ARRAY[7, 8])[1] + conkey[1] FROM pg_constraint", "8"),
    ];
    assert_answers(&client, &cases).await;
}

#[tokio::test]
async fn operators_of_vectors_are_listed() {
    let client = Client::new();
    // What psql asks for \do.
    let sql = "SELECT format_type(o.oprleft, NULL), format_type(o.oprright, NULL), \
               format_type(o.oprresult, NULL), \
               coalesce(pg_catalog.obj_description(o.oid, 'pg_operator'), \
                        pg_catalog.obj_description(o.oprcode, 'pg_proc')) \
               FROM pg_catalog.pg_operator o \
               LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace \
               WHERE o.oprname OPERATOR(pg_catalog.~) '^(<=>)$' COLLATE pg_catalog.default \
               AND pg_catalog.pg_operator_is_visible(o.oid)";
    let row = ["vector", "vector", "double precision", "cosine distance"];
    assert_eq!(client.rows(sql).await, [row]);
}

#[tokio::test]
async fn any_of_a_parameter_is_of_an_array() {
    let client = Client::with_people().await;
    let sql = "SELECT count(*) FROM people WHERE external_face_id = ANY($1)";
    assert_eq!(client.describe(sql).await.0, [SqlType::TextArray]);
    // What asyncpg asks about types: it knows no other arrays of numbers by itself.
    let sql = "SELECT typname FROM pg_type WHERE oid = any($1::oid[])";
    assert_eq!(client.describe(sql).await.0, [SqlType::OidArray]);
}

#[tokio::test]
async fn privileges_are_those_of_the_role() {
    let mut client = Client::with_people().await;
    let sql = "SELECT has_table_privilege('people', 'SELECT'), \
               has_table_privilege('people', 'INSERT'), \
               has_table_privilege('tester', 'people', 'DELETE, TRUNCATE'), \
               has_table_privilege('people'::regclass, 'SELECT WITH GRANT OPTION'), \
               has_table_privilege('pg_class', 'UPDATE'), \
               has_column_privilege('people', 'metadata', 'UPDATE'), \
               has_schema_privilege('public', 'CREATE'), has_schema_privilege('public', 'USAGE')";
    for (role, wanted, on_tables) in [
        (Role::Read, "true false false false false false false true", "SELECT"),
        (Role::Write, "true true true false false true false true", "DELETE INSERT SELECT UPDATE"),
        (
            Role::Admin,
            "true true true false false true true true",
            "DELETE INSERT SELECT TRUNCATE UPDATE",
        ),
    ] {
        let wanted: Vec<&str> = wanted.split(' ').collect();
        client.session = client.database.session("acme", role);
        assert_eq!(client.rows(sql).await, [wanted], "{role}");
        let granted = "SELECT string_agg(privilege_type, ' ' ORDER BY privilege_type) \
                       FROM information_schema.table_privileges WHERE table_name = 'people'";
        assert_eq!(client.column(granted).await, [on_tables], "{role}");
        let on_columns = "SELECT string_agg(DISTINCT privilege_type, ' ') \
                          FROM information_schema.column_privileges WHERE column_name = 'metadata'";
        let is_reader = role == Role::Read;
        let wanted = if is_reader { "SELECT" } else { "INSERT SELECT UPDATE" };
        assert_eq!(client.column(on_columns).await, [wanted], "{role}");
    }
    let cases = [
        ("SELECT has_table_privilege('nobody', 'people', 'SELECT')", SqlState::UndefinedObject),
        ("SELECT has_table_privilege('absent', 'SELECT')", SqlState::UndefinedTable),
        ("SELECT has_table_privilege('people', 'SELEC')", SqlState::InvalidParameterValue),
        ("SELECT has_column_privilege('people', 'no', 'SELECT')", SqlState::UndefinedColumn),
    ];
    for (sql, state) in cases {
        assert_eq!(client.state(sql).await, state, "{sql}");
    }
    assert_eq!(client.column("SELECT has_table_privilege(1, 'SELECT') IS NULL").await, ["true"]);
}
