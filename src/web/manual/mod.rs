//! The manual at `/docs`: the project's own Markdown as pages, rendered when first asked for.

mod layout;
mod links;
mod pages;
mod render;
mod section;

use std::sync::LazyLock;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;

pub(super) use self::pages::PAGES;
use self::pages::PICTURES;
use super::page::{CSS, HTML, PNG, Page};
use crate::rest::RestState;

/// One route per page and picture.
pub(super) fn routes() -> Router<RestState> {
    let style = Page::new(CSS, include_str!("manual.css").as_bytes());
    let mut routes = Router::new().route("/docs/manual.css", get(move || async move { style }));
    for (number, page) in PAGES.iter().enumerate() {
        routes = routes.route(page.path, get(move || async move { shown(number) }));
    }
    for (path, bytes) in PICTURES {
        let picture = Page::new(PNG, *bytes);
        routes = routes.route(path, get(move || async move { picture }));
    }
    routes
}

/// The page of that number in the table.
fn shown(number: usize) -> Page {
    static RENDERED: LazyLock<Vec<Bytes>> =
        LazyLock::new(|| PAGES.iter().map(|page| layout::page(page).into()).collect());
    // Numbers come from the table that was rendered.
    Page::new(HTML, RENDERED.get(number).cloned().unwrap_or_default())
}
