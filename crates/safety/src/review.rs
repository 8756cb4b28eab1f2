//! May this answer be shown?
//!
//! "Aspirin is not recommended for children" holds the span "aspirin". Shown as the answer to "what can I give my
//! child?", it says the opposite of its source. A span that was cut out of a negated clause is withheld; one that
//! brings its negation along ("do not give aspirin") is kept. Doubt withholds: an abstention harms less.

use clinqa_schema::{Answer, Citation, Question};

use crate::normalise::{Word, words};
use crate::rules::Rules;

/// What becomes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Review {
    /// Show it.
    Keep,
    /// Do not show it; abstain.
    Withhold,
}

/// Reviews `answer` to `question`. Every citation counts: a merged source that denies the span denies the answer.
pub fn review(_: &Rules, question: &Question, answer: &Answer) -> Review {
    // "What should children not take?" wants what a negated clause holds.
    if asks_for_the_negative(question.text()) {
        return Review::Keep;
    }
    if answer.citations().iter().any(is_cut_from_a_negation) { Review::Withhold } else { Review::Keep }
}

/// Negations that stand before what they deny, folded; a longer one wins by standing in the list at all.
const BEFORE: &[&[&str]] = &[
    &["not"],
    &["no"],
    &["never"],
    &["dont"],
    &["doesnt"],
    &["didnt"],
    &["shouldnt"],
    &["mustnt"],
    &["cant"],
    &["cannot"],
    &["wont"],
    &["isnt"],
    &["arent"],
    &["wasnt"],
    &["werent"],
    &["neither"],
    &["nor"],
    &["without"],
    &["avoid"],
    &["avoiding"],
    &["unlikely"],
    &["rather", "than"],
    &["instead", "of"],
    &["contraindicated"],
    &["unsafe"],
    &["stop", "taking"],
    &["stop", "using"],
];

/// Negations that stand after what they deny.
const AFTER: &[&[&str]] = &[
    &["not"],
    &["never"],
    &["cannot"],
    &["cant"],
    &["dont"],
    &["doesnt"],
    &["didnt"],
    &["shouldnt"],
    &["mustnt"],
    &["isnt"],
    &["arent"],
    &["wont"],
    &["avoided"],
    &["contraindicated"],
    &["unsafe"],
    &["ineffective"],
    &["no", "longer"],
    &["no", "evidence"],
    &["no", "benefit"],
    &["no", "effect"],
    &["no", "difference"],
    &["no", "role"],
    &["stopped"],
    &["withdrawn"],
    &["discouraged"],
];

/// Phrases that hold a negation and deny nothing.
const HARMLESS: &[&[&str]] = &[
    &["not", "only"],
    &["not", "just"],
    &["whether", "or", "not"],
    &["no", "matter"],
    &["no", "more", "than"],
    &["not", "more", "than"],
    &["not", "exceed"],
    &["no", "doubt"],
    &["if", "not"],
    &["not", "always"],
];

/// Words that end a negation's reach.
const STOPS: &[&str] = &["but", "however", "instead", "although", "though", "so", "yet", "whereas", "therefore"];

/// Words that open a clause of its own: a negation inside it does not reach out, one before it does not reach in.
const OPENERS: &[&str] =
    &["if", "when", "because", "unless", "while", "who", "which", "that", "where", "until", "since"];

/// Whether the question asks for what a negated clause holds: "what should I not take?". A negation that only tells how
/// somebody is ("I can't sleep, what helps?") asks for no such thing.
fn asks_for_the_negative(question: &str) -> bool {
    const OUTRIGHT: &[&str] = &["contraindicated", "contraindications", "contraindication", "unsafe", "forbidden"];
    const ASKING: &[&str] = &["what", "whats", "which", "who", "whom", "when", "where", "foods", "things"];
    const NEGATIONS: &[&str] =
        &["not", "never", "cant", "cannot", "shouldnt", "mustnt", "dont", "doesnt", "isnt", "arent", "wont", "avoid"];
    const SUBJECTS: &[&str] = &["i", "im", "ive", "we", "he", "she", "they", "my", "it"];
    /// Words between the question word and what it denies.
    const REACH: usize = 6;
    let words = words(question);
    let is = |i: usize, list: &[&str]| list.contains(&words[i].text.as_str());
    let governed = |negation: usize| {
        let from = negation.saturating_sub(REACH);
        let Some(asking) = (from..negation).find(|&i| is(i, ASKING) && words[i].clause == words[negation].clause)
        else {
            return false;
        };
        let between = asking + 1..negation;
        let has_clause_of_its_own = between.clone().any(|i| is(i, OPENERS) || is(i, STOPS))
            || between.clone().filter(|&i| is(i, SUBJECTS)).count() > 1;
        // "When I do not eat, what happens?", "what helps my baby who does not sleep?"
        let begins_with_somebody = between.clone().next().is_some_and(|i| is(i, SUBJECTS));
        !has_clause_of_its_own && !begins_with_somebody
    };
    let stops = |i: usize| words[i].text == "stop" && i + 1 < words.len() && is(i + 1, &["taking", "using", "eating"]);
    (0..words.len()).any(|i| is(i, OUTRIGHT) || ((is(i, NEGATIONS) || stops(i)) && governed(i)))
}

