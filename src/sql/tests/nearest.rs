//! The faces that come first by distance are found by a search, and are those that measuring and
//! sorting all of them says.

use datafusion::scalar::ScalarValue;

use super::direct::Dice;
use super::{Client, reals, text};
use crate::biometric::SyntheticFaces;
use crate::sql::{SqlError, SqlState, SqlType};

const WIDE: usize = 70;

/// A statement, and the same with a sort that the search does not see through.
struct Pair {
    searched: String,
    sorted: String,
    values: Vec<ScalarValue>,
}

/// Collections without and with faces that are equally near, and one of halves.
async fn filled() -> (Client, SyntheticFaces) {
    let client = Client::new();
    let mut faces = SyntheticFaces::new(3, WIDE);
    for (name, precision, copies) in [("wide", "f32", 1), ("crowd", "f32", 40), ("half", "f16", 1)]
    {
        let options = format!("dimensions = {WIDE}, precision = '{precision}'");
        client.run(&format!("CREATE COLLECTION {name} WITH ({options})")).await;
        for person in 0..8 {
            let rows = faces.identity(5).into_iter().flat_map(|face| {
                let row = format!("('p{person}', '{face:?}')");
                std::iter::repeat_n(row, copies)
            });
            let rows = rows.collect::<Vec<_>>().join(", ");
            let insert = "(external_face_id, embedding) VALUES";
            client.run(&format!("INSERT INTO {name} {insert} {rows}")).await;
        }
    }
    (client, faces)
}

fn pair(dice: &mut Dice, probe: &[f32]) -> Pair {
    let collection = *dice.of(&["wide", "crowd", "half"]);
    let length = *dice.of(&[1.0, 0.01, 7.5, 1e4]);
    let probe: Vec<f32> = probe.iter().map(|number| number * length).collect();
    let mut values = Vec::new();
    let probe = match dice.below(4) {
        0 => format!("'{probe:?}'::vector"),
        1 => format!("(SELECT embedding FROM {collection} ORDER BY face_id LIMIT 1)"),
        way => {
            values.push(if way == 2 { reals(&probe) } else { text(&format!("{probe:?}")) });
            if way == 2 { "$1".to_owned() } else { "$1::vector".to_owned() }
        }
    };
    let distance = dice
        .of(&[
            "embedding <=> P",
            "P <-> embedding",
            "embedding <#> P",
            "cosine_distance(embedding, P)",
            "l2_distance(P, embedding)",
            "inner_product(embedding, P)",
        ])
        .replace('P', &probe);
    let descending = if distance.starts_with("inner") { " DESC" } else { "" };
    let selected = dice.of(&["face_id", "*", "external_face_id, @ AS d", "embedding, @"]);
    let mut filters = vec!["", "WHERE external_face_id <> 'p1'", "WHERE quality IS NOT NULL"];
    if !distance.starts_with("inner") {
        filters.extend(["WHERE @ < 1.1", "WHERE @ <= 0.9 AND external_face_id > 'p2'"]);
    }
    let (filter, limit) = (*dice.of(&filters), *dice.of(&[1, 3, 10, 45, 500]));
    let offset = *dice.of(&["", "OFFSET 2", "OFFSET 40"]);
    // What is equally far comes in any order, unless a further key says which.
    let further = if collection == "crowd" { ", face_id" } else { *dice.of(&["", ", face_id"]) };
    let selected = selected.replace('@', &distance);
    let order = |key: &str| {
        let from = format!("SELECT {selected} FROM {collection} {filter}").replace('@', key);
        format!("{from} ORDER BY {key}{descending}{further} LIMIT {limit} {offset}")
    };
    let around = *dice.of(&["Q", "SELECT * FROM (Q) s", "WITH near AS (Q) SELECT * FROM near"]);
    let searched = around.replace('Q', &order(&distance));
    let sorted = around.replace('Q', &order(&format!("nullif({distance}, 1e300)")));
    Pair { searched, sorted, values }
}

async fn plan(client: &Client, sql: &str, values: &[ScalarValue]) -> String {
    let lines = client.rows_with(&format!("EXPLAIN {sql}"), values).await;
    lines.concat().join("\n")
}

async fn both(client: &Client, pair: &Pair) -> [Result<Vec<Vec<String>>, SqlError>; 2] {
    let Pair { searched, sorted, values } = pair;
    [client.try_rows(searched, values).await, client.try_rows(sorted, values).await]
}

#[tokio::test]
async fn generated_statements_say_the_same_as_sorting_all_faces() {
    let (client, mut faces) = filled().await;
    let mut dice = Dice::new(5);
    let mut found = 0;
    for _ in 0..60 {
        for probe in faces.identity(3) {
            let pair = pair(&mut dice, &probe);
            let shown = plan(&client, &pair.searched, &pair.values).await;
            assert!(shown.contains("NearestFaces"), "{}\n{shown}", pair.searched);
            let shown = plan(&client, &pair.sorted, &pair.values).await;
            assert!(!shown.contains("NearestFaces"), "{}\n{shown}", pair.sorted);
            let [searched, sorted] = both(&client, &pair).await;
            assert_eq!(searched, sorted, "{}", pair.searched);
            found += searched.unwrap().len();
        }
    }
    assert!(found > 1000, "{found} rows");
}

