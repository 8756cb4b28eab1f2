//! HTML: one document a page, its main content only.
//!
//! The tokenizer is the browsers' (html5ever). No tree is built: trees of hostile pages grow without bound or measure,
//! while a list of blocks, each with the zone that it stands in, is all that is needed to tell an article from menus.

mod blocks;
mod furniture;

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use clinqa_schema::Metadata;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Tokenizer, TokenizerOpts};

pub(crate) use self::blocks::{Block, Syntax, Zone};
use self::blocks::{Blocks, Head, Kind};
use super::{Context, Format, Record, is_web_address};
use crate::clean::clean_line;
use crate::decode::decode;
use crate::outline::Outline;
use crate::report::SkipReason;
use crate::whole::{Page, date_in, ends_in, language_in, one_document};

/// Longest file; it is held in memory whole.
const MAX_FILE_BYTES: usize = 16 << 20;
/// More than these are no text, and each takes memory.
const MAX_BLOCKS: usize = 300_000;
/// The tokenizer compares each attribute of a tag with all before it: a tag of a million attributes takes hours.
const DEADLINE: Duration = Duration::from_secs(5);
/// How much it is given between two looks at the clock, in characters.
const STEP_CHARS: usize = 8 << 10;
/// A part of a page that calls itself the main one is believed if it has so many characters.
const ENOUGH_CHARS: usize = 200;

/// Files that begin as HTML does, or are named so.
pub(super) struct Html;

impl Format for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn recognises(&self, file: &Path, head: &[u8]) -> bool {
        let start = String::from_utf8_lossy(head).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
        let declares = start.starts_with("<!doctype html") || start.starts_with("<html");
        let is_xhtml = start.starts_with("<?xml") && start.contains("<html");
        declares || is_xhtml || ends_in(file, &["html", "htm", "xhtml"])
    }

    fn about(&self, _: u64) -> u64 {
        1
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        context: &Context<'_>,
        sink: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        one_document(input, context, MAX_FILE_BYTES, sink, |bytes| page(&bytes, context.defaults))
    }
}

fn page(bytes: &[u8], defaults: &Metadata) -> Result<Page, SkipReason> {
    let text = decode(bytes, declared_charset(bytes).as_deref())?;
    let (head, blocks) = blocks(&text, Syntax::Html)?;
    let blocks = chosen(blocks);
    let title = title(&head, &blocks);
    let mut outline = Outline::default();
    write(&blocks, &title, &mut outline);
    Ok(Page::new(&title, outline.finish(), metadata(&head, defaults)))
}

/// The blocks of a page and what its head says.
pub(crate) fn blocks(text: &str, syntax: Syntax) -> Result<(Head, Vec<Block>), SkipReason> {
    let started = Instant::now();
    let tokenizer = Tokenizer::new(Blocks::new(syntax), TokenizerOpts::default());
    let queue = BufferQueue::default();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.char_indices().nth(STEP_CHARS).map_or(rest.len(), |(end, _)| end);
        queue.push_back(StrTendril::from_slice(&rest[..end]));
        // Our sink never asks it to stop at a script.
        let _ = tokenizer.feed(&queue);
        rest = &rest[end..];
        if started.elapsed() > DEADLINE {
            return Err(SkipReason::TooSlow { seconds: DEADLINE.as_secs() });
        }
        if tokenizer.sink.len() > MAX_BLOCKS {
            return Err(SkipReason::TooMany { limit: MAX_BLOCKS as u64, what: "paragraphs".to_owned() });
        }
    }
    tokenizer.end();
    Ok(tokenizer.sink.finish())
}

/// Writes the blocks, but for a heading that repeats the title.
pub(crate) fn write(blocks: &[Block], title: &str, outline: &mut Outline) {
    for block in blocks {
        match &block.kind {
            Kind::Heading(1) if clean_line(&block.text).eq_ignore_ascii_case(title) => {}
            Kind::Heading(level) => outline.heading(*level, &block.text),
            Kind::Paragraph => outline.body.paragraph(&block.text),
            Kind::Item(marker) => outline.body.marked(marker, &block.text),
            Kind::Row { header, cells } => outline.row(header, cells),
        }
    }
}

