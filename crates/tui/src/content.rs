//! What stands in each pane, as blocks of marked text (pure)?

use std::ops::Range;

use clinqa_schema::{Abstention, Answer, Citation, NoticeKind, Outcome, Reply, Standing, StandingState, WordScore};

use crate::block::Block;
use crate::desk::Place;
use crate::message::{Ranks, Row};
use crate::state::answered::Stage;
use crate::state::librarian::{self, Build};
use crate::state::{State, choosing};
use crate::theme::Role;

/// What must be said before anything else: emergencies, of what is typed and of the reply.
pub(crate) fn banner(state: &State) -> Vec<Block> {
    let of_reply = state.answer.reply.iter().flat_map(|reply| &reply.notices);
    let mut notices: Vec<_> =
        state.notices.iter().chain(of_reply).filter(|notice| notice.kind == NoticeKind::Emergency).collect();
    notices.dedup_by(|a, b| a.rule == b.rule);
    let mut seen = Vec::new();
    notices.retain(|notice| {
        !seen.contains(&&notice.rule) && {
            seen.push(&notice.rule);
            true
        }
    });
    let mut blocks = Vec::new();
    for notice in notices {
        blocks.push(Block::of(Role::Emergency, format!("EMERGENCY: {}", notice.title)));
        blocks.push(Block::of(Role::Emergency, notice.text.clone()));
    }
    blocks
}

/// The answer with its confidence and its citations, or why there is none.
pub(crate) fn answer(state: &State) -> Vec<Block> {
    let Some(reply) = &state.answer.reply else {
        let text = if state.answer.stage == Stage::Asked { "Reading the passages ..." } else { "" };
        return vec![Block::of(Role::Quiet, text)];
    };
    let mut blocks = Vec::new();
    for notice in reply.notices.iter().filter(|notice| notice.kind != NoticeKind::Emergency) {
        blocks.push(Block::of(Role::Warning, notice.title.clone()));
        blocks.push(Block::plain(notice.text.clone()));
    }
    match &reply.answer {
        Some(answer) => {
            // What was asked for comes first, then where it stands, then what stands around it: the first lines of a
            // small window tell all of it.
            blocks.push(Block::of(Role::Title, answer.text()));
            blocks.extend(answer.citations().iter().filter_map(|citation| warning(&citation.standing)));
            for (at, citation) in answer.citations().iter().enumerate() {
                blocks.push(Block::of(Role::Quiet, format!("[{}] {}", at + 1, place(state, citation))));
            }
            for citation in answer.differing() {
                blocks.push(Block::of(Role::Warning, format!("Another source differs: {}", place(state, citation))));
                blocks.push(quote(citation).indented(2));
            }
            let quotes = answer.citations().iter().take(1).filter(|citation| citation.quote != answer.text());
            blocks.extend(quotes.flat_map(|citation| [Block::gap(), quote(citation).indented(2)]));
        }
        None => blocks.push(unanswered(reply)),
    }
    blocks
}

fn unanswered(reply: &Reply) -> Block {
    let text = match (reply.outcome, reply.reason) {
        (Outcome::Redirected, _) | (_, Some(Abstention::Emergency)) => {
            "This sounds like an emergency: it is not answered from documents. Passages are listed for reading only."
        }
        (_, Some(Abstention::Personal)) => "This asks about one person's own case, which is not answered here.",
        (_, Some(Abstention::Scope)) => "There is nothing to look up here; what stands above says how to go on.",
        _ => "The documents hold no answer that could be stood by. The nearest passages are listed.",
    };
    Block::plain(text)
}

/// The quote with its span marked.
fn quote(citation: &Citation) -> Block {
    let block = Block::plain(citation.quote.clone());
    match within_quote(citation, citation.answer_start..citation.answer_end) {
        Some(span) => block.marked(span, Role::Span),
        None => block,
    }
}

/// Characters of the document as bytes of the quote, as far as they lie in it.
fn within_quote(citation: &Citation, chars: Range<usize>) -> Option<Range<usize>> {
    let byte = |at: usize| {
        let at = at.checked_sub(citation.start)?;
        let ends = citation.quote.char_indices().map(|(byte, _)| byte).chain([citation.quote.len()]);
        ends.into_iter().nth(at)
    };
    Some(byte(chars.start.max(citation.start))?..byte(chars.end.min(citation.end))?)
}

/// Title, section, publisher, kind and date in one line.
pub(crate) fn place(state: &State, citation: &Citation) -> String {
    let (dot, within) = (state.theme.dot(), state.theme.within());
    let section = citation.section.as_ref().map(|section| format!("{within}{section}")).unwrap_or_default();
    format!("{}{section}{dot}{}", citation.title, provenance(state, citation))
}

