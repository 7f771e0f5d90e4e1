//! `parse_ident`: the parts of a name that is written in a text.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;

use super::{Function, arity};
use crate::sql::grammar::name::written_parts;
use crate::sql::{SqlError, SqlState};

pub(super) fn function() -> Function {
    let texts = Field::new("", DataType::new_list(DataType::Utf8, true), true);
    Function::exact("parse_ident", [DataType::Utf8], texts, parts)
}

fn parts(arguments: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [names] = arguments else { return Err(arity("parse_ident")) };
    let mut lists = ListBuilder::new(StringBuilder::new());
    for name in names.as_string::<i32>() {
        let parts = name.map(|name| {
            written_parts(name).ok_or_else(|| {
                let message = format!("string is not a valid identifier: \"{name}\"");
                SqlError::new(SqlState::InvalidParameterValue, message)
            })
        });
        lists.append_option(parts.transpose()?.map(|parts| parts.into_iter().map(Some)));
    }
    Ok(Arc::new(lists.finish()))
}
