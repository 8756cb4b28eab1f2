//! What the workers send.

use clinqa_schema::{Document, Reply};

use crate::message::{By, Effect, Found, Message, Row};
use crate::state::answered::Stage;
use crate::state::librarian::{Build, Checking, Compared, Corpora};
use crate::state::reading::{Open, Page};
use crate::state::{Awaited, Like, Pane, Reach, Ready, Screen, Scroll, Second, State};
use crate::update::search;

/// Takes a message of a worker; what answers an older lookup is dropped.
pub(super) fn arrived(state: &mut State, message: Message) -> Vec<Effect> {
    match message {
        Message::Opened(manifest) => return opened(state, manifest),
        Message::NoIndex => state.index.ready = Ready::Missing,
        Message::Names(names) => state.names = names,
        Message::Facets(filters, counts) if *filters == state.filters => state.counts = counts,
        Message::ModelsReady => state.index.ready = Ready::All,
        Message::Failed(text) => state.warn(text),
        Message::Lost(why) => lost(state, &why),
        Message::Back => return back(state),
        Message::Again(seq) if seq == state.seq => return again(state),
        Message::History(asked) => state.line.recall(asked),
        Message::Gaps(gaps) => state.librarian.gaps = gaps,
        Message::Found(seq, found) if seq == state.seq => listed(state, *found),
        Message::Screened(seq, notices) if seq == state.seq => state.notices = notices,
        Message::Replied(seq, reply) if seq == state.seq => replied(state, reply),
        Message::Refused(seq, text) if seq == state.seq => refused(state, text),
        Message::Document(document) => received(state, document),
        Message::Similar(of, rows) => similar(state, &of, rows),
        Message::Shelf(shelf) => {
            // The newest one is what a librarian looks for.
            let is_first = state.librarian.shelf.is_empty();
            state.librarian.shelf = shelf;
            // What failed may go well now.
            state.librarian.compared.retain(|_, compared| matches!(compared, Compared::Done(_)));
            if is_first {
                state.librarian.list.chosen = usize::MAX;
            }
        }
        Message::Checked(checks) => {
            state.librarian.checks = Some(checks);
            state.librarian.checking = Checking::No;
        }
        Message::Delivered(corpora) => {
            let told = |corpora: Option<Vec<_>>| corpora.map_or(Corpora::Elsewhere, Corpora::Known);
            state.librarian.corpora = corpora.map_or_else(Corpora::Failed, told);
        }
        Message::Compared(pair, compared) => {
            let compared = compared.map_or_else(Compared::Failed, Compared::Done);
            state.librarian.compared.insert(pair, compared);
        }
        Message::Skipped(skips) => state.librarian.skips.absorb(skips),
        Message::Rebuilding(progress, taken) => state.librarian.build = Build::Running(Some((progress, taken))),
        Message::Rebuilt(result) => return rebuilt(state, result),
        Message::Activated(id) => {
            state.say(format!("{id} is the current generation"));
            return vec![Effect::Shelf];
        }
        Message::Written(place) => state.say(format!("written to {place}")),
        Message::Copied => {
            if let Some(note) = &mut state.note {
                note.text.push_str(" (system clipboard too)");
            }
        }
        Message::Printed(line) => state.librarian.note_printed(line),
        _ => {}
    }
    Vec::new()
}

fn opened(state: &mut State, manifest: Box<clinqa_qa::Manifest>) -> Vec<Effect> {
    let count = manifest.counts.documents;
    let replaced = state.index.manifest.as_ref().is_some_and(|before| before.id != manifest.id);
    let is_new = replaced || state.index.ready == Ready::Missing;
    if replaced {
        state.say(format!("generation {} answers now, {count} documents", manifest.id));
    }
    state.index.manifest = Some(manifest);
    if state.index.ready != Ready::All {
        state.index.ready = Ready::Words;
    }
    let mut effects = if is_new { again(state) } else { Vec::new() };
    effects.push(Effect::Count(Box::new(state.filters.clone())));
    effects
}

