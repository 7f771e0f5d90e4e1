//! Which part of a listing is asked for.

use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use super::error::ApiError;
use super::openapi::schema;
use super::parameters::Parameters;

/// Items of a page unless the caller says otherwise.
const ITEMS: usize = 50;
/// Most items of a page.
const ITEMS_MAX: usize = 200;

/// The parameters that listings have in common.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageBounds {
    /// Most items of the page.
    #[param(schema_with = items, required = false)]
    pub(super) limit: usize,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

fn items() -> Object {
    schema::integer(&(1..=ITEMS_MAX), ITEMS)
}

impl PageBounds {
    pub(super) fn of(parameters: &Parameters) -> Result<Self, ApiError> {
        Ok(Self {
            limit: parameters.integer("limit", 1..=ITEMS_MAX)?.unwrap_or(ITEMS),
            cursor: parameters.text("cursor")?.map(str::to_owned),
        })
    }
}
