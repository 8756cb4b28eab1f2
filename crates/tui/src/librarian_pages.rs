//! What stands on the librarian's pages, as blocks of marked text (pure)?

use clinqa_qa::{GenerationId, Listed};

use crate::block::Block;
use crate::corpora_page;
use crate::desk::Place;
use crate::state::State;
use crate::state::librarian::{self, Build, Compared, Librarian, Tab};
use crate::theme::Role;

/// Documents near unanswered questions that are listed.
const MOST_TOPICS: usize = 40;

/// The page that is shown; generations have a list of their own above it.
pub(crate) fn text(state: &State) -> Vec<Block> {
    let librarian = &state.librarian;
    match librarian.tab {
        Tab::Generations => generation(state),
        Tab::Corpora => corpora_page::text(state),
        Tab::Rebuild => build(librarian),
        Tab::Gaps => gaps(state),
    }
}

fn generation(state: &State) -> Vec<Block> {
    let librarian = &state.librarian;
    let Some(standing) = librarian.shelf.get(librarian.list.chosen) else { return vec![Block::gap()] };
    let manifest = &standing.manifest;
    let encoder = manifest.encoder.as_ref().map_or("none, words only".to_owned(), |encoder| encoder.name.clone());
    // So much tells any two apart.
    let content: String = manifest.content_hash.chars().take(16).collect();
    let mut blocks = vec![
        Block::of(Role::Title, manifest.id.to_string()),
        Block::plain(format!("made       {} UTC", librarian::day_and_time(manifest.created))),
        Block::plain(format!(
            "holds      {} documents in {} passages",
            manifest.counts.documents, manifest.counts.passages
        )),
        Block::plain(format!("encoder    {encoder}")),
        Block::plain(format!("content    {content}")),
        Block::plain(format!("scores     {}", librarian::in_scores(standing.scores.as_ref()))),
    ];
    if let Some((before, _)) = librarian.pair() {
        blocks.push(Block::of(Role::Title, format!("Since {}", before.manifest.id)));
        let said = librarian::differences(before, standing);
        blocks.extend(said.into_iter().map(|line| Block::plain(line).indented(2)));
        blocks.extend(compared(librarian, (&before.manifest.id, &manifest.id)).into_iter().map(|it| it.indented(2)));
    }
    blocks
}

/// Which documents differ.
fn compared(librarian: &Librarian, (earlier, later): (&GenerationId, &GenerationId)) -> Vec<Block> {
    match librarian.compared.get(&(earlier.clone(), later.clone())) {
        None | Some(Compared::Asked) => vec![Block::of(Role::Quiet, "comparing document by document ...")],
        Some(Compared::Failed(why)) => vec![Block::of(Role::Warning, format!("documents cannot be compared: {why}"))],
        Some(Compared::Done(changes)) => {
            let sort = |(name, listed): (&str, &Listed)| {
                let names = if listed.count > 0 { format!(": {listed}") } else { String::new() };
                Block::plain(format!("{name:<9} {:>2}{names}", listed.count))
            };
            changes.sorts().into_iter().map(sort).collect()
        }
    }
}

fn build(librarian: &Librarian) -> Vec<Block> {
    let mut blocks = stage(librarian);
    let skips = &librarian.skips;
    if !skips.is_empty() {
        let named = skips.latest().count() as u64;
        let all = if named < skips.count() { format!(", the last {named} of them") } else { String::new() };
        let records = if skips.count() == 1 { "record" } else { "records" };
        blocks.push(Block::gap());
        blocks.push(Block::of(
            Role::Warning,
            format!("{} {records} cannot be used{all}, the latest first:", skips.count()),
        ));
        blocks.extend(skips.latest().map(|told| Block::plain(told).indented(2)));
    }
    blocks
}