#[tokio::test]
async fn probes_that_have_no_cosine_are_measured_one_by_one() {
    let client = Client::with_people().await;
    let probes = [
        reals(&[0.0, 0.0, 0.0]),
        reals(&[f32::NAN, 0.0, 1.0]),
        reals(&[f32::INFINITY, 0.0, 1.0]),
        reals(&[1e-42, 0.0, 0.0]),
        reals(&[3e38, -3e38, 3e38]),
        reals(&[1.0, 0.0]),
        reals(&[]),
        SqlType::Float4Array.null().unwrap(),
    ];
    for probe in probes {
        for operator in ["<=>", "<->", "<#>"] {
            let distance = format!("embedding {operator} $1");
            let sql = |key: &str| {
                format!("SELECT *, {distance} FROM people ORDER BY {key}, face_id LIMIT 3")
            };
            let (searched, sorted) = (sql(&distance), sql(&format!("nullif({distance}, 1e300)")));
            let pair = Pair { searched, sorted, values: vec![probe.clone()] };
            let [searched, sorted] = both(&client, &pair).await;
            assert_eq!(searched, sorted, "{operator} {probe:?}");
        }
    }
    let error = client.error("SELECT * FROM people ORDER BY embedding <=> '[1, 2]' LIMIT 1").await;
    assert_eq!(error.state, SqlState::DataException);
    assert_eq!(error.message, "different vector dimensions 3 and 2");
    client.run("DELETE FROM people").await;
    let nobody = "SELECT * FROM people ORDER BY embedding <=> '[1, 2]' LIMIT 1";
    assert!(client.rows(nobody).await.is_empty());
}

#[tokio::test]
async fn only_the_first_rows_by_a_distance_are_searched_for() {
    let client = Client::with_people().await;
    let probe = "'[1, 0, 0]'::vector";
    let near = format!("FROM people ORDER BY embedding <=> {probe}");
    let searched = [
        format!("SELECT face_id {near} LIMIT 2"),
        format!("SELECT face_id {near} ASC NULLS FIRST LIMIT 2"),
        format!("SELECT 1 - (embedding <=> {probe}) AS similarity {near} LIMIT 2"),
        format!(
            "SELECT s.face_id FROM people p JOIN (SELECT face_id {near} LIMIT 2) s USING (face_id)"
        ),
        format!("SELECT embedding <=> {probe} AS d FROM people ORDER BY d LIMIT 2"),
        format!("SELECT embedding <=> {probe} FROM people ORDER BY 1 FETCH FIRST ROW ONLY"),
    ];
    for sql in searched {
        assert!(plan(&client, &sql, &[]).await.contains("NearestFaces"), "{sql}");
    }
    let sorted = [
        format!("SELECT face_id {near}"),
        format!("SELECT face_id {near} LIMIT 10000"),
        format!("SELECT face_id {near} DESC LIMIT 2"),
        format!("SELECT face_id FROM people ORDER BY 1 - (embedding <=> {probe}) LIMIT 2"),
        "SELECT face_id FROM people ORDER BY embedding <=> embedding LIMIT 2".to_owned(),
        format!(
            "SELECT face_id FROM people WHERE random() < 2 ORDER BY embedding <=> {probe} LIMIT 2"
        ),
        format!("SELECT face_id FROM people ORDER BY l1_distance(embedding, {probe}) LIMIT 2"),
        format!("SELECT face_id FROM people ORDER BY inner_product(embedding, {probe}) LIMIT 2"),
    ];
    for sql in sorted {
        assert!(!plan(&client, &sql, &[]).await.contains("NearestFaces"), "{sql}");
    }
}

#[tokio::test]
async fn each_row_has_its_own_nearest() {
    let client = Client::with_people().await;
    let sql = "SELECT p.external_face_id, n.external_face_id FROM people p CROSS JOIN LATERAL \
               (SELECT external_face_id FROM people o WHERE o.face_id <> p.face_id \
                ORDER BY o.embedding <=> p.embedding LIMIT 1) n ORDER BY p.face_id";
    let expected = [["ann", "bob"], ["bob", "cid"], ["cid", "bob"], ["dee", "ann"]];
    let found = client.rows(sql).await;
    // Three faces are equally far from the last one.
    assert_eq!(found[..3], expected[..3]);
    assert_eq!(found.len(), 4);
}

/// The rows of a filter by a distance, and of one that the search does not see through.
fn filtered(condition: &str, distance: &str, values: &[ScalarValue]) -> Pair {
    let sql = |measured: &str| {
        let condition = condition.replace('@', measured);
        format!("SELECT face_id, {distance} FROM wide WHERE {condition}")
    };
    let (searched, sorted) = (sql(distance), sql(&format!("nullif({distance}, 1e300)")));
    Pair { searched, sorted, values: values.to_vec() }
}