/// The mark of what does not stand as published, grade, kind, date, publisher and page: what decides comes first, since
/// the end may be cut off.
pub(crate) fn provenance(state: &State, citation: &Citation) -> String {
    let date = citation.published.as_ref().map_or("no date", |date| date.as_str()).to_owned();
    let mut parts = vec![
        citation.standing.state.mark().unwrap_or_default().to_owned(),
        citation.grade.as_ref().map(|grade| format!("grade {grade}")).unwrap_or_default(),
        citation.kind.clone(),
        date,
        citation.publisher.clone(),
        citation.page.map(|page| format!("page {page}")).unwrap_or_default(),
    ];
    parts.retain(|part| !part.is_empty());
    parts.join(state.theme.dot())
}

/// The mark of what does not stand as published with what it means, the notice that says so, and its day.
pub(crate) fn warning(standing: &Standing) -> Option<Block> {
    let mark = standing.state.mark()?;
    let meaning = match standing.state {
        StandingState::Current => "it stands as published",
        StandingState::Corrected => "read it with its correction",
        StandingState::Concern => "those who put it out say that it may not be right",
        StandingState::Superseded => "a newer version has taken its place",
        StandingState::Retracted => "it was taken back and must not be relied on",
    };
    let since = standing.since.as_ref().map(|date| format!(", {date}")).unwrap_or_default();
    let notice = standing.notice.as_ref().map(|notice| format!(" ({notice}{since})")).unwrap_or(since);
    Some(Block::of(Role::Warning, format!("{mark}: {meaning}{notice}")))
}

/// What the reader found in the passage, in characters of the document.
pub(crate) fn span_of(state: &State, row: &Row) -> Option<Range<usize>> {
    let found = cited(state, row)?;
    Some(found.answer_start..found.answer_end)
}

/// How the reply to what stands in the line cites the passage, if it does.
fn cited<'a>(state: &'a State, row: &Row) -> Option<&'a Citation> {
    let reply = state.answer.reply.as_ref().filter(|_| state.answer.stage == Stage::Here)?;
    let of_answer = reply.answer.iter().flat_map(Answer::citations);
    let mut all = of_answer.chain(reply.reading.iter().map(|reading| &reading.citation));
    all.find(|citation| citation.passage_id == *row.id())
}

/// What is quoted of a row, in bytes of its passage: what the reader found with what it needs to be understood, else the
/// sentence with the words that were searched for.
pub(crate) fn quoted_of(state: &State, row: &Row) -> Range<usize> {
    let found =
        cited(state, row).and_then(|citation| within_quote(&row.reading.citation, citation.start..citation.end));
    found.filter(|bytes| bytes.start < bytes.end).unwrap_or_else(|| row.matched.clone())
}

/// Where to open the document of a row: at what the reader found, else at the matching sentence.
pub(crate) fn opened_at(state: &State, row: &Row) -> Range<usize> {
    span_of(state, row).unwrap_or_else(|| {
        let chars = |bytes: usize| row.text().get(..bytes).map_or(0, |text| text.chars().count());
        let start = row.reading.citation.start;
        start + chars(row.matched.start)..start + chars(row.matched.end)
    })
}

/// The chosen passage in its section, with the span marked.
pub(crate) fn preview(state: &State) -> Vec<Block> {
    let Some(row) = state.chosen() else { return vec![Block::gap()] };
    let citation = &row.reading.citation;
    let mut blocks: Vec<Block> = warning(&citation.standing).into_iter().collect();
    if let Some(section) = &citation.section {
        blocks.push(Block::of(Role::Title, section.clone()));
    }
    let text = Block::plain(row.text());
    let span = span_of(state, row).and_then(|chars| within_quote(citation, chars));
    blocks.push(match span {
        Some(span) => text.marked(span, Role::Span),
        None => text.marked(row.matched.clone(), Role::Match),
    });
    blocks.push(Block::gap());
    blocks.push(Block::of(Role::Quiet, provenance(state, citation)));
    if let Some(url) = &citation.url {
        blocks.push(Block::of(Role::Quiet, url.clone()));
    }
    blocks
}

