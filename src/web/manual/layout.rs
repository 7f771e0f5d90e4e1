//! What stands around the text of a page: the list of all pages, and the outline of this one.

use std::fmt::Write;

use super::pages::{Group, ManualPage, PAGES};
use super::{render, section};

/// Headings from which on a page gets an outline.
const OUTLINED: usize = 3;

/// The whole page.
pub(super) fn page(page: &ManualPage) -> String {
    let text = text(page);
    let (list, outline) = (list(page), outline(&text));
    let body = render::html(page.file, &text);
    let title = page.title;
    format!(
        r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · LikenessDB</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/theme.css">
<link rel="stylesheet" href="/docs/manual.css">
</head>
<body>
<a class="skip" href="#text">Skip to the text</a>
<header>
<a class="wordmark" href="/docs"><img src="/icon.svg" alt="" width="24" height="24">LikenessDB</a>
<a href="/console">Console</a>
</header>
<div class="page">
<nav aria-label="Pages">{list}</nav>
<main id="text">
{outline}{body}</main>
</div>
</body>
</html>
"##
    )
}

/// The sections of a page put together, or its whole file.
fn text(page: &ManualPage) -> String {
    if page.sections.is_empty() {
        return page.text.to_owned();
    }
    let sections = page.sections.iter().filter_map(|heading| section::of(page.text, heading));
    let mut text = format!("# {}\n\n", page.title);
    for section in sections {
        // Right below the title of the page, whatever rank it has in its file.
        text.push_str("## ");
        text.push_str(section.trim_start_matches(['#', ' ']));
        text.push('\n');
    }
    text
}

fn list(current: &ManualPage) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    for group in Group::ALL {
        let _ = write!(out, "<h2>{}</h2><ul>", group.title());
        for page in PAGES.iter().filter(|page| page.group == group) {
            let here = if page.path == current.path { " aria-current=\"page\"" } else { "" };
            let _ = write!(out, "<li><a href=\"{}\"{here}>{}</a></li>", page.path, page.title);
        }
        out.push_str("</ul>");
    }
    out
}

fn outline(text: &str) -> String {
    let headings = render::outline(text);
    if headings.len() < OUTLINED {
        return String::new();
    }
    let mut out = "<nav class=\"outline\" aria-label=\"On this page\"><ul>".to_owned();
    for (id, title) in headings {
        let title = title.replace('&', "&amp;").replace('<', "&lt;");
        let _ = write!(out, "<li><a href=\"#{id}\">{title}</a></li>");
    }
    out.push_str("</ul></nav>\n");
    out
}
