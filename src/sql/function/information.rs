//! The functions that tell a client where it is: version, database, schema, user.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use datafusion::scalar::ScalarValue;

use crate::sql::SqlError;
use crate::sql::read::catalog::SCHEMA;
use crate::sql::session_state::settings::SERVER_VERSION;

/// Registers them for a session of `user` in `database`.
pub(in crate::sql) fn register(
    state: &mut SessionState,
    database: &str,
    user: &str,
) -> Result<(), SqlError> {
    let product = env!("CARGO_PKG_VERSION");
    let version = format!("PostgreSQL {SERVER_VERSION} (LikenessDB {product})");
    let constants = [
        ("version", version.as_str()),
        ("current_database", database),
        ("current_catalog", database),
        ("current_schema", SCHEMA),
        ("current_user", user),
        ("current_role", user),
        ("session_user", user),
        ("user", user),
    ];
    for (name, value) in constants {
        let value = ScalarValue::from(value);
        let answer = move |_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(value.clone()));
        let function =
            create_udf(name, Vec::new(), DataType::Utf8, Volatility::Stable, Arc::new(answer));
        state.register_udf(Arc::new(function))?;
    }
    Ok(())
}
