//! What must be quoted so that a span means what it means where it stands (pure)?

use std::ops::Range;

/// Words of the longest list that is quoted whole.
const MAX_LIST_WORDS: usize = 100;

/// A stretch of a passage to be quoted, and the span in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The sentence or sentences, in bytes of the passage.
    pub quote: Range<usize>,
    /// The span, inside the quote.
    pub span: Range<usize>,
}

/// The place of `span` in `text`: its whole sentences, or its whole list behind the sentence that leads in to it. An item
/// alone may say the opposite of its list ("do not: …").
pub fn quote_around(text: &str, span: &Range<usize>) -> Place {
    match list_around(text, span).filter(|list| text[list.clone()].split_whitespace().count() <= MAX_LIST_WORDS) {
        Some(quote) => Place { quote, span: span.clone() },
        None => Place { quote: sentences_around(text, span), span: span.clone() },
    }
}

fn sentences_around(text: &str, span: &Range<usize>) -> Range<usize> {
    let mut touched = clinqa_corpus::sentences(text);
    touched.retain(|sentence| sentence.start < span.end && span.start < sentence.end);
    let (Some(first), Some(last)) = (touched.first(), touched.last()) else { return span.clone() };
    let start = first.start.min(span.start);
    let has_dash = text[start..].starts_with(ITEM) && start + ITEM.len() <= span.start;
    let start = if has_dash { start + ITEM.len() } else { start };
    start..last.end.max(span.end)
}

/// How a list line begins.
const ITEM: &str = "- ";

/// The list that `span` stands in: from the sentence that leads in, which ends with a colon, to the last item. `None` if
/// the span is neither in an item nor in that sentence.
fn list_around(text: &str, span: &Range<usize>) -> Option<Range<usize>> {
    let lines = lines(text);
    let line = |index: usize| &text[lines[index].clone()];
    let is_item = |index: &usize| line(*index).starts_with(ITEM);
    let is_blank = |index: &usize| line(*index).trim().is_empty();
    let leads_in = |index: &usize| line(*index).trim_end().ends_with(':') && !is_item(index);
    let here = lines.iter().position(|line| line.start <= span.start && span.end <= line.end)?;
    if !is_item(&here) && !leads_in(&here) {
        return None;
    }
    let above = (0..=here).rev().take_while(|index| is_item(index) || is_blank(index) || leads_in(index));
    let lead = above.clone().find(leads_in);
    let first_item = match lead {
        Some(lead) => (lead + 1..lines.len()).find(|index| !is_blank(index)).filter(is_item)?,
        None => above.filter(is_item).last()?,
    };
    let last_item = (first_item..lines.len()).take_while(is_item).last()?;
    let start = match lead {
        Some(lead) => lines[lead].start + clinqa_corpus::sentences(line(lead)).last().map_or(0, |last| last.start),
        None => lines[first_item].start,
    };
    (start <= span.start && span.end <= lines[last_item].end).then(|| start..lines[last_item].end)
}

fn lines(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let range = |line: &str| {
        let range = start..start + line.len();
        start = range.end + 1;
        range
    };
    text.split('\n').map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_quoted_with_what_it_needs_to_be_understood() {
        let check = |text: &str, span: &str, quote: &str| {
            let start = text.find(span).expect("in the text");
            let place = quote_around(text, &(start..start + span.len()));
            assert_eq!(&text[place.quote], quote, "{span}");
        };
        check("Signs are thirst and fatigue. Others exist.", "thirst", "Signs are thirst and fatigue.");
        check("One. Two is 7.5 mmol/L. Three.", "7.5 mmol/L", "Two is 7.5 mmol/L.");
        check("First naïve one. Second.", "one. Second", "First naïve one. Second.");
        check("So. Then do:\n\n- rest well\n- drink\n\nMore.", "rest", "Then do:\n\n- rest well\n- drink");
        check("It is rare. Signs are:\n\n- pain", "rare", "It is rare.");
        check("Avoid:\n- ice", "Avoid", "Avoid:\n- ice");
        check("Take:\n- rest\n\nAvoid:\n- ice\n- heat", "heat", "Avoid:\n- ice\n- heat");
        check("- rest\n- ice\n\nMore.", "ice", "- rest\n- ice");
        check("Here it is: rest.", "rest", "Here it is: rest.");
        let long = format!("Do:\n- rest\n- {}", "word ".repeat(100));
        check(long.trim_end(), "rest", "rest");
    }

    proptest::proptest! {
        #[test]
        fn a_quote_holds_its_span(lines in proptest::collection::vec("(- )?[a-z]{1,4}( [a-z.:]{1,4}){0,3}", 1..8), at in 0usize..60, length in 1usize..9) {
            let text = lines.join("\n");
            let span = at.min(text.len() - 1)..(at + length).min(text.len());
            if span.start < span.end && !text[span.clone()].contains('\n') {
                let place = quote_around(&text, &span);
                proptest::prop_assert!(place.quote.start <= span.start && span.end <= place.quote.end);
            }
        }
    }
}