/// The encoding that the page names in its first bytes.
fn declared_charset(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(2_048)]).to_ascii_lowercase();
    let name = head.split_once("charset=")?.1.trim_start_matches(['"', '\'']);
    Some(name.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect())
}

/// The main content: what the page marks as such, else its articles, else what is neither furniture nor mostly links.
fn chosen(blocks: Vec<Block>) -> Vec<Block> {
    let chars =
        |zone: Zone| blocks.iter().filter(|block| block.zone == zone).map(|block| block.text.len()).sum::<usize>();
    let (main, article, other) = (chars(Zone::Main), chars(Zone::Article), chars(Zone::Other));
    let best = if main >= ENOUGH_CHARS {
        Some(Zone::Main)
    } else if article >= ENOUGH_CHARS && article * 2 >= other {
        Some(Zone::Article)
    } else {
        None
    };
    let is_wanted = |block: &Block| match best {
        Some(zone) => block.zone == zone,
        None => block.zone != Zone::Furniture && !block.is_mostly(block.linked),
    };
    let mut kept: Vec<Block> =
        blocks.into_iter().filter(|block| is_wanted(block) && !block.is_mostly(block.jumps)).collect();
    // A heading that lost all that stood under it was the heading of a menu.
    while kept.last().is_some_and(|block| matches!(block.kind, Kind::Heading(_))) {
        kept.pop();
    }
    kept
}

fn title(head: &Head, blocks: &[Block]) -> String {
    let first = blocks.iter().find(|block| matches!(block.kind, Kind::Heading(1))).map(|block| clean_line(&block.text));
    let named = || ["citation_title", "og:title", "dc.title", "dcterms.title"].iter().find_map(|name| head.meta(name));
    let whole = || {
        let title = clean_line(&head.title);
        title.split_once(" | ").map_or_else(|| title.clone(), |(own, _)| own.to_owned())
    };
    first.filter(|title| !title.is_empty()).or_else(named).unwrap_or_else(whole)
}

