//! How does a stretch of a document look, with a span marked and its hard words explained (pure)?
//!
//! Lines become paragraphs, lines that begin with a dash become a list: what a document says is shown in its own shape,
//! and none of it is markup.

use std::ops::Range;

use clinqa_qa::glossary::Term;
use maud::{Markup, html};

/// A stretch of text and what is to be seen in it.
pub(crate) struct Quoted<'a> {
    pub(crate) text: &'a str,
    /// The span, in bytes of `text`; empty for none.
    pub(crate) marked: Range<usize>,
    /// Where the span begins, for links that lead there.
    pub(crate) anchor: Option<&'static str>,
    /// Words that are explained, in order; places in `text`.
    pub(crate) terms: &'a [Term],
    /// What the names of explanations begin with, so that they are unique on a page.
    pub(crate) prefix: &'a str,
}

/// A paragraph or an entry of a list, as a range of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    Paragraph(Range<usize>),
    List(Vec<Range<usize>>),
}

/// The byte range of `chars` characters `range` of `text`, as far as they are there.
pub(crate) fn bytes_of(text: &str, range: &Range<usize>) -> Range<usize> {
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    let start = byte(range.start);
    start..byte(range.end).max(start)
}

impl Quoted<'_> {
    /// The text as paragraphs and lists.
    pub(crate) fn show(&self) -> Markup {
        let mut anchor = self.anchor;
        let mut line = |range: &Range<usize>| self.line(range, &mut anchor);
        html! {
            @for block in blocks(self.text) {
                @match block {
                    Block::Paragraph(range) => p { (line(&range)) },
                    Block::List(items) => ul { @for item in items { li { (line(&item)) } } },
                }
            }
        }
    }

    /// One line: what stands before the span, in it and after it.
    fn line(&self, range: &Range<usize>, anchor: &mut Option<&'static str>) -> Markup {
        let within = |at: usize| at.clamp(range.start, range.end);
        let marked = within(self.marked.start)..within(self.marked.end);
        if marked.is_empty() {
            return self.words(range);
        }
        html! {
            (self.words(&(range.start..marked.start)))
            mark id=[anchor.take()] { (self.words(&marked)) }
            (self.words(&(marked.end..range.end)))
        }
    }

    /// Words, each that is explained as a link to what it means.
    fn words(&self, range: &Range<usize>) -> Markup {
        let lies_in = |(_, term): &(usize, &Term)| range.start <= term.bytes.start && term.bytes.end <= range.end;
        let terms: Vec<(usize, &Term)> = self.terms.iter().enumerate().filter(lies_in).collect();
        let mut at = range.start;
        html! {
            @for (number, term) in terms {
                (self.text[at..term.bytes.start])
                a.term href={ "#" (self.prefix) (number) } title=(term.meaning) { (self.text[term.bytes.clone()]) }
                @let () = at = term.bytes.end;
            }
            (self.text[at..range.end])
        }
    }
}

/// The lines of `text` that hold something, those of a list together.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let end = start + line.len();
        let indent = line.len() - line.trim_start().len();
        let item = line.trim_start().strip_prefix("- ").filter(|item| !item.trim().is_empty());
        match (item, blocks.last_mut()) {
            (Some(_), Some(Block::List(items))) => items.push(start + indent + 2..end),
            (Some(_), _) => blocks.push(Block::List(std::iter::once(start + indent + 2..end).collect())),
            _ if line.trim().is_empty() => {}
            _ => blocks.push(Block::Paragraph(start..end)),
        }
        start = end + 1;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use clinqa_qa::glossary::terms_in;

    use super::*;

    fn shown(text: &str, span: &str) -> String {
        let start = text.find(span).expect("in the text");
        let marked = start..start + span.len();
        Quoted { text, marked, anchor: Some("span"), terms: &[], prefix: "" }.show().into_string()
    }

    #[test]
    fn a_quote_keeps_its_shape_and_its_span() {
        let check = |text: &str, span: &str, expected: &str| assert_eq!(shown(text, span), expected);
        check("Rest helps.", "Rest", "<p><mark id=\"span\">Rest</mark> helps.</p>");
        check(
            "Do:\n- rest\n- drink\n\nMore.",
            "rest\n- drink",
            "<p>Do:</p><ul><li><mark id=\"span\">rest</mark></li><li><mark>drink</mark></li></ul><p>More.</p>",
        );
        check("a < b", "<", "<p>a <mark id=\"span\">&lt;</mark> b</p>");
        check("- \n-x", "-x", "<p>- </p><p><mark id=\"span\">-x</mark></p>");
        check("naïve é", "é", "<p>naïve <mark id=\"span\">é</mark></p>");
    }

    #[test]
    fn hard_words_lead_to_their_meaning() {
        let text = "Hypertension & more.";
        let terms = terms_in(text);
        let quoted = Quoted { text, marked: 0..12, anchor: None, terms: &terms, prefix: "m-0-" };
        let meaning = terms[0].meaning;
        let link = format!("<a class=\"term\" href=\"#m-0-0\" title=\"{meaning}\">Hypertension</a>");
        assert_eq!(quoted.show().into_string(), format!("<p><mark>{link}</mark> &amp; more.</p>"));
    }

    #[test]
    fn characters_that_are_not_there_are_harmless() {
        let check = |range: Range<usize>, expected: Range<usize>| assert_eq!(bytes_of("né!", &range), expected);
        check(0..1, 0..1);
        check(1..2, 1..3);
        check(2..900, 3..4);
        check(800..900, 4..4);
        #[expect(clippy::reversed_empty_ranges, reason = "an address may say anything")]
        check(2..1, 3..3);
    }

    proptest::proptest! {
        #[test]
        fn every_word_of_a_text_is_shown(text in "[a-z<é\\-\n ]{0,60}", start in 0usize..70, length in 0usize..70) {
            let marked = bytes_of(&text, &(start..start + length));
            let shown = Quoted { text: &text, marked, anchor: None, terms: &[], prefix: "" }.show().into_string();
            let bare = ["<p>", "</p>", "<ul>", "</ul>", "<li>", "</li>", "<mark>", "</mark>"]
                .iter()
                .fold(shown, |text, tag| text.replace(tag, ""));
            let letters = |text: &str| text.chars().filter(|c| !matches!(c, ' ' | '\n' | '-')).collect::<String>();
            proptest::prop_assert_eq!(letters(&bare.replace("&lt;", "<")), letters(&text));
        }
    }
}
