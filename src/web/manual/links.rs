//! Where the links of a document lead when it is read as a page.

use super::pages::{PAGES, PICTURES};

/// The address of what `link` in the document `file` means; none where the server does not have
/// it, such as a source file.
pub(super) fn address(file: &str, link: &str) -> Option<String> {
    // Served already, elsewhere, or within the same page.
    if link.starts_with(['/', '#']) || link.contains("://") {
        return Some(link.to_owned());
    }
    let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = resolved(file, target);
    if target == "docs/openapi.json" {
        return Some("/openapi.json".to_owned());
    }
    let picture = PICTURES.iter().find(|(path, _)| path.trim_start_matches('/') == target);
    // Of several pages with the text of one file, the one that shows all of it.
    let page = PAGES.iter().find(|page| page.file == target && page.sections.is_empty());
    let path = picture.map(|(path, _)| *path).or(page.map(|page| page.path))?;
    Some(if anchor.is_empty() { path.to_owned() } else { format!("{path}#{anchor}") })
}

/// A path relative to a file, from the root of the project.
fn resolved(file: &str, path: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_between_documents_lead_to_pages_and_those_to_sources_nowhere() {
        for (file, link, expected) in [
            ("docs/rest.md", "sql.md", Some("/docs/sql")),
            ("docs/rest.md", "sql.md#types", Some("/docs/sql#types")),
            ("docs/guides/upload-check.md", "../rest.md", Some("/docs/rest")),
            ("README.md", "docs/models.md", Some("/docs/models")),
            ("docs/rest.md", "#decisions", Some("#decisions")),
            ("docs/rest.md", "openapi.json", Some("/openapi.json")),
            ("docs/rest.md", "https://example.com/x", Some("https://example.com/x")),
            ("src/web/manual/index.md", "/console", Some("/console")),
            ("docs/architecture.md", "../src/pg/mod.rs", None),
            ("docs/rest.md", "../../../etc/passwd", None),
        ] {
            assert_eq!(address(file, link).as_deref(), expected, "{link} in {file}");
        }
    }
}