fn is_cut_from_a_negation(citation: &Citation) -> bool {
    let quote: Vec<char> = citation.quote.chars().collect();
    let start = citation.answer_start.saturating_sub(citation.start).min(quote.len());
    let end = citation.answer_end.saturating_sub(citation.start).clamp(start, quote.len());
    let text = |range: std::ops::Range<usize>| quote[range].iter().collect::<String>();
    // A word in the span's stead shows in which sentence and clause it begins and ends.
    let before = words(&(text(0..start) + " x"));
    let (span, after) = (words(&text(start..end)), words(&("x ".to_owned() + &text(end..quote.len()))));
    if (0..span.len()).any(|i| starts_with(&span[i..], BEFORE) || starts_with(&span[i..], AFTER)) {
        return false;
    }
    // What comes after a whole sentence is another one.
    let ends_its_sentence = text(start..end).trim_end().ends_with(['.', '!', '?']);
    denied_before(&before)
        || (!ends_its_sentence && denied_after(&after))
        || lead_in(&text(0..start)).is_some_and(|lead| denied_by_lead(&words(&(lead.to_owned() + " x"))))
}

/// What leads in to the list whose item the text after `before` stands in, without its colon; `None` outside of a list.
fn lead_in(before: &str) -> Option<&str> {
    let mut lines = before.rsplit('\n');
    if !lines.next()?.starts_with("- ") {
        return None;
    }
    let lead = lines.find(|line| !line.trim().is_empty() && !line.starts_with("- "))?;
    lead.trim_end().strip_suffix(':')
}

/// Whether what leads in to a list denies its items, which the last word stands for: "Foods to avoid are:", "Do not take it
/// if you:".
fn denied_by_lead(lead: &[Word]) -> bool {
    let Some((last, before)) = lead.split_last() else { return false };
    let from = before.partition_point(|word| word.sentence < last.sentence);
    (from..before.len()).any(|cue| {
        let opener = (from..cue).rfind(|&i| OPENERS.contains(&before[i].text.as_str()));
        let is_condition = opener.is_some_and(|i| before[i].clause == before[cue].clause);
        (is_cue(before, cue, BEFORE) || is_cue(before, cue, AFTER))
            && !before[cue..].iter().any(|word| STOPS.contains(&word.text.as_str()))
            && !(is_condition && before[cue].clause != last.clause)
    })
}

/// Whether one of `phrases` begins `rest`.
fn starts_with(rest: &[Word], phrases: &[&[&str]]) -> bool {
    phrases.iter().any(|phrase| rest.len() >= phrase.len() && rest.iter().zip(*phrase).all(|(w, p)| w.text == *p))
}

/// Reads back from the span, whose place the last word holds, to the start of its clause.
fn denied_before(before: &[Word]) -> bool {
    let Some((last, before)) = before.split_last() else { return false };
    let sentence: Vec<&Word> = before.iter().filter(|word| word.sentence == last.sentence).collect();
    let offset = before.len() - sentence.len();
    let Some(cue) = (offset..before.len()).rfind(|&i| is_cue(before, i, BEFORE)) else { return false };
    let between = &before[cue + 1..];
    if between.iter().any(|word| STOPS.contains(&word.text.as_str()) || OPENERS.contains(&word.text.as_str())) {
        return false;
    }
    // "If you are not better, see a doctor": the condition ends at its comma. "Do not take aspirin, ibuprofen" does not.
    let opener = (offset..cue).rfind(|&i| OPENERS.contains(&before[i].text.as_str()));
    let is_condition = opener.is_some_and(|i| before[i].clause == before[cue].clause);
    !(is_condition && before[cue].clause != last.clause)
}

/// Reads on from the span, whose place the first word holds, to the end of its clause.
fn denied_after(after: &[Word]) -> bool {
    const REACH: usize = 10;
    let after = after.get(1..).unwrap_or_default();
    for i in 0..after.len().min(REACH) {
        let word = after[i].text.as_str();
        let begins_anew = word == "and" && after.get(i + 1).is_some_and(|next| is_verb(&next.text));
        if after[i].sentence > 0 || STOPS.contains(&word) || OPENERS.contains(&word) || begins_anew {
            return false;
        }
        if is_cue(after, i, AFTER) {
            // "Take paracetamol, not ibuprofen": the contrast denies what follows it.
            let is_contrast = word == "not" && (i == 0 || after[i - 1].text == "and");
            return !is_contrast;
        }
    }
    false
}

