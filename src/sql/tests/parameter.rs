//! Which types parameters have, and what a statement returns that has them.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::scalar::ScalarValue;

use super::{Client, must, texts};
use crate::sql::{Outcome, SqlState, SqlType};

impl Client {
    /// The types of the parameters and columns of a statement.
    async fn types(&self, sql: &str, declared: &[Option<SqlType>]) -> (Vec<SqlType>, Vec<SqlType>) {
        let statement = must(sql, self.parse(sql));
        let description = must(sql, self.session.describe(&statement, declared).await);
        let columns = description.columns.iter().flat_map(|schema| schema.fields());
        let columns = columns.map(|field| SqlType::of(field)).collect();
        (description.parameters, columns)
    }

    /// The rows of a statement that is described first, as drivers do it.
    async fn prepared_rows(
        &self,
        sql: &str,
        declared: &[Option<SqlType>],
        values: &[ScalarValue],
    ) -> Vec<Vec<String>> {
        let statement = must(sql, self.parse(sql));
        let description = must(sql, self.session.describe(&statement, declared).await);
        let statement = statement.typed(&description.parameters);
        let outcome = must(sql, self.session.execute(&statement, values.to_vec()).await);
        let Outcome::Rows { schema, stream, .. } = outcome else { panic!("{sql} has no rows") };
        let types = |schema: &SchemaRef| -> Vec<SqlType> {
            schema.fields().iter().map(|field| SqlType::of(field)).collect()
        };
        assert_eq!(types(&description.columns.unwrap()), types(&schema), "{sql}");
        must(sql, texts(stream).await)
    }
}

#[tokio::test]
async fn a_parameter_beside_a_time_is_what_postgresql_takes_it_for() {
    use SqlType::{Bool, Date, Int4, Interval, Time, TimeArray, Timestamp, Timestamptz};
    let client = Client::with_people().await;
    let cases: [(&str, &[SqlType], &[SqlType]); 13] = [
        ("SELECT now() + $1, now() - $2", &[Interval, Timestamptz], &[Timestamptz, Interval]),
        ("SELECT $1 - created_at FROM people", &[Timestamptz], &[Interval]),
        ("SELECT created_at::time >= $1 FROM people", &[Time], &[Bool]),
        ("SELECT $1 < '12:00'::time, localtime > $2", &[Time, Time], &[Bool, Bool]),
        ("SELECT now()::time BETWEEN $1 AND $2", &[Time, Time], &[Bool]),
        ("SELECT 1 WHERE now()::time IN ($1, $2)", &[Time, Time], &[Int4]),
        ("SELECT now()::time = ANY($1), max(now()::time) > $2", &[TimeArray, Time], &[Bool, Bool]),
        ("SELECT coalesce($1, '12:00'::time)", &[Time], &[Time]),
        ("SELECT now()::time + $1, $2 + now()::time", &[Interval, Interval], &[Time, Time]),
        ("SELECT now()::time - $1", &[Time], &[Interval]),
        ("SELECT current_date = $1, localtimestamp > $2", &[Date, Timestamp], &[Bool, Bool]),
        ("SELECT current_date - $1, localtimestamp - $2", &[Date, Timestamp], &[Int4, Interval]),
        ("SELECT interval '1 day' > $1", &[Interval], &[Bool]),
    ];
    for (sql, parameters, columns) in cases {
        assert_eq!(client.types(sql, &[]).await, (parameters.to_vec(), columns.to_vec()), "{sql}");
    }
}