#[tokio::test]
async fn filters_by_a_distance_say_the_same_as_measuring_all_faces() {
    let (client, mut faces) = filled().await;
    let mut dice = Dice::new(31);
    let mut found = [0, 0];
    for probe in (0..40).flat_map(|_| faces.identity(2)) {
        let length = *dice.of(&[1.0, 0.01, 7.5, 1e4]);
        let probe: Vec<f32> = probe.iter().map(|number| number * length).collect();
        let distance = *dice.of(&[
            "embedding <=> $1",
            "$1 <-> embedding",
            "embedding <#> $1",
            "inner_product(embedding, $1)",
        ]);
        let collection = *dice.of(&["wide", "crowd", "half"]);
        // One of the distances there are, so that it decides about equals.
        let sql = format!("SELECT {distance} FROM {collection} ORDER BY 1");
        let distances = client.rows_with(&sql, &[reals(&probe)]).await;
        let bound: f64 = dice.of(&distances)[0].parse().unwrap();
        let condition = match (distance.starts_with("inner"), dice.below(4)) {
            (false, 0) => "@ < $2",
            (false, 1) => "$2 >= @",
            (false, 2) => "@ <= $2 AND external_face_id <> 'p1'",
            (false, _) => "@ BETWEEN -1e30 AND $2",
            (true, 0) => "@ > $2",
            (true, 1) => "$2 <= @",
            (true, _) => "@ >= $2 AND external_face_id <> 'p1'",
        };
        let values = [reals(&probe), ScalarValue::from(bound)];
        let mut pair = filtered(condition, distance, &values);
        for sql in [&mut pair.searched, &mut pair.sorted] {
            *sql = sql.replace("FROM wide", &format!("FROM {collection}"));
        }
        let shown = plan(&client, &pair.searched, &values).await;
        assert!(shown.contains("nearer than"), "{}\n{shown}", pair.searched);
        let shown = plan(&client, &pair.sorted, &values).await;
        assert!(!shown.contains("NearestFaces"), "{}\n{shown}", pair.sorted);
        let [searched, sorted] = both(&client, &pair).await;
        assert_eq!(searched, sorted, "{} {bound}", pair.searched);
        found[usize::from(searched.unwrap().len() > 20)] += 1;
    }
    assert!(found.iter().all(|count| *count > 5), "{found:?}");
}

#[tokio::test]
async fn bounds_that_no_distance_or_every_distance_has_decide_as_they_do_without_a_search() {
    let (client, mut faces) = filled().await;
    let probes = [
        reals(&faces.identity(1).remove(0)),
        reals(&[0.0; WIDE]),
        reals(&[f32::NAN; WIDE]),
        reals(&[3e38; WIDE]),
        reals(&[1e-30; WIDE]),
        SqlType::Float4Array.null().unwrap(),
    ];
    let bounds = [-1e300, -2.0, -0.0, 0.0, 2.0, 1e300, f64::NAN, f64::INFINITY, -f64::INFINITY];
    let bounds = bounds.map(ScalarValue::from).into_iter().chain([ScalarValue::Float64(None)]);
    for (bound, probe) in
        bounds.flat_map(|bound| probes.clone().map(|probe| (bound.clone(), probe)))
    {
        for distance in ["embedding <=> $1", "embedding <-> $1", "embedding <#> $1"] {
            let pair = filtered("@ < $2", distance, &[probe.clone(), bound.clone()]);
            let [searched, sorted] = both(&client, &pair).await;
            assert_eq!(searched, sorted, "{distance} {probe:?} {bound:?}");
        }
    }
    let short = [reals(&[1.0]), ScalarValue::from(0.5)];
    let pair = filtered("@ < $2", "embedding <=> $1", &short);
    let [searched, sorted] = both(&client, &pair).await;
    assert_eq!(searched, sorted);
    assert_eq!(searched.unwrap_err().message, "different vector dimensions 70 and 1");
}

#[tokio::test]
async fn who_is_near_enough_is_searched_for_wherever_the_filter_stands() {
    let client = Client::with_people().await;
    let near = "embedding <=> '[1, 0, 0]'::vector < 0.3";
    for sql in [
        format!("SELECT count(*) FROM people WHERE {near}"),
        format!("SELECT face_id FROM people WHERE {near} ORDER BY face_id"),
        format!("SELECT * FROM (SELECT * FROM people) p WHERE model = 'external' AND {near}"),
        format!(
            "SELECT face_id FROM people WHERE face_id IN (SELECT face_id FROM people WHERE {near})"
        ),
    ] {
        assert!(plan(&client, &sql, &[]).await.contains("NearestFaces"), "{sql}");
    }
    for sql in [
        format!("SELECT face_id FROM people WHERE {near} OR model = 'none'"),
        format!("SELECT face_id FROM people WHERE NOT ({near})"),
        "SELECT face_id FROM people WHERE embedding <=> embedding < 0.3".to_owned(),
        "SELECT face_id FROM people WHERE embedding <=> '[1, 0, 0]'::vector < random()".to_owned(),
    ] {
        assert!(!plan(&client, &sql, &[]).await.contains("NearestFaces"), "{sql}");
    }
    let delete = format!("DELETE FROM people WHERE {near} RETURNING external_face_id");
    assert_eq!(client.column(&delete).await, ["ann", "bob"]);
}
