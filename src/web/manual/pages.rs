//! Which pages the manual has, and which text each of them shows.

/// One page.
#[derive(Debug)]
pub(in crate::web) struct ManualPage {
    /// Where it is served.
    pub(in crate::web) path: &'static str,
    /// Its name in the list of all pages.
    pub(in crate::web) title: &'static str,
    /// The heading under which it is listed.
    pub(in crate::web) group: Group,
    /// Its file, from the root of the project; links are read from there.
    pub(in crate::web) file: &'static str,
    /// The text of that file.
    pub(in crate::web) text: &'static str,
    /// The headings of the sections that it shows, in this order; all of the file where none is
    /// named.
    pub(in crate::web) sections: &'static [&'static str],
}

/// What a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Group {
    Start,
    FaceServices,
    Guides,
    Reference,
    Operation,
    Internals,
}

impl Group {
    /// In the order in which they are listed.
    pub(in crate::web) const ALL: [Self; 6] = [
        Self::Start,
        Self::FaceServices,
        Self::Guides,
        Self::Reference,
        Self::Operation,
        Self::Internals,
    ];

    pub(in crate::web) fn title(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::FaceServices => "Face services",
            Self::Guides => "Guides",
            Self::Reference => "Reference",
            Self::Operation => "Operation",
            Self::Internals => "How it is built",
        }
    }
}

macro_rules! page {
    ($path:literal, $title:literal, $group:ident, $file:literal) => {
        page!($path, $title, $group, $file, &[])
    };
    ($path:literal, $title:literal, $group:ident, $file:literal, $sections:expr) => {
        ManualPage {
            path: $path,
            title: $title,
            group: Group::$group,
            file: $file,
            text: include_str!(concat!("../../../", $file)),
            sections: $sections,
        }
    };
}

macro_rules! picture {
    ($file:literal) => {
        (concat!("/", $file), include_bytes!(concat!("../../../", $file)))
    };
}

/// What several calls of the facade have in common.
const COMMON: &str = "Words that mean the same everywhere";

pub(in crate::web) const PAGES: &[ManualPage] = &[
    page!("/docs", "Overview", Start, "src/web/manual/index.md"),
    page!("/docs/readme", "Read me", Start, "README.md"),
    page!("/docs/console", "Console", Start, "docs/console.md"),
    page!(
        "/docs/api/face-services/detect",
        "Detect",
        FaceServices,
        "docs/rest.md",
        &["`POST /faces:detect`", COMMON]
    ),
    page!(
        "/docs/api/face-services/compare",
        "Compare",
        FaceServices,
        "docs/rest.md",
        &["`POST /faces:compare`", COMMON]
    ),
    page!(
        "/docs/api/face-services/collections",
        "Collections",
        FaceServices,
        "docs/rest.md",
        &[
            "Collections",
            "`POST /collections/{external_id}/faces`",
            "Reading and deleting faces",
            COMMON
        ]
    ),
    page!(
        "/docs/api/face-services/search",
        "Search",
        FaceServices,
        "docs/rest.md",
        &["Search", COMMON]
    ),
    page!("/docs/face-services/attributes", "Attributes", FaceServices, "docs/attributes.md"),
    page!(
        "/docs/guides/onboarding-match",
        "Onboarding match",
        Guides,
        "docs/guides/onboarding-match.md"
    ),
    page!(
        "/docs/guides/duplicate-detection",
        "Duplicate detection",
        Guides,
        "docs/guides/duplicate-detection.md"
    ),
    page!(
        "/docs/guides/returning-customer",
        "Returning customer",
        Guides,
        "docs/guides/returning-customer.md"
    ),
    page!("/docs/guides/upload-check", "Upload check", Guides, "docs/guides/upload-check.md"),
    page!("/docs/guides/orms", "ORMs", Guides, "docs/guides/orms.md"),
    page!("/docs/rest", "REST", Reference, "docs/rest.md"),
    page!("/docs/reference/error-codes", "Error codes", Reference, "docs/rest.md", &["Errors"]),
    page!(
        "/docs/reference/rate-limits",
        "Rate limits",
        Reference,
        "docs/rest.md",
        &["Rate limits", "Keys, roles, tenants", "Limits"]
    ),
    page!("/docs/sql", "SQL", Reference, "docs/sql.md"),
    page!("/docs/clients", "Clients", Reference, "docs/clients.md"),
    page!("/docs/glossary", "Glossary", Reference, "docs/glossary.md"),
    page!("/docs/models", "Models", Operation, "docs/models.md"),
    page!("/docs/audit", "Audit log", Operation, "docs/audit.md"),
    page!("/docs/tls", "Encryption", Operation, "docs/tls.md"),
    page!("/docs/backup", "Backup and restore", Operation, "docs/backup.md"),
    page!("/docs/durability", "Durability", Operation, "docs/durability.md"),
    page!("/docs/architecture", "Architecture", Internals, "docs/architecture.md"),
    page!("/docs/search", "How a search works", Internals, "docs/search.md"),
    page!("/docs/format", "What is on disk", Internals, "docs/format.md"),
];

/// Pictures of the pages, by where they are served.
pub(in crate::web) const PICTURES: &[(&str, &[u8])] = &[
    picture!("docs/pictures/console-photo.png"),
    picture!("docs/pictures/console-search.png"),
    picture!("docs/pictures/console-compare.png"),
    picture!("docs/pictures/console-sql.png"),
];

#[cfg(test)]
mod tests {
    use super::super::section;
    use super::*;

    #[test]
    fn every_page_has_all_its_sections() {
        for page in PAGES {
            for heading in page.sections {
                let text = section::of(page.text, heading);
                assert!(text.is_some(), "{} has no section {heading:?}", page.file);
            }
        }
    }

    #[test]
    fn pages_are_listed_in_the_order_of_their_groups() {
        let place = |page: &ManualPage| Group::ALL.iter().position(|group| *group == page.group);
        assert!(PAGES.is_sorted_by_key(place));
    }
}