#[tokio::test]
async fn what_stands_around_a_parameter_decides_its_type() {
    use SqlType::{
        Bool, Bytea, Float4, Float8, Int4, Int4Array, Int8, Int8Array, Interval, Jsonb, Numeric,
        Text, TextArray, Timestamptz, TimestamptzArray,
    };
    let client = Client::with_people().await;
    let cases: [(&str, &[SqlType], &[SqlType]); 50] = [
        ("SELECT CASE WHEN $1 THEN 1 ELSE 2 END", &[Bool], &[Int4]),
        ("SELECT CASE 5 WHEN $1 THEN 'a' END", &[Int4], &[Text]),
        ("SELECT CASE confidence WHEN $1 THEN 1 END FROM people", &[Float4], &[Int4]),
        ("SELECT CASE WHEN true THEN 5 ELSE $1 END", &[Int4], &[Int4]),
        ("SELECT CASE WHEN true THEN $1 ELSE now() END", &[Timestamptz], &[Timestamptz]),
        ("SELECT coalesce($1, 5)", &[Int4], &[Int4]),
        ("SELECT coalesce(confidence, $1) FROM people", &[Float4], &[Float4]),
        ("SELECT nullif(created_at, $1) FROM people", &[Timestamptz], &[Timestamptz]),
        ("SELECT greatest($1, 1.5), least(1, $2)", &[Numeric, Int4], &[Numeric, Int4]),
        ("SELECT $1 BETWEEN 1 AND 5", &[Int4], &[Bool]),
        ("SELECT 3 BETWEEN $1 AND $2", &[Int4, Int4], &[Bool]),
        ("SELECT 1 WHERE $1 IN (1, 2)", &[Int4], &[Int4]),
        ("SELECT 1 WHERE 5 IN ($1, $2)", &[Int4, Int4], &[Int4]),
        ("SELECT 5 = ANY($1), 5 <> ALL($2)", &[Int4Array, Int4Array], &[Bool, Bool]),
        ("SELECT 1 FROM people WHERE created_at > ANY($1)", &[TimestamptzArray], &[Int4]),
        ("SELECT face_id = ANY($1) FROM people", &[TextArray], &[Bool]),
        ("SELECT $1 = ANY(ARRAY[1, 2])", &[Int4], &[Bool]),
        ("SELECT 5 > ANY($1), 5 = ALL($2)", &[Int4Array, Int4Array], &[Bool, Bool]),
        ("SELECT 1 FROM people WHERE face_id <= ANY($1)", &[TextArray], &[Int4]),
        ("SELECT 1 FROM people HAVING count(*) <> ALL($1)", &[Int8Array], &[Int4]),
        ("SELECT quality < ANY($1) FROM people", &[SqlType::Float4Array], &[Bool]),
        ("SELECT substring('hello', $1, $2)", &[Int4, Int4], &[Text]),
        ("SELECT substring('hello' FROM $1 FOR $2)", &[Int4, Int4], &[Text]),
        ("SELECT left('hello', $1), right('hello', ($2))", &[Int4, Int4], &[Text, Text]),
        ("SELECT split_part($1, ',', $2)", &[Text, Int4], &[Text]),
        ("SELECT round($1, 2)", &[Numeric], &[Numeric]),
        ("SELECT sqrt($1), abs($2), 2 ^ $3", &[Float8, Float8, Float8], &[Float8, Float8, Float8]),
        ("SELECT face_id FROM people LIMIT $1 OFFSET $2", &[Int8, Int8], &[Text]),
        ("SELECT generate_series(1, $1)", &[Int4], &[Int4]),
        ("SELECT * FROM generate_series($1, 10) g", &[Int4], &[Int4]),
        ("SELECT NOT $1, $2 IS TRUE, $3 AND $4", &[Bool, Bool, Bool, Bool], &[Bool, Bool, Bool]),
        ("SELECT 1 WHERE $1", &[Bool], &[Int4]),
        ("SELECT count(*) FROM people HAVING $1", &[Bool], &[Int8]),
        ("SELECT 1 UNION SELECT $1", &[Int4], &[Int4]),
        ("SELECT $1 UNION ALL SELECT now()", &[Timestamptz], &[Timestamptz]),
        ("VALUES (1, $1), ($2, 'a')", &[Text, Int4], &[Int4, Text]),
        ("VALUES ($1), (now())", &[Timestamptz], &[Timestamptz]),
        ("SELECT * FROM (VALUES (1, 'a'), ($1, $2)) v(a, b)", &[Int4, Text], &[Int4, Text]),
        ("SELECT ARRAY[1, $1]", &[Int4], &[Int4Array]),
        ("SELECT interval '1 day' * $1", &[Float8], &[Interval]),
        ("SELECT interval '1 day' / $1", &[Float8], &[Interval]),
        ("SELECT encode($1, 'hex'), chr($2)", &[Bytea, Int4], &[Text, Text]),
        ("SELECT metadata @> $1 FROM people", &[Jsonb], &[Bool]),
        ("SELECT jsonb_array_elements($1)", &[Jsonb], &[Jsonb]),
        ("SELECT ntile($1) OVER () FROM people", &[Int4], &[Int4]),
        ("SELECT bool_and($1)", &[Bool], &[Bool]),
        ("SELECT date_trunc('day', $1)", &[Timestamptz], &[Timestamptz]),
        ("SELECT make_interval(days => $1)", &[Int4], &[Interval]),
        ("SELECT age(now(), $1)", &[Timestamptz], &[Interval]),
        ("SELECT $1 AT TIME ZONE 'UTC'", &[Timestamptz], &[SqlType::Timestamp]),
    ];
    for (sql, parameters, columns) in cases {
        let (given, returned) = client.types(sql, &[]).await;
        assert_eq!(given, parameters, "{sql}");
        if !sql.contains("ntile") {
            assert_eq!(returned, columns, "{sql}");
        }
    }
}

