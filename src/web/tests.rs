//! The pages as browsers get them: complete, from this server alone, behind their policy.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use likeness_storage::{Store, StoreOptions};
use tempfile::TempDir;
use tower::ServiceExt;

use super::console::ASSETS;
use super::manual::PAGES;
use crate::engine::keyring::Keyring;
use crate::engine::{Engine, Inference};
use crate::rest::{RestLimits, RestState, SideRoutes, router};

/// The whole HTTP surface, over an empty database.
struct Site {
    router: Router,
    _directory: TempDir,
}

impl Site {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(directory.path(), StoreOptions::default()).unwrap();
        let engine = Engine::new(Arc::new(store), Inference::unavailable("no pack in this test"));
        let keyring = Arc::new(Keyring::open(directory.path()).unwrap());
        let state = RestState::new(engine, keyring, RestLimits::default());
        let beside = SideRoutes { open: super::routes(), ..SideRoutes::default() };
        Self { router: router(state, beside), _directory: directory }
    }

    async fn get(&self, path: &str) -> (u16, HeaderMap, String) {
        self.get_as(path, "*/*").await
    }

    async fn get_as(&self, path: &str, accept: &str) -> (u16, HeaderMap, String) {
        let request = Request::get(path).header("accept", accept).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status.as_u16(), parts.headers, String::from_utf8_lossy(&body).into_owned())
    }
}

/// The addresses after each `prefix` up to the next quotation mark.
fn addresses<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let rests = text.split(prefix).skip(1);
    rests.filter_map(|rest| rest.split(['"', '\'']).next()).collect()
}

#[tokio::test]
async fn every_file_of_the_console_comes_from_the_binary_behind_a_strict_policy() {
    let site = Site::new();
    for (path, media_type, _) in ASSETS {
        let (status, headers, text) = site.get(path).await;
        assert_eq!((status, headers["content-type"].as_bytes()), (200, media_type.as_bytes()));
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        assert!(!policy.contains("-inline") && !policy.contains("-eval"), "{policy}");
        let outside = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!outside.contains("http://") && !outside.contains("https://"), "{path}");
        assert!(!text.contains("innerHTML") && !text.contains("style=\""), "{path}");
    }
}

#[tokio::test]
async fn the_modules_of_the_console_import_what_is_there() {
    let site = Site::new();
    let mut imported = 0;
    for (path, _, text) in ASSETS {
        for module in addresses(text, "from './") {
            let (status, ..) = site.get(&format!("/console/{module}")).await;
            assert_eq!(status, 200, "{path} imports {module}");
            imported += 1;
        }
    }
    assert!(imported > 20, "{imported}");
}

#[tokio::test]
async fn every_page_of_the_manual_is_there_and_so_is_what_it_links_to() {
    let site = Site::new();
    let mut links = BTreeSet::new();
    for page in PAGES {
        let (status, headers, text) = site.get(page.path).await;
        assert_eq!(
            (status, &headers["content-type"]),
            (200, &"text/html; charset=utf-8".parse().unwrap())
        );
        assert!(text.contains("<h1"), "{} says nothing", page.path);
        links.extend(addresses(&text, "href=\"/").into_iter().map(|link| format!("/{link}")));
        links.extend(addresses(&text, "src=\"/").into_iter().map(|link| format!("/{link}")));
    }
    assert!(links.len() > PAGES.len());
    for link in links {
        let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
        let (status, _, text) = site.get(path).await;
        assert_eq!(status, 200, "{link}");
        assert!(anchor.is_empty() || text.contains(&format!("id=\"{anchor}\"")), "{link}");
    }
}

#[tokio::test]
async fn where_there_is_no_page_people_get_one_that_says_so_and_programs_the_envelope() {
    let site = Site::new();
    for path in ["/docs/nope", "/docs/api/nope", "/console/nope.js"] {
        let (status, headers, text) = site.get_as(path, "text/html,*/*;q=0.8").await;
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (404, super::page::HTML));
        assert!(headers.contains_key("content-security-policy"));
        assert!(headers.contains_key("x-request-id"));
        assert!(text.contains("<h1>There is nothing here</h1>"), "{text}");
        let (status, headers, text) = site.get(path).await;
        assert_eq!((status, headers["vary"].to_str().unwrap()), (404, "Accept"));
        assert!(text.contains("\"code\":\"not_found\""), "{text}");
    }
    let (status, headers, _) = site.get("/favicon.ico").await;
    assert_eq!((status, headers["location"].to_str().unwrap()), (308, "/icon.svg"));
}

#[tokio::test]
async fn people_are_led_to_the_pages_and_programs_to_the_interface() {
    let site = Site::new();
    let request = Request::get("/").header("accept", "text/html,*/*").body(Body::empty()).unwrap();
    let response = site.router.clone().oneshot(request).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (303, &"/docs".parse().unwrap())
    );
    for path in ["/console", "/docs"] {
        let (status, headers, _) = site.get(&format!("{path}/")).await;
        assert_eq!((status, headers["location"].to_str().unwrap()), (308, path));
    }
    let (status, headers, text) = site.get("/").await;
    assert_eq!((status, headers["vary"].to_str().unwrap()), (200, "Accept"));
    let index: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&index["console"], &index["docs"]), (&"/console".into(), &"/docs".into()));
}