fn is_cue(all: &[Word], i: usize, cues: &[&[&str]]) -> bool {
    let harmless = (i.saturating_sub(2)..=i)
        .any(|from| HARMLESS.iter().any(|phrase| from + phrase.len() > i && starts_with(&all[from..], &[phrase])));
    starts_with(&all[i..], cues) && !harmless
}

fn is_verb(word: &str) -> bool {
    const VERBS: &[&str] = &[
        "is", "are", "was", "were", "do", "does", "did", "should", "must", "can", "may", "will", "has", "have", "not",
    ];
    VERBS.contains(&word)
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Confidence, Standing};

    use super::*;

    /// Compiled once for all cases.
    static RULES: std::sync::LazyLock<Rules> =
        std::sync::LazyLock::new(|| Rules::embedded().expect("the embedded rules"));

    /// An answer whose span is what stands in square brackets.
    fn answer(marked: &str) -> Answer {
        let (before, rest) = marked.split_once('[').expect("a span");
        let (span, after) = rest.split_once(']').expect("the end of the span");
        let quote = format!("{before}{span}{after}");
        // A quote seldom opens its document: offsets are the document's.
        let start = 100;
        let answer_start = start + before.chars().count();
        let citation = Citation {
            document_id: "d".parse().expect("an id"),
            title: "t".into(),
            section: None,
            publisher: "p".into(),
            kind: "k".into(),
            published: None,
            url: None,
            page: None,
            grade: None,
            standing: Standing::default(),
            siblings: Vec::new(),
            passage_id: "d#0".parse().expect("an id"),
            end: start + quote.chars().count(),
            quote,
            start,
            answer_start,
            answer_end: answer_start + span.chars().count(),
        };
        Answer::new(span.to_owned(), Confidence::new(0.9), citation, Vec::new())
    }

    #[test]
    fn a_negated_statement_never_reads_as_advice() {
        let rules = Rules::embedded().expect("the embedded rules");
        let check = |question: &str, marked: &str, expected: Review| {
            let question = Question::new(question).expect("a question");
            assert_eq!(review(&rules, &question, &answer(marked)), expected, "{marked}");
        };
        let give = "What can I give my child for a fever?";
        for marked in [
            "Do not give [aspirin] to children.",
            "Don’t give [aspirin] to children.",
            "[Aspirin] is not recommended for children.",
            "[Aspirin], a common painkiller, is not recommended for children.",
            "[Aspirin] should never be given to a child.",
            "[Aspirin] must be avoided in children.",
            "You should not use [ibuprofen] if you have a kidney disease.",
            "Never give [honey] to a baby.",
            "Avoid [aspirin, ibuprofen] and naproxen.",
            "Do not take aspirin, [ibuprofen] or naproxen.",
            "[Antibiotics] do not work against viruses.",
            "There is no evidence that works. It is not treated with [antibiotics].",
            "Paracetamol is safe. [Aspirin] is contraindicated under 16 years.",
            "Doctors no longer recommend [bed rest].",
            "[Cough syrup] has no benefit in young children.",
            "Être prudent – ne pas: do not use [aspirin 🩺] here.",
            "It is unsafe to give [aspirin] to a child.",
            "Use paracetamol instead of [aspirin].",
            "Use paracetamol rather than [aspirin].",
            "Stop taking [ibuprofen] before the operation.",
            "Neither aspirin nor [codeine] is safe for children.",
            "Treat the fever without [aspirin].",
            "[Aspirin] is no longer recommended for children.",
            "[Codeine] has been withdrawn for children under 12.",
            "[Tepid sponging] is discouraged.",
            "[Antibiotics] make no difference and are ineffective against flu.",
            "[Aspirin] isn't safe for anyone under 16.",
            "[Ibuprofen] cannot be used in chickenpox.",
            "Foods to avoid are:\n\n- whole [nuts]\n- honey",
            "Foods to avoid are:\n\n- honey\n- whole [nuts]",
            "Many foods are safe. Do not give:\n- [honey]\n- salt",
            "Do not take it if you:\n\n- have [asthma]\n- are pregnant",
            "These should not be given:\n- [aspirin]",
        ] {
            check(give, marked, Review::Withhold);
        }
        // Who cannot sleep does not ask for what is denied.
        for question in [
            "i cant sleep what helps",
            "what can I take i cant sleep",
            "What helps when I can't sleep?",
            "My baby won't sleep, what can I give?",
            "what stops a cough that doesn't go",
            "How do I stop coughing with no medicine?",
            "I have not slept. What can I drink?",
        ] {
            check(question, "Do not use [alcohol] to fall asleep.", Review::Withhold);
        }
        for question in [
            "What should I not drink to fall asleep?",
            "what can't I drink at night",
            "What to avoid before bed?",
            "Which drinks are unsafe?",
            "foods to avoid with insomnia",
            "What should I stop drinking and not eat at night?",
        ] {
            check(question, "Do not use [alcohol] to fall asleep.", Review::Keep);
        }
        for marked in [
            "[Paracetamol] is recommended for children.",
            "[Do not give aspirin] to children.",
            "[Aspirin is not recommended] for children.",
            "Aspirin is not safe. [Paracetamol] is.",
            "Aspirin is not recommended, but [paracetamol] is.",
            "Take [paracetamol], not ibuprofen.",
            "[Paracetamol] is used when ibuprofen is not suitable.",
            "If the fever does not settle in three days, [see a doctor].",
            "[Paracetamol] helps not only with fever.",
            "Give [paracetamol]. Do not give aspirin.",
            "[Give paracetamol.] Do not give aspirin.",
            "Do not give aspirin. [Give paracetamol.] Avoid ibuprofen.",
            "Aspirin is not safe, whereas [paracetamol] is.",
            "Do not worry if it takes time: [paracetamol] works within an hour.",
            "[Paracetamol] can be given whether or not there is a fever.",
            "[Paracetamol] should not exceed four doses a day.",
            "[Paracetamol] is safe. Ibuprofen is contraindicated in chickenpox.",
            "Give no more than [four doses] in 24 hours.",
            "[Viruses] cause most colds and are not killed by antibiotics.",
            "Do not worry. You can give:\n\n- [paracetamol]\n- water",
            "If it does not settle, give:\n- [paracetamol]",
            "[Foods to avoid are:\n- honey]\n- nuts",
            "Give:\n- [paracetamol]\n\nDo not give:\n- aspirin",
            "[]",
        ] {
            check(give, marked, Review::Keep);
        }
        check("What should children not take?", "Children should not take [aspirin].", Review::Keep);
    }

    #[test]
    fn one_merged_source_that_denies_it_withholds_the_answer() {
        let rules = Rules::embedded().expect("the embedded rules");
        let question = Question::new("What can I give my child for a fever?").expect("a question");
        let (yes, no) = (answer("[Aspirin] lowers a fever."), answer("[Aspirin] must not be given to children."));
        let first = yes.citations()[0].clone();
        let merged = |other: &Answer| {
            Answer::new("Aspirin".to_owned(), Confidence::new(0.9), first.clone(), vec![other.citations()[0].clone()])
        };
        assert_eq!(review(&rules, &question, &merged(&yes)), Review::Keep);
        assert_eq!(review(&rules, &question, &merged(&no)), Review::Withhold);
    }

    proptest::proptest! {
        /// Whatever is denied, in whatever words around it, is never shown as advice.
        #[test]
        fn a_denied_span_is_withheld_whatever_it_is(
            span in "[a-z]{3,10}( [a-z]{3,10}){0,2}",
            frame in proptest::sample::select(vec![
                ("Do not give ", " to children."), ("Never use ", " here."), ("Avoid ", " in pregnancy."),
                ("", " should not be given to a child."), ("", " is not recommended."), ("", " must be avoided."),
                ("You must not take ", " with alcohol."), ("", " is contraindicated in asthma."),
            ]),
        ) {
            let is_plain = |word: &str| {
                let all = words(word);
                !STOPS.contains(&word) && !OPENERS.contains(&word) && !is_verb(word) && word != "and"
                    && !starts_with(&all, BEFORE) && !starts_with(&all, AFTER)
            };
            proptest::prop_assume!(span.split(' ').all(is_plain));
            let rules = &*RULES;
            let question = Question::new("What helps with fever?").expect("a question");
            let marked = format!("{}[{span}]{}", frame.0, frame.1);
            proptest::prop_assert_eq!(review(rules, &question, &answer(&marked)), Review::Withhold);
        }

        #[test]
        fn no_quote_and_no_offsets_make_it_panic(quote in "\\PC{0,60}", start in 0usize..90, from in 0usize..90, to in 0usize..90) {
            let citation = answer("a [b] c").citations()[0].clone();
            let _ = is_cut_from_a_negation(&Citation { quote, start, answer_start: from, answer_end: to, ..citation });
        }
    }
}
