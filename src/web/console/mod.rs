//! The console: plain HTML, CSS and ES modules, built by nothing.

use axum::Router;
use axum::routing::get;

use super::page::{CSS, HTML, Page, SCRIPT, SVG};
use crate::rest::RestState;

/// Path, media type and text of one file.
pub(super) type Asset = (&'static str, &'static str, &'static str);

macro_rules! asset {
    ($file:literal, $media_type:expr) => {
        (concat!("/console/", $file), $media_type, include_str!(concat!("assets/", $file)))
    };
}

pub(super) const ASSETS: &[Asset] = &[
    ("/console", HTML, include_str!("assets/index.html")),
    ("/theme.css", CSS, include_str!("../theme.css")),
    ("/icon.svg", SVG, include_str!("../icon.svg")),
    asset!("console.css", CSS),
    asset!("api.js", SCRIPT),
    asset!("boxes.js", SCRIPT),
    asset!("camera.js", SCRIPT),
    asset!("collections.js", SCRIPT),
    asset!("compare.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("faces.js", SCRIPT),
    asset!("main.js", SCRIPT),
    asset!("operating.js", SCRIPT),
    asset!("orientation.js", SCRIPT),
    asset!("photo.js", SCRIPT),
    asset!("pictures.js", SCRIPT),
    asset!("search.js", SCRIPT),
    asset!("session.js", SCRIPT),
    asset!("sql.js", SCRIPT),
    asset!("upload.js", SCRIPT),
];

/// One route per file.
pub(super) fn routes() -> Router<RestState> {
    ASSETS.iter().fold(Router::new(), |routes, &(path, media_type, text)| {
        let page = Page::new(media_type, text.as_bytes());
        routes.route(path, get(move || async move { page }))
    })
}
