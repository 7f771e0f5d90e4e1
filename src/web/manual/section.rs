//! One section of a Markdown text: its heading and everything up to the next one of that rank.

/// The section of `text` with this heading, without its hashes; none where there is no such one.
pub(super) fn of<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let mut headings = headings(text);
    let (start, rank, _) = headings.find(|(_, _, title)| *title == heading)?;
    let end = headings.find(|(_, other, _)| *other <= rank).map_or(text.len(), |(at, ..)| at);
    text.get(start..end)
}

/// The headings of a text: where each begins, its rank and its title. Lines of code are none,
/// whatever they begin with.
fn headings(text: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    let mut at = 0;
    let mut in_code = false;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let title = line.trim_start_matches('#');
        let rank = line.len() - title.len();
        (!in_code && rank > 0 && title.starts_with(' ')).then(|| (start, rank, title.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# A\nintro\n## B\n```sh\n# no heading\n```\n### C\nc\n## D\nd\n";

    #[test]
    fn a_section_ends_where_one_of_its_rank_begins_and_code_begins_none() {
        assert_eq!(of(TEXT, "B"), Some("## B\n```sh\n# no heading\n```\n### C\nc\n"));
        assert_eq!(of(TEXT, "C"), Some("### C\nc\n"));
        assert_eq!(of(TEXT, "D"), Some("## D\nd\n"));
        assert_eq!(of(TEXT, "A"), Some(TEXT));
        assert_eq!(of(TEXT, "no heading"), None);
    }
}
