//! Each role may do what it may and nothing else, for every statement there is.

use super::Client;
use crate::engine::Role;
use crate::sql::SqlState;

const READS: [&str; 25] = [
    "SELECT count(*) FROM people",
    "SEARCH FACES IN people EMBEDDING '[1,0,0]'",
    "SEARCH FACES IN people LIKE EXTERNAL 'ann' THRESHOLD 0.5",
    "SELECT * FROM similar_faces('people', threshold => 0.5)",
    "EXPLAIN SELECT * FROM detect_faces('') d, compare_faces('', '') c",
    "VALUES (1)",
    "WITH x AS (SELECT 1) SELECT * FROM x",
    "EXPLAIN ANALYZE SELECT * FROM people",
    "SHOW COLLECTIONS",
    "SHOW STORAGE",
    "SET application_name = 'x'",
    "SHOW ALL",
    "RESET application_name",
    "DISCARD ALL",
    "PREPARE numbers AS VALUES (1)",
    "EXECUTE numbers",
    "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM people",
    "FETCH 2 FROM c",
    "MOVE NEXT FROM c",
    "CLOSE c",
    "CLOSE ALL",
    "BEGIN",
    "COMMIT",
    "START TRANSACTION",
    "ROLLBACK",
];

const WRITES: [&str; 8] = [
    "INSERT INTO people (embedding) VALUES ('[1,0,0]')",
    "INSERT INTO people SELECT * FROM people WHERE false",
    "WITH p AS (SELECT * FROM people) INSERT INTO people SELECT * FROM p ON CONFLICT DO NOTHING",
    "UPDATE people SET metadata = '1' WHERE false",
    "UPDATE people SET metadata = '1' WHERE false RETURNING *",
    "DELETE FROM people WHERE false",
    "DELETE FROM people WHERE false RETURNING *",
    "PREPARE deletion AS DELETE FROM people WHERE false",
];

const ADMINISTRATION: [&str; 9] = [
    "CREATE COLLECTION more WITH (dimensions = 1)",
    "ALTER COLLECTION more RENAME TO even_more",
    "ALTER TABLE even_more RENAME TO more",
    "ALTER COLLECTION more SET (description = 'more')",
    "COMMENT ON TABLE more IS NULL",
    "TRUNCATE more",
    "DROP COLLECTION more",
    "VACUUM",
    "VACUUM ERASE people",
];

#[tokio::test]
async fn each_role_may_run_its_statements_and_no_others() {
    let mut client = Client::with_people().await;
    for role in [Role::Read, Role::Write, Role::Admin] {
        client.session = client.database.session("acme", role);
        let groups = [
            (&READS[..], true),
            (&WRITES, role >= Role::Write),
            (&ADMINISTRATION, role == Role::Admin),
        ];
        for (statements, allowed) in groups {
            for sql in statements {
                let statement = client.parse(sql).unwrap();
                let described = client.session.describe(&statement, &[]).await;
                let outcome = client.session.execute(&statement, Vec::new()).await;
                let refused = outcome.err().map(|error| error.state);
                let expected = (!allowed).then_some(SqlState::InsufficientPrivilege);
                assert_eq!(refused, expected, "{sql} as {role}");
                assert_eq!(described.err().map(|error| error.state), expected, "{sql} as {role}");
            }
        }
    }
    assert_eq!(client.column("SHOW COLLECTIONS").await, ["people"]);
}

/// Each with something that a role with its rights is told, and another one is not.
const WRONG_WRITES: [(&str, SqlState); 17] = [
    ("INSERT INTO nobody (embedding) VALUES ('[1]')", SqlState::UndefinedTable),
    ("INSERT INTO nobody SELECT * FROM nobody", SqlState::UndefinedTable),
    ("INSERT INTO people (nothing) VALUES (1)", SqlState::UndefinedColumn),
    ("INSERT INTO people (metadata) VALUES ('1')", SqlState::NotNullViolation),
    ("INSERT INTO people (embedding) VALUES ('[1]', 2)", SqlState::SyntaxError),
    (
        "WITH x(a) AS (SELECT 1), y AS (SELECT 2) INSERT INTO people (a) SELECT a FROM x",
        SqlState::UndefinedColumn,
    ),
    ("UPDATE nobody SET metadata = '1'", SqlState::UndefinedTable),
    ("UPDATE people SET nothing = 1", SqlState::UndefinedColumn),
    ("UPDATE ONLY people SET created_at = now()", SqlState::GeneratedAlways),
    ("WITH x AS (SELECT 1) UPDATE people SET nothing = 1", SqlState::UndefinedColumn),
    ("UPDATE people SET image = 'x'", SqlState::FeatureNotSupported),
    ("PREPARE p AS UPDATE nobody SET nothing = $1", SqlState::UndefinedTable),
    ("DELETE FROM nobody", SqlState::UndefinedTable),
    ("DELETE FROM people WHERE nothing = 1 RETURNING nothing", SqlState::UndefinedColumn),
    ("COPY nobody FROM STDIN", SqlState::UndefinedTable),
    ("COPY people (nothing) FROM STDIN", SqlState::UndefinedColumn),
    ("SELECT * FROM nobody FOR UPDATE", SqlState::UndefinedTable),
];