/// Whoever answers cannot be reached: said once, and in the status line until it is over.
fn lost(state: &mut State, why: &str) {
    if state.reach == Reach::Fine {
        state.warn(format!("{why}; trying again"));
    }
    state.reach = Reach::Lost;
}

fn back(state: &mut State) -> Vec<Effect> {
    state.reach = Reach::Fine;
    state.say("connected again");
    again(state)
}

/// Looks up what is typed once more: something that answers came or changed.
fn again(state: &mut State) -> Vec<Effect> {
    if state.line.text().trim().is_empty() {
        return Vec::new();
    }
    let asked = state.answer.stage == Stage::Asked;
    state.seq += 1;
    if asked {
        state.answer.asked = state.seq;
    }
    vec![if asked { Effect::Ask(state.lookout()) } else { Effect::Look(state.lookout()) }]
}

/// A later list by words never replaces the one by words and meaning of the same lookup.
fn listed(state: &mut State, found: Found) {
    let same = state.found_by == state.seq && state.found.is_some();
    if same && state.is_fused() && found.by == By::Words {
        return;
    }
    let kept =
        state.rows().get(state.list.chosen).map(|row| row.id().clone()).filter(|_| same && state.list.chosen > 0);
    state.found = Some(found);
    state.found_by = state.seq;
    state.arrange();
    if state.like.is_none() {
        let place = kept.and_then(|id| state.rows().iter().position(|row| *row.id() == id));
        state.list = Scroll { chosen: place.unwrap_or(0), top: if place.is_some() { state.list.top } else { 0 } };
        search::show_mark(state);
    }
}

fn replied(state: &mut State, reply: Box<Reply>) {
    let asked = state.answer.stage == Stage::Asked;
    state.answer.reply = Some(reply);
    state.line.text().clone_into(&mut state.answer.question);
    state.answer.replied = state.seq;
    state.answer.stage = Stage::Here;
    state.answer.top = 0;
    if asked {
        search::count_reply(state);
    }
    search::show_mark(state);
}

fn refused(state: &mut State, text: String) {
    state.answer.clear();
    state.notices.clear();
    if state.pane == Pane::Answer {
        state.pane = Pane::Question;
    }
    state.found = None;
    state.arrange();
    state.warn(text);
}

fn received(state: &mut State, document: Box<Document>) {
    let is_for = |awaited: &Awaited| match awaited {
        Awaited::Reading { id, .. } | Awaited::Side { id, .. } => *id == document.id,
    };
    let Some(place) = state.awaited.iter().position(is_for) else { return };
    match state.awaited.remove(place) {
        Awaited::Reading { span, from, .. } => {
            state.open = Some(Open::new(Page::new(document, span), from));
            state.screen = Screen::Document;
        }
        Awaited::Side { span, second, .. } => {
            if let Some(comparison) = &mut state.comparison {
                let page = Some(Page::new(document, span));
                match second {
                    Second::No => comparison.left = page,
                    Second::Yes => comparison.right = page,
                }
            }
        }
    }
}

fn similar(state: &mut State, of: &clinqa_schema::PassageId, rows: Vec<Row>) {
    // Somebody who went on typing asked for something else.
    let Some(row) = state.chosen().filter(|row| row.id() == of) else { return };
    if rows.is_empty() {
        state.warn("nothing is like it: the index holds no vectors, or the filters leave nothing");
        return;
    }
    let of = row.reading.citation.title.clone();
    state.screen = Screen::Search;
    let before = state.like.take().map_or(state.list, |like| like.before);
    state.like = Some(Like { of, rows, before });
    state.list = Scroll::default();
    state.pane = Pane::List;
    search::show_mark(state);
}

fn rebuilt(state: &mut State, result: Result<String, String>) -> Vec<Effect> {
    match &result {
        Ok(_) => state.say("the rebuild is done"),
        Err(_) => state.warn("the rebuild failed; the generation before answers on"),
    }
    state.librarian.build = Build::Ended(result);
    vec![Effect::Shelf]
}