/// Why the chosen passage is where it is.
pub(crate) fn why(state: &State) -> Vec<Block> {
    let Some(row) = state.chosen() else { return vec![Block::plain("Nothing is chosen.")] };
    let mut blocks = vec![Block::of(Role::Title, row.reading.citation.title.clone())];
    let Ranks { words, vectors, fused } = row.ranks;
    let rank = |name: &str, rank: Option<(usize, f32)>, score: &str| match rank {
        Some((place, value)) => Block::plain(format!("{name:<22} rank {place:>3}   {score} {value:.3}")),
        None => Block::plain(format!("{name:<22} not among them")),
    };
    blocks.push(rank("By words (BM25)", words, "score"));
    blocks.extend(held(row).into_iter().map(|block| block.indented(2)));
    blocks.push(rank("By meaning (vectors)", vectors, "cosine"));
    blocks.push(rank("Both together", fused, "score"));
    if state.like.is_some() {
        blocks.push(Block::plain(format!("Likeness to that passage: cosine {:.3}", row.reading.score)));
    }
    blocks.push(Block::gap());
    if let Some(found) = &state.found {
        blocks.push(Block::of(Role::Title, "The question as it was understood"));
        blocks.push(Block::plain(found.understood.clone()).indented(2));
        for step in &found.steps {
            blocks.push(Block::plain(format!("{}: {} -> {}", step.step, step.from, step.to)).indented(2));
        }
        blocks.push(Block::plain(format!("words searched for: {}", found.terms.join(", "))).indented(2));
        if !found.unknown.is_empty() {
            blocks.push(Block::plain(format!("words that nothing knows: {}", found.unknown.join(", "))).indented(2));
        }
        blocks.push(Block::plain(format!("took {:.0} ms", found.took.as_secs_f64() * 1e3)).indented(2));
    }
    blocks.extend(why_answered(state, row));
    blocks
}

/// Which of the words that were searched for the passage holds, with what each is of its score, and which it does not.
fn held(row: &Row) -> Vec<Block> {
    let whole: f32 = row.words.iter().map(|word| word.score).sum();
    let (mut held, absent): (Vec<&WordScore>, Vec<&WordScore>) = row.words.iter().partition(|word| word.score > 0.0);
    held.sort_by(|a, b| b.score.total_cmp(&a.score));
    let share = |word: &&WordScore| format!("{} {:.0}%", word.word, word.score / whole * 100.0);
    let listed = |words: Vec<String>| words.join(", ");
    let mut blocks = Vec::new();
    if !held.is_empty() {
        let shares = listed(held.iter().map(share).collect());
        blocks.push(Block::plain(format!("of its score of {whole:.3}: {shares}")));
    }
    if !absent.is_empty() {
        let words = listed(absent.iter().map(|word| word.word.clone()).collect());
        blocks.push(Block::plain(format!("not in it: {words}")));
    }
    blocks
}

fn why_answered(state: &State, row: &Row) -> Vec<Block> {
    let Some(trace) = state.answer.reply.as_ref().and_then(|reply| reply.trace.as_ref()) else { return Vec::new() };
    let spans = trace.spans.iter().filter(|span| span.passage_id == *row.id());
    let mut blocks: Vec<Block> = spans
        .take(3)
        .map(|span| Block::plain(format!("evidence {:.2}: {}", span.evidence, span.quote)).indented(2))
        .collect();
    if !blocks.is_empty() {
        blocks.insert(0, Block::of(Role::Title, "What the reader found in it"));
        blocks.insert(0, Block::gap());
    }
    blocks
}

/// Filters, counts and how far the list has come, in one line.
pub(crate) fn status(state: &State) -> String {
    use crate::state::Ready;
    let dot = state.theme.dot();
    let mut parts = Vec::new();
    if state.reach == crate::state::Reach::Lost {
        parts.push("NO CONNECTION, trying again".to_owned());
    }
    let at = match &state.place {
        Place::Here => String::new(),
        Place::There(name) => format!(" at {name}"),
    };
    match (state.index.ready, &state.index.manifest) {
        (Ready::Opening, _) => parts.push(format!("opening the index{at} ...")),
        (Ready::Missing, _) => parts.push("no index yet".to_owned()),
        (ready, Some(manifest)) => {
            if let Some(found) = &state.found {
                let by = if state.is_fused() { "words and meaning" } else { "words" };
                parts.push(format!("{} found by {by}", found.rows.len()));
            }
            let loading = if ready == Ready::Words { " (models are loading)" } else { "" };
            parts.push(format!("{} documents{at}{loading}", manifest.counts.documents));
        }
        _ => {}
    }
    if let Build::Running(progress) = &state.librarian.build {
        let said = progress.as_ref().map(|(progress, _)| {
            let total = progress.total.map(|total| format!(" of {total}")).unwrap_or_default();
            format!(": {} {}{total}", librarian::stage_name(progress.stage).0, progress.done)
        });
        parts.push(format!("making an index{}", said.unwrap_or_default()));
    }
    if state.sort != crate::state::Sort::Relevance {
        parts.insert(0, format!("sorted by {}", state.sort.name()));
    }
    let filters = choosing::in_words(&state.filters);
    if !filters.is_empty() {
        parts.insert(0, format!("only {}", filters.join(", ")));
    }
    if !state.pins.is_empty() {
        parts.push(format!("{} pinned", state.pins.len()));
    }
    if let Some(marked) = &state.marked {
        parts.push(format!("comparing with {}", marked.reading.citation.title));
    }
    parts.join(dot)
}