fn metadata(head: &Head, defaults: &Metadata) -> Metadata {
    let meta = |names: &[&str]| names.iter().find_map(|name| head.meta(name));
    let dates = [
        "citation_publication_date",
        "article:published_time",
        "dcterms.issued",
        "dc.date",
        "dcterms.date",
        "date",
        "article:modified_time",
        "dcterms.modified",
        "last-modified",
    ];
    let published = dates.iter().find_map(|name| date_in(&head.meta(name)?));
    let mut metadata = defaults.clone();
    metadata.url = [&head.canonical, &head.meta("og:url").unwrap_or_default()]
        .into_iter()
        .find(|url| is_web_address(url))
        .map(|url| clean_line(url));
    metadata.published = published.or(metadata.published);
    metadata.language = language_in(&head.language).or(metadata.language);
    if let Some(publisher) =
        meta(&["citation_publisher", "dc.publisher", "dcterms.publisher", "publisher", "og:site_name"])
    {
        metadata.publisher = publisher;
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> Page {
        page(html.as_bytes(), &Metadata { publisher: "P".into(), ..Metadata::default() }).expect("a page")
    }

    const PAGE: &str = r##"<!DOCTYPE html><html lang="en-GB"><head><meta charset="utf-8"><title>Ankle sprains | Our clinic</title>
<meta name="dcterms.issued" content="2023-04-02T10:00"><meta property="og:site_name" content="Our clinic">
<link rel="canonical" href="https://example.org/ankle"><style>p{}</style><script>if (a<b) "<p>no</p>"</script></head>
<body><div class="cookie-banner"><p>We use cookies. Accept all of them?</p></div>
<nav><ul><li><a href="/">Home</a></li></ul></nav><header><p>Our clinic, for all of us</p></header>
<main><ul><li><a href="#care">Care</a></li></ul><h1>Ankle sprains</h1><p>A sprain is a stretched <b>liga</b>ment &amp; it hurts.
<p>Most heal by <a href="/x">themselves</a> within some weeks.<h2 id=care>Care at home</h2><ul><li>Rest<li>Cool it<ul><li>with a cloth</li></ul></ul>
<ol start=3><li>Raise it</ol><table><tr><th>Day<th>Do</tr><tr><td>1<td>Rest<tr><td>2<td>Walk</table>
<p hidden>Secret words</p><p>See a nurse if it is not better after two weeks, or if you cannot put your weight on it at all.</p>
</main><footer><p>All rights reserved</p></footer></body></html>"##;

    #[test]
    fn the_main_content_of_a_page_becomes_the_document() {
        let page = read(PAGE);
        assert_eq!(page.title.as_deref(), Some("Ankle sprains"));
        assert_eq!(
            page.text,
            "A sprain is a stretched ligament & it hurts.\n\nMost heal by themselves within some weeks.\n\nCare at home\n\n\
             - Rest\n- Cool it\n- with a cloth\n3. Raise it\n- Day: 1; Do: Rest\n- Day: 2; Do: Walk\n\n\
             See a nurse if it is not better after two weeks, or if you cannot put your weight on it at all."
        );
        assert_eq!(
            page.sections.iter().map(|section| section.heading.as_str()).collect::<Vec<_>>(),
            ["", "Care at home"]
        );
        let metadata = page.metadata;
        assert_eq!(metadata.published.as_ref().map(clinqa_schema::Date::as_str), Some("2023-04-02"));
        assert_eq!((metadata.publisher.as_str(), metadata.language.as_deref()), ("Our clinic", Some("en")));
        assert_eq!(metadata.url.as_deref(), Some("https://example.org/ankle"));
    }

    #[test]
    fn a_page_that_marks_nothing_is_read_without_its_links() {
        let page = read(
            "<title>Tea</title><div class=menu>Top</div><p><a href=/a>One</a> <a href=/b>Two</a></p><p>Tea is warm.</p><div>And sweet<br>too.</div>",
        );
        assert_eq!((page.title.as_deref(), page.text.as_str()), (Some("Tea"), "Tea is warm.\n\nAnd sweet too."));
    }

    #[test]
    fn pages_in_old_encodings_and_layout_tables_are_read() {
        let page = page(b"<html><head><meta charset=iso-8859-1></head><table><tr><td><h2>Caf\xe9</h2><p>Warm.</p></td></tr></table>", &Metadata::default());
        assert_eq!(page.expect("a page").text, "Café\n\nWarm.");
    }

    #[test]
    fn hostile_pages_cost_little() {
        let deep = "<div>".repeat(200_000) + "deep";
        let tags = format!("{}x", "<b a=1><p>".repeat(100_000));
        let attribute = format!("<p title=\"{}\">text</p>", "x".repeat(4 << 20));
        for html in [
            deep,
            tags,
            attribute,
            "<table><tr><td>".repeat(100_000) + "x",
            "<!--".repeat(500_000),
            "&amp".repeat(500_000),
        ] {
            let started = Instant::now();
            let _ = page(html.as_bytes(), &Metadata::default());
            assert!(started.elapsed() < Duration::from_secs(10), "{}", &html[..20]);
        }
        let many = format!("<p {}>text</p>", (0..1_000_000).map(|n| format!("a{n} ")).collect::<Vec<_>>().concat());
        assert!(matches!(page(many.as_bytes(), &Metadata::default()), Err(SkipReason::TooSlow { .. })));
    }

    #[test]
    fn html_is_told_by_how_it_begins() {
        let check =
            |file: &str, head: &str, yes| assert_eq!(Html.recognises(Path::new(file), head.as_bytes()), yes, "{file}");
        check("a.php", "\u{feff}\n<!DOCTYPE HTML>", true);
        check("a", "<html>", true);
        check("a.htm", "", true);
        check("a.xml", "<?xml version='1.0'?><article>", false);
    }
}
