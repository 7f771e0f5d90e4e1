//! `detect_faces` and `compare_faces`: what they take, what they are refused. What they see in
//! photos is tested with the models, in the suite.

use datafusion::scalar::ScalarValue;

use super::Client;
use crate::sql::{SqlState, SqlType};

#[tokio::test]
async fn images_are_parameters_and_the_columns_are_known_before_they_come() {
    let client = Client::new();
    let (parameters, columns) = client.describe("SELECT * FROM detect_faces($1)").await;
    assert_eq!(parameters, [SqlType::Bytea]);
    let names = "face bounding_box confidence landmarks attributes";
    assert_eq!(columns.unwrap(), names.split(' ').collect::<Vec<_>>());
    let sql = "SELECT c.* FROM compare_faces($2::bytea, target => $1, threshold => $3) c";
    let (parameters, columns) = client.describe(sql).await;
    assert_eq!(parameters, [SqlType::Bytea, SqlType::Bytea, SqlType::Float4]);
    let names = "similarity is_match threshold source_bounding_box target_bounding_box";
    assert_eq!(columns.unwrap(), names.split(' ').collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_no_call_or_no_image_is_refused_with_its_class() {
    let client = Client::new();
    let cases = [
        ("detect_faces('\\x00'::bytea)", SqlState::SystemError),
        ("detect_faces('\\x00')", SqlState::SystemError),
        ("compare_faces('\\x00', '\\x01')", SqlState::SystemError),
        ("compare_faces('\\x00', '\\x01', 1.5)", SqlState::InvalidParameterValue),
        ("detect_faces('\\x0')", SqlState::InvalidParameterValue),
        ("detect_faces(NULL)", SqlState::NullValueNotAllowed),
        ("compare_faces('\\x00', NULL)", SqlState::NullValueNotAllowed),
        ("detect_faces(7)", SqlState::DatatypeMismatch),
        ("detect_faces('\\x00', 'some')", SqlState::InvalidParameterValue),
        ("detect_faces()", SqlState::UndefinedFunction),
        ("compare_faces('\\x00')", SqlState::UndefinedFunction),
        ("detect_faces('\\x00', 'all', 1)", SqlState::UndefinedFunction),
        ("detect_faces('\\x00', colour => 1)", SqlState::UndefinedFunction),
        ("detect_faces(image => '\\x00', 'all')", SqlState::SyntaxError),
        ("detect_faces(nothing)", SqlState::UndefinedColumn),
        ("detect_faces('\\x00') WITH ORDINALITY", SqlState::FeatureNotSupported),
    ];
    for (call, state) in cases {
        let error = client.error(&format!("SELECT * FROM {call}")).await;
        assert_eq!(error.state, state, "{call}: {error}");
    }
    let error = client.error_with("SELECT * FROM detect_faces($1)", &[ScalarValue::Binary(None)]);
    assert_eq!(error.await.state, SqlState::NullValueNotAllowed);
}

#[tokio::test]
async fn a_plan_shows_the_function_and_not_the_image() {
    let client = Client::new();
    let plan = client.column("EXPLAIN SELECT face FROM detect_faces('\\xabcdef')").await.join("\n");
    assert!(plan.contains("ImageFunction: detect_faces"), "{plan}");
    assert!(!plan.contains("abcdef"), "{plan}");
}
