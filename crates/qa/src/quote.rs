//! What must be quoted so that a span means what it means where it stands (pure)?

use std::ops::Range;

/// Words of the longest list that is quoted whole; of a longer one what leads in and the items up to the span.
const MAX_LIST_WORDS: usize = 80;

/// Words of the longest quote that was widened.
const MAX_QUOTE_WORDS: usize = 80;

/// Words of the longest answer that is more than its span.
const MAX_ANSWER_WORDS: usize = 60;

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
    let quote = match list_around(text, span) {
        Some(list) if words(&text[list.clone()]) <= MAX_LIST_WORDS => list,
        Some(list) => cut_list(text, &list, span),
        None => sentences_around(text, span),
    };
    Place { quote, span: span.clone() }
}

/// What is shown for `place`: the answer is all that was to be quoted, if that is at most 60 words, since a bare span says
/// too little; of a longer list what leads in and as many items as fit; the quote is widened by whole sentences and items, up to 80 words, first on the side whose next one is
/// `worth` more (what follows, where it is the same).
pub(crate) fn widened(text: &str, place: &Place, worth: impl Fn(&Range<usize>) -> f32) -> Place {
    let span = answer(text, place);
    let pieces = pieces(text);
    let mut after = pieces.iter().filter(|piece| piece.start >= place.quote.end).peekable();
    let mut before = pieces.iter().rev().filter(|piece| piece.end <= place.quote.start).peekable();
    let (mut reached, mut quote) = (place.quote.clone(), place.quote.clone());
    loop {
        let fits = |range: Range<usize>| words(&text[range]) <= MAX_QUOTE_WORDS;
        let next = after.peek().filter(|piece| fits(reached.start..piece.end));
        let last = before.peek().filter(|piece| fits(piece.start..reached.end));
        let goes_on = match (next, last) {
            (None, None) => break,
            (Some(next), Some(last)) => worth(next) >= worth(last),
            (next, _) => next.is_some(),
        };
        if goes_on {
            reached.end = after.next().map_or(reached.end, |piece| piece.end);
            quote.end = reached.end;
        } else if let Some(piece) = before.next() {
            reached.start = piece.start;
            // An item is no beginning without what leads in to it.
            if !text[piece.clone()].starts_with(ITEM) {
                quote.start = reached.start;
            }
        }
    }
    Place { quote: without_open_end(text, &quote, place), span }
}

/// The part of the quote of `place` that is the answer. An item of a list is never shown alone where what leads in to it
/// fits, and never in part.
fn answer(text: &str, place: &Place) -> Range<usize> {
    let Place { quote, span } = place;
    let fits = |range: &Range<usize>| words(&text[range.clone()]) <= MAX_ANSWER_WORDS;
    if fits(quote) {
        return quote.clone();
    }
    let lines = lines(&text[quote.clone()]).into_iter().map(|line| quote.start + line.start..quote.start + line.end);
    let lines: Vec<Range<usize>> = lines.collect();
    let Some(item) = lines.iter().find(|line| line.start <= span.start && span.end <= line.end) else {
        return span.clone();
    };
    if !text[item.clone()].starts_with(ITEM) {
        return span.clone();
    }
    let led_in = lines.iter().filter(|line| line.end >= item.end).map(|line| quote.start..line.end).take_while(fits);
    let whole = item.start + ITEM.len()..item.end;
    let alone = if fits(&whole) && whole.start <= span.start { whole } else { span.clone() };
    led_in.last().unwrap_or(alone)
}

/// A quote that ends with what leads in to a list says nothing; that sentence is left out again.
fn without_open_end(text: &str, quote: &Range<usize>, place: &Place) -> Range<usize> {
    let ends = |quote: &Range<usize>| text[quote.clone()].trim_end().ends_with(':');
    let mut quote = quote.clone();
    while ends(&quote) {
        let before = pieces(text).into_iter().rev().find(|piece| piece.end < quote.end && piece.end >= place.quote.end);
        match before {
            Some(piece) => quote.end = piece.end,
            None => return quote.start..place.quote.end,
        }
    }
    quote
}