#[tokio::test]
async fn every_type_may_be_declared_and_is_returned() {
    let client = Client::new();
    for sql_type in SqlType::all() {
        if matches!(sql_type, SqlType::Unknown | SqlType::Regproc) {
            continue;
        }
        let (parameters, columns) = client.types("SELECT $1", &[Some(sql_type)]).await;
        assert_eq!((parameters, columns), (vec![sql_type], vec![sql_type]));
        let null = ScalarValue::try_from(sql_type.arrow_type()).unwrap();
        let rows = client.prepared_rows("SELECT $1", &[Some(sql_type)], &[null]).await;
        assert_eq!(rows, [[""]], "{sql_type:?}");
    }
}

#[tokio::test]
async fn a_call_is_told_by_the_types_that_were_declared() {
    let client = Client::new();
    let declared = [Some(SqlType::Int2), Some(SqlType::Float8)];
    let (_, columns) = client.types("SELECT abs($1), abs($2)", &declared).await;
    assert_eq!(columns, [SqlType::Int2, SqlType::Float8]);
    let declared = [None, Some(SqlType::Int2)];
    let values = [ScalarValue::from("hello"), ScalarValue::from(2_i16)];
    assert_eq!(client.prepared_rows("SELECT left($1, $2)", &declared, &values).await, [["he"]]);
}

#[tokio::test]
async fn arrays_of_identifiers_and_documents_keep_their_types() {
    let client = Client::new();
    let id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    let sql = format!("SELECT '{{{}}}'::uuid[], unnest('{{{id}}}'::uuid[])", id.to_uppercase());
    assert_eq!(client.rows(&sql).await, [[format!("[{id}]"), id.to_owned()]]);
    assert_eq!(client.types(&sql, &[]).await.1, [SqlType::UuidArray, SqlType::Uuid]);
    let sql = "SELECT ARRAY['[1,2]', NULL]::jsonb[], u FROM unnest($1::jsonb[]) u";
    let types = (vec![SqlType::JsonbArray], vec![SqlType::JsonbArray, SqlType::Jsonb]);
    assert_eq!(client.types(sql, &[]).await, types);
    for (sql, state) in [
        ("SELECT '{x}'::uuid[]", SqlState::InvalidTextRepresentation),
        ("SELECT ARRAY['{']::jsonb[]", SqlState::InvalidTextRepresentation),
    ] {
        assert_eq!(client.state(sql).await, state, "{sql}");
    }
}

#[tokio::test]
async fn parameters_beside_arrays_and_in_paths_are_what_postgresql_takes_them_for() {
    use SqlType::{Float4Array, Int8, Text};
    let client = Client::with_people().await;
    let cases: [(&str, &[SqlType]); 4] = [
        ("SELECT count(*) FROM people WHERE bounding_box && $1", &[Float4Array]),
        ("SELECT count(*) FROM people WHERE metadata #> ARRAY[$1, $2] IS NULL", &[Text, Text]),
        ("SELECT count(*) FROM people WHERE metadata ?| ARRAY[$1]", &[Text]),
        ("SELECT count(*) FROM people WHERE metadata #- ARRAY['a', $1] IS NULL", &[Text]),
    ];
    for (sql, parameters) in cases {
        assert_eq!(client.types(sql, &[]).await, (parameters.to_vec(), vec![Int8]), "{sql}");
    }
    let teams = ScalarValue::from("team");
    let sql = "SELECT count(*) FROM people WHERE metadata ?& ARRAY[$1]";
    let with_team = client.prepared_rows(sql, &[], &[teams]).await;
    assert_eq!(with_team, client.rows("SELECT count(*) FROM people WHERE metadata ? 'team'").await);
}
