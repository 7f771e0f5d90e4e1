//! Markdown as HTML, with headings that can be linked to.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::links;

/// The HTML of `text`, a part of the document `file`. HTML in the text is shown as it is written.
pub(super) fn html(file: &str, text: &str) -> String {
    let mut events: Vec<Event<'_>> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    name_headings(&mut events);
    let events = escaped(lead_links(file, events));
    let mut out = String::new();
    pulldown_cmark::html::push_html(&mut out, events);
    // Code scrolls, which a keyboard does where the focus is; and a heading without words is none.
    out.replace("<pre><code", r#"<pre tabindex="0"><code"#).replace("<th></th>", "<td></td>")
}

/// Gives headings the ids that links between the documents expect.
fn name_headings(events: &mut [Event<'_>]) {
    for at in 0..events.len() {
        if let Some([Event::Start(Tag::Heading { id, .. }), inside @ ..]) = events.get_mut(at..) {
            *id = Some(slug(&title(inside)).into());
        }
    }
}

/// The text up to the end of a heading.
fn title(events: &[Event<'_>]) -> String {
    let inside = events.iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    inside
        .filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
            _ => None,
        })
        .collect()
}

/// A heading's id as code hosts make it: lower case, hyphens for spaces, no punctuation.
fn slug(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Points links to pages of the manual; those that lead to none are mere text.
fn lead_links<'a>(file: &str, events: Vec<Event<'a>>) -> Vec<Event<'a>> {
    let mut kept = Vec::new();
    let led = events.into_iter().filter_map(|event| match event {
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let address = links::address(file, &dest_url);
            kept.push(address.is_some());
            let dest_url = address?.into();
            Some(Event::Start(Tag::Link { link_type, dest_url, title, id }))
        }
        Event::End(TagEnd::Link) => kept.pop()?.then_some(Event::End(TagEnd::Link)),
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let dest_url = links::address(file, &dest_url).map_or(dest_url, CowStr::from);
            Some(Event::Start(Tag::Image { link_type, dest_url, title, id }))
        }
        other => Some(other),
    });
    led.collect()
}

/// HTML as the text that it is written as, so that `<NAME>` in prose is seen; and wide tables in a
/// box of their own, so that these scroll and not the page.
fn escaped(events: Vec<Event<'_>>) -> impl Iterator<Item = Event<'_>> {
    events.into_iter().flat_map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => vec![Event::Text(text)],
        Event::Start(Tag::Table(alignment)) => {
            let open = Event::Html(r#"<div class="wide" tabindex="0">"#.into());
            vec![open, Event::Start(Tag::Table(alignment))]
        }
        Event::End(TagEnd::Table) => {
            vec![Event::End(TagEnd::Table), Event::Html("</div>".into())]
        }
        other => vec![other],
    })
}

/// The headings of the second rank, with their ids: what a page is divided into.
pub(super) fn outline(text: &str) -> Vec<(String, String)> {
    let events: Vec<Event<'_>> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let second = |at: usize| match events.get(at) {
        Some(Event::Start(Tag::Heading { level: HeadingLevel::H2, .. })) => {
            events.get(at + 1..).map(title)
        }
        _ => None,
    };
    (0..events.len()).filter_map(second).map(|title| (slug(&title), title)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_can_be_linked_to_and_foreign_html_is_text() {
        let shown =
            html("docs/rest.md", "## `POST` it, *now*\n\n<script>x</script>\n\n[s](sql.md)");
        assert!(shown.contains(r#"<h2 id="post-it-now">"#), "{shown}");
        assert!(shown.contains("&lt;script&gt;"), "{shown}");
        assert!(shown.contains(r#"<a href="/docs/sql">s</a>"#), "{shown}");
    }

    #[test]
    fn what_the_server_does_not_have_is_not_linked_to() {
        let shown = html("docs/architecture.md", "see [the code](../src/main.rs) there");
        assert_eq!(shown, "<p>see the code there</p>\n");
    }

    #[test]
    fn tables_scroll_in_a_box_of_their_own() {
        let shown = html("docs/rest.md", "| a |\n|---|\n| b |\n");
        assert!(shown.starts_with(r#"<div class="wide" tabindex="0"><table>"#), "{shown}");
        assert!(shown.contains("</table>\n</div>"), "{shown}");
    }

    #[test]
    fn code_is_scrolled_with_the_keyboard_and_columns_without_a_name_have_no_heading() {
        let shown = html("docs/rest.md", "```sh\nls\n```\n\n| a | |\n|---|---|\n| b | c |\n");
        assert!(shown.contains(r#"<pre tabindex="0"><code class="language-sh">"#), "{shown}");
        assert!(shown.contains("<tr><th>a</th><td></td></tr></thead>"), "{shown}");
    }
}