/// How far the rebuild of this session has come.
fn stage(librarian: &Librarian) -> Vec<Block> {
    match &librarian.build {
        Build::None => vec![Block::plain("No rebuild was begun in this session.")],
        Build::Running(None) => vec![Block::plain("Opening the corpora ...")],
        Build::Running(Some((progress, taken))) => {
            let (what, unit) = librarian::stage_name(progress.stage);
            let (rate, left) = librarian::pace(progress, *taken);
            let total = progress.total.map(|total| format!(" of {total}")).unwrap_or_default();
            let left = left.map_or(String::new(), |left| format!(", {} left", librarian::in_words(left)));
            vec![
                Block::of(Role::Title, format!("Stage: {what}")),
                Block::plain(format!("{}{total} {unit}, {rate:.0} a second{left}", progress.done)),
                Block::plain(bar(progress.done, progress.total)),
                Block::of(Role::Quiet, "The current generation answers on until the new one is whole."),
            ]
        }
        Build::Ended(Ok(report)) => vec![Block::of(Role::Good, "The rebuild is done."), Block::plain(report.clone())],
        Build::Ended(Err(error)) => {
            let kept = "The rebuild failed; the generation before answers on.";
            vec![Block::of(Role::Warning, kept), Block::plain(error.clone())]
        }
    }
}

/// A bar of forty columns; empty where the end is not known.
fn bar(done: u64, total: Option<u64>) -> String {
    let width = 40;
    let Some(total) = total.filter(|total| *total > 0) else { return String::new() };
    let filled = (done.min(total) * width / total) as usize;
    format!("[{}{}]", "#".repeat(filled), ".".repeat(width as usize - filled))
}

fn gaps(state: &State) -> Vec<Block> {
    let tally = &state.answer.tally;
    let abstained: usize = tally.abstained.values().sum();
    let asked = tally.answered + tally.redirected + abstained;
    let mut blocks = kept_gaps(state);
    blocks.extend([
        Block::plain(format!(
            "Asked in this session: {asked}; answered {}, emergencies {}, not answered {abstained}.",
            tally.answered, tally.redirected
        )),
        Block::gap(),
        Block::of(Role::Title, "Not answered, by reason"),
    ]);
    blocks.extend(tally.abstained.iter().map(|(reason, count)| Block::plain(format!("{count:>4}  {reason}"))));
    blocks.push(Block::gap());
    blocks.push(Block::of(Role::Title, "Documents that such questions named"));
    blocks.extend(tally.topics.iter().map(|(topic, count)| Block::plain(format!("{count:>4}  {topic}"))));
    blocks.push(Block::gap());
    blocks.push(Block::of(Role::Quiet, "No question is kept: only counts, and names that the index itself holds."));
    blocks
}

/// What the query log of a server says, where the operator has one kept.
fn kept_gaps(state: &State) -> Vec<Block> {
    let Some(gaps) = &state.librarian.gaps else {
        let why = match &state.place {
            Place::Here => "No query log is kept (`[serve] query_log`): this session is all that is known.",
            Place::There(_) => {
                "The server keeps no query log, or the key is no administrator's: this session is all that is known."
            }
        };
        return vec![Block::of(Role::Quiet, why), Block::gap()];
    };
    let counted = |(name, count): (&String, &u64)| Block::plain(format!("{count:>4}  {name}"));
    let mut topics: Vec<(&String, &u64)> = gaps.topics.iter().collect();
    topics.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let since = gaps.since.as_ref().map(|day| format!(" since {day}")).unwrap_or_default();
    let unanswered: u64 = gaps.unanswered.values().sum();
    let mut blocks = vec![
        Block::of(Role::Title, format!("From the query log{since}")),
        Block::plain(format!("asked {}, answered {}, not answered {unanswered}", gaps.asked, gaps.answered)),
    ];
    blocks.extend(gaps.unanswered.iter().map(counted));
    blocks.push(Block::of(Role::Title, "Documents nearest to what was not answered"));
    blocks.extend(topics.into_iter().take(MOST_TOPICS).map(counted));
    blocks.push(Block::gap());
    blocks
}
