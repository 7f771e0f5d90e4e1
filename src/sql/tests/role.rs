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

#[tokio::test]
async fn rights_are_checked_before_the_collection_is_looked_up() {
    let mut client = Client::new();
    client.session = client.database.session("acme", Role::Read);
    for sql in ["DELETE FROM nobody", "UPDATE nobody SET metadata = NULL", "DROP COLLECTION nobody"]
    {
        assert_eq!(client.state(sql).await, SqlState::InsufficientPrivilege, "{sql}");
    }
}