/// Sentences and items, in order.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    for line in lines(text) {
        let found = clinqa_corpus::sentences(&text[line.clone()]);
        if text[line.clone()].starts_with(ITEM) {
            pieces.push(line.clone());
        } else {
            pieces.extend(found.into_iter().map(|sentence| line.start + sentence.start..line.start + sentence.end));
        }
    }
    pieces.retain(|piece| !text[piece.clone()].trim().is_empty());
    pieces
}

/// The part of a long list that holds `span`: what leads in and the items after it, to as many words as fit or to the
/// item of the span at least.
fn cut_list(text: &str, list: &Range<usize>, span: &Range<usize>) -> Range<usize> {
    let items = lines(&text[list.clone()]).into_iter().map(|line| list.start + line.start..list.start + line.end);
    let mut end = list.start;
    for item in items {
        if end >= span.end && words(&text[list.start..item.end]) > MAX_LIST_WORDS {
            break;
        }
        end = item.end;
    }
    list.start..end.max(span.end)
}

fn words(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
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
        check(long.trim_end(), "rest", "Do:\n- rest");
        check(long.trim_end(), "word", long.trim_end());
    }

    #[test]
    fn a_quote_is_widened_by_whole_sentences() {
        let check = |text: &str, span: &str, answer: &str, quote: &str| {
            let start = text.find(span).expect("in the text");
            let place = widened(text, &quote_around(text, &(start..start + span.len())), |_| 0.0);
            assert_eq!((&text[place.span], &text[place.quote]), (answer, quote), "{span}");
        };
        check("One. Two is 7. Three.", "7", "Two is 7.", "One. Two is 7. Three.");
        check("One. Two. Signs are:", "Two", "Two.", "One. Two.");
        check("Do:\n- rest\n- ice\n\nLater.", "ice", "Do:\n- rest\n- ice", "Do:\n- rest\n- ice\n\nLater.");
        let long = format!("{}. Two is 7. Three.", "word ".repeat(90).trim_end());
        check(&long, "7", "Two is 7.", "Two is 7. Three.");
        check(&long, "word", "word", &long[..long.find(" Two").expect("the second")]);
        let items = "one two three four five six seven eight nine ten";
        let list = format!("Do not eat:\n- {}", [items; 7].join("\n- "));
        let place = quote_around(&list, &(list.len() - 3..list.len()));
        assert_eq!(&list[widened(&list, &place, |_| 0.0).span], items, "what leads in does not fit");
        let place = quote_around(&list, &(14..17));
        let shown = &list[widened(&list, &place, |_| 0.0).span];
        assert_eq!(shown, format!("Do not eat:\n- {}", [items; 5].join("\n- ")), "it says that it is denied");
        let middle = format!("{}. Two. {}.", "one ".repeat(60).trim_end(), "three ".repeat(60).trim_end());
        let place = Place { quote: 241..245, span: 241..244 };
        assert_eq!(&middle[place.quote.clone()], "Two.");
        let first = widened(&middle, &place, |piece| if piece.start == 0 { 1.0 } else { 0.0 });
        assert_eq!((first.quote.start, first.quote.end), (0, 245), "what is worth more is shown");
    }

    proptest::proptest! {
        #[test]
        fn what_is_shown_holds_the_place(lines in proptest::collection::vec("(- )?[a-z]{1,4}( [a-z.:]{1,4}){0,9}", 1..20), at in 0usize..200, length in 1usize..9) {
            let text = lines.join("\n");
            let span = at.min(text.len() - 1)..(at + length).min(text.len());
            if span.start < span.end && !text[span.clone()].contains('\n') {
                let tight = quote_around(&text, &span);
                let shown = widened(&text, &tight, |piece| (piece.start % 7) as f32);
                proptest::prop_assert!(shown.quote.start <= tight.quote.start && tight.quote.end <= shown.quote.end);
                proptest::prop_assert!(shown.quote.start <= shown.span.start && shown.span.end <= shown.quote.end);
                proptest::prop_assert!(shown.span.start <= span.start && span.end <= shown.span.end);
            }
        }

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
