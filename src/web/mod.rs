//! What people see with a browser: the console at `/console` and the manual at `/docs`.
//!
//! All of it is part of the binary and comes from nowhere else, so that it works without a network.
//! The pages have no rights of their own: the console asks for a key and uses the same interface
//! as every other client.

mod console;
mod manual;
mod missing;
mod page;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;

use crate::rest::RestState;

/// The pages, for anybody: they hold nothing.
pub(crate) fn routes() -> Router<RestState> {
    let to = |path| get(move || async move { Redirect::permanent(path) });
    let routes = console::routes().merge(manual::routes()).merge(missing::routes());
    let routes = routes.route("/console/", to("/console")).route("/docs/", to("/docs"));
    // Browsers ask for it wherever they are, whatever icon a page names.
    routes.route("/favicon.ico", to("/icon.svg"))
}