const WRONG_ADMINISTRATION: [(&str, SqlState); 9] = [
    ("DROP COLLECTION nobody", SqlState::UndefinedTable),
    ("ALTER COLLECTION nobody RENAME TO somebody", SqlState::UndefinedTable),
    ("ALTER TABLE nobody RENAME TO somebody", SqlState::UndefinedTable),
    ("ALTER COLLECTION people SET (nothing = 1)", SqlState::InvalidParameterValue),
    ("CREATE COLLECTION c WITH (nothing = 1)", SqlState::InvalidParameterValue),
    ("COMMENT ON TABLE nobody IS 'x'", SqlState::UndefinedTable),
    ("TRUNCATE nobody", SqlState::UndefinedTable),
    ("VACUUM nobody", SqlState::UndefinedTable),
    ("CREATE KEY k EXPIRES 'garbage'", SqlState::ObjectNotInPrerequisiteState),
];

#[tokio::test]
async fn rights_are_checked_before_names_and_values_are_looked_at() {
    let mut client = Client::with_people().await;
    for role in [Role::Read, Role::Write, Role::Admin] {
        client.session = client.database.session("acme", role);
        let groups = [
            (&WRONG_WRITES[..], role >= Role::Write),
            (&WRONG_ADMINISTRATION, role == Role::Admin),
        ];
        for (statements, allowed) in groups {
            for (sql, told) in statements {
                let expected = if allowed { *told } else { SqlState::InsufficientPrivilege };
                assert_eq!(client.state(sql).await, expected, "{sql} as {role}");
            }
        }
        // What is no statement is nothing that a role could allow; what only reads, all do.
        for (sql, told) in [
            ("UPDATE people SET metadata", SqlState::SyntaxError),
            ("COPY nobody TO STDOUT (FORMAT nothing)", SqlState::UndefinedTable),
            ("COPY people (nothing) TO STDOUT", SqlState::UndefinedColumn),
        ] {
            assert_eq!(client.state(sql).await, told, "{sql} as {role}");
        }
    }
}

#[tokio::test]
async fn nobody_writes_to_relations_of_the_system() {
    let mut client = Client::with_people().await;
    for role in [Role::Read, Role::Write, Role::Admin] {
        client.session = client.database.session("acme", role);
        for relation in ["pg_class", "pg_catalog.pg_class", "pg_tables", "likeness.audit"] {
            for sql in [
                "INSERT INTO % (oid, relname) VALUES (1, 'x')",
                "INSERT INTO % VALUES (1)",
                "INSERT INTO % SELECT * FROM %",
                "INSERT INTO % DEFAULT VALUES",
                "WITH x AS (SELECT 1) INSERT INTO % (oid) SELECT * FROM x",
                "UPDATE % SET relname = 'x'",
                "UPDATE % SET metadata = '1'",
                "WITH x (a) AS (SELECT 1) UPDATE % SET relname = 'x' FROM x",
                "DELETE FROM %",
                "DELETE FROM % WHERE relname = 'x' RETURNING oid",
                "COPY % FROM STDIN",
                "COPY % (oid) FROM STDIN",
                "TRUNCATE %",
                "DROP COLLECTION %",
                "DROP COLLECTION IF EXISTS %",
                "ALTER COLLECTION % RENAME TO x",
                "COMMENT ON TABLE % IS 'x'",
            ] {
                let sql = sql.replace('%', relation);
                let error = client.error(&sql).await;
                assert_eq!(error.state, SqlState::InsufficientPrivilege, "{sql} as {role}");
                if role == Role::Admin {
                    let name = relation.rsplit('.').next().unwrap();
                    let told = format!("permission denied: \"{name}\" is a system catalog");
                    assert_eq!(error.message, told, "{sql}");
                }
            }
        }
    }
}
