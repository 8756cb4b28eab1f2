//! One question through the house.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Instant;

use clinqa_encoder::Encoder;
use clinqa_index::PassageIndex;
use clinqa_reader::{Candidate, PassageReading, candidates};
use clinqa_retrieval::{Kind, RetrievalConfig, Retrieved, Retriever};
use clinqa_safety::{Meaning, Region, Review, Screening, Verdict, elsewhere, hear_meaning, hear_scope, review};
use clinqa_schema::{
    Abstention, Answer, Confidence, Document, DocumentId, Embedding, Filters, Outcome, Passage, PassageId, Question,
    Ranking, Reply, Silent, SpanTrace, Timing, Trace, Turn,
};

use crate::agreement::{Stance, stances};
use crate::compose::{self, Choice, Sources, Thresholds};
use crate::concepts::{Concepts, unspoken};
use crate::evidence::{self, Asked, Evidence, EvidenceWeights, Measured, Seen, UNKNOWN_LIKENESS};
use crate::opinion::{self, Heard};
use crate::triage::Screened;
use crate::trust::{self, Found, TrustWeights};
use crate::{Engine, Error, Models, Place, firewall, quote_around};

/// Places that are weighed, by the reader's margin.
const MAX_CANDIDATES: usize = 48;

/// Candidates that a trace shows.
const TRACE_SPANS: usize = 40;

/// Hits of each ranking that a trace shows.
const TRACE_DEPTH: usize = 10;

/// One question with the circumstances it is asked in.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The question.
    pub question: Question,
    /// The turns before it, the last one last; empty if it stands alone.
    pub history: Vec<Turn>,
    /// Which documents may answer.
    pub filters: Filters,
    /// Whose emergency number to name.
    pub region: Option<Region>,
    /// Passages for further reading.
    pub top_k: usize,
    /// What is searched.
    pub search: Search,
    /// Whether the reply carries its trace.
    pub explain: Explain,
}

/// What is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// Words and vectors.
    Fused,
    /// Words only.
    LexicalOnly,
}

/// Whether the reply carries its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explain {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// How questions are answered; the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerConfig {
    /// How passages are looked for.
    pub retrieval: RetrievalConfig,
    /// Passages that are read.
    pub read_passages: usize,
    /// What evidence and trust are worth.
    pub weights: Weights,
    /// The same where a corpus says what people ask: evidence, if of any document; trust, if of the one that answers.
    pub weights_with_faq: Weights,
    /// Whose likeness is measured.
    pub measured: Measured,
    /// Least calibrated confidence of an answer that is given.
    pub min_confidence: f32,
    /// Least cosine of the question and the nearest passage.
    pub min_nearest: f32,
}

impl Default for AnswerConfig {
    /// Chosen on the dev half of the starter questions; see `crates/README.md`.
    fn default() -> Self {
        Self {
            retrieval: RetrievalConfig::default(),
            read_passages: 8,
            weights: Weights { evidence: EvidenceWeights::default(), trust: TrustWeights::default() },
            weights_with_faq: Weights { evidence: EvidenceWeights::with_faq(), trust: TrustWeights::with_faq() },
            measured: Measured::CanWin,
            min_confidence: 0.3,
            min_nearest: 0.2,
        }
    }
}

/// What each kind of evidence and each ground for trust is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Each kind of evidence.
    pub evidence: EvidenceWeights,
    /// Each ground for trust.
    pub trust: TrustWeights,
}

impl AnswerConfig {
    /// What counts for a question, by whether anything is known that people ask.
    pub fn weights(&self, is_faq_known: bool) -> Weights {
        if is_faq_known { self.weights_with_faq } else { self.weights }
    }
}

/// What was read: nothing, if there is to be no answer.
struct Read {
    answer: Result<Answer, Abstention>,
    best_spans: BTreeMap<PassageId, Range<usize>>,
    spans: Vec<SpanTrace>,
    grounds: BTreeMap<&'static str, f32>,
    timings: Vec<Timing>,
}

/// Answers one question, or says why not. Only a broken index or model is an error.
pub fn answer(engine: &Engine, ask: &Ask, config: &AnswerConfig) -> Result<Reply, Error> {
    answer_screened(engine, ask, Screened::of(&engine.models().rules, ask), config)
}

/// The same for a question that was screened before, by the rules of the same models.
pub fn answer_screened(engine: &Engine, ask: &Ask, screened: Screened, config: &AnswerConfig) -> Result<Reply, Error> {
    let start = Instant::now();
    let Screened { screening, ms: screened_ms } = screened;
    let (screening, opinion) = opinion::second(engine.models(), ask, screening);
    let (screening, meant_ms) = with_meaning(engine.models(), ask, screening)?;
    let retrieved = retrieve(engine, ask, config)?;
    let sources = sources(engine.index(), &retrieved.passages)?;
    let read = match screening.verdict {
        Verdict::Proceed => read(engine, ask, config, &retrieved, &sources)?,
        Verdict::Redirect => unread(Abstention::Emergency),
        Verdict::Abstain(reason) => unread(reason),
    };
    let (screening, read) = with_scope(engine, ask, &retrieved, screening, read);
    Ok(reply(engine, ask, Steps { start, screened_ms, meant_ms, screening, opinion, retrieved, sources, read }))
}

/// What the rules said with what the vector of the question adds, and how long that took; nothing is encoded where enough
/// was said, nor by an encoder of which nothing was learned.
fn with_meaning(models: &Models, ask: &Ask, screening: Screening) -> Result<(Screening, Option<f64>), Error> {
    let is_known =
        |encoder: &&Encoder| screening.verdict != Verdict::Redirect && Meaning::is_known(encoder.fingerprint());
    let Some(encoder) = models.encoder.as_ref().filter(is_known) else { return Ok((screening, None)) };
    let start = Instant::now();
    let vector = encoder.encode_one(ask.question.text())?;
    let meaning = Meaning { vector: vector.as_slice(), encoder: encoder.fingerprint() };
    let screening = hear_meaning(&models.rules, screening, &ask.question, meaning, ask.region.as_ref());
    Ok((screening, Some(elapsed_ms(start))))
}

/// What is said of a question that nothing answers: it may not be about health, unless it speaks of nothing that is known.
fn with_scope(
    engine: &Engine,
    ask: &Ask,
    retrieved: &Retrieved,
    screening: Screening,
    read: Read,
) -> (Screening, Read) {
    let understood = &retrieved.understood;
    let says_something = understood.unknown.len() < understood.terms.len();
    let is_doubtful = read.answer == Err(Abstention::Unsupported) && says_something;
    let Some(elsewhere) = how_far_elsewhere(engine, retrieved).filter(|_| is_doubtful) else {
        return (screening, read);
    };
    let screening = hear_scope(&engine.models().rules, screening, elsewhere, ask.region.as_ref());
    match screening.verdict {
        Verdict::Abstain(reason) => (screening, Read { answer: Err(reason), ..read }),
        _ => (screening, read),
    }
}

/// How much likelier than not a question is about something other than health, by the vector that was searched for: that of
/// a follow-up holds what it follows. `None` if it speaks of medicine, or where no vector tells.
fn how_far_elsewhere(engine: &Engine, retrieved: &Retrieved) -> Option<f32> {
    let (encoder, vector) = engine.encoder().zip(retrieved.embedding.as_ref())?;
    let meaning = Meaning { vector: vector.as_slice(), encoder: encoder.fingerprint() };
    (!retrieved.understood.is_medical).then(|| elsewhere(meaning)).flatten()
}

pub(crate) fn ranked(ranking: &Ranking) -> Vec<(PassageId, f32)> {
    ranking.hits().iter().map(|hit| (hit.passage_id.clone(), hit.score)).collect()
}

fn retrieve(engine: &Engine, ask: &Ask, config: &AnswerConfig) -> Result<Retrieved, Error> {
    let encoder = engine.encoder().filter(|_| ask.search == Search::Fused);
    let retriever = Retriever { index: engine.index(), encoder, config: config.retrieval };
    // One more than will be shown beside what is read, since the answer's own passage is not shown again.
    let depth = config.read_passages.max(ask.top_k + 1);
    Ok(retriever.retrieve(&ask.question, &ask.history, &ask.filters, depth)?)
}

fn read(
    engine: &Engine,
    ask: &Ask,
    config: &AnswerConfig,
    retrieved: &Retrieved,
    sources: &Sources,
) -> Result<Read, Error> {
    let reader = &engine.models().reader;
    let start = Instant::now();
    let may_answer =
        |passage: &&Passage| sources.documents.get(&passage.id().document).is_some_and(firewall::may_answer);
    let passages: Vec<Passage> =
        retrieved.passages.iter().filter(may_answer).take(config.read_passages).cloned().collect();
    let readings = reader.read(&in_other_words(&ask.question, retrieved), passages)?;
    let read_ms = elapsed_ms(start);
    let start = Instant::now();
    let documents = engine.index().manifest().counts.documents;
    let concepts = Concepts::of(&retrieved.understood, documents, |word| engine.index().lexicon().count(word));
    let evidence = evidence(engine, config, (retrieved, &concepts), sources, &readings)?;
    let weighed_ms = elapsed_ms(start);
    let start = Instant::now();
    let thresholds = Thresholds { confidence: config.min_confidence, nearest: config.min_nearest };
    let understood = &retrieved.understood;
    let best = evidence.first().and_then(|best| sources.documents.get(&best.candidate.span.passage().document));
    let has_faq = best.is_some_and(|document| engine.index().has_faq(&document.id));
    let weights = config.weights(has_faq);
    let best_text = best.map(|document| format!("{} {}", names(document), document.text)).unwrap_or_default();
    let held = concepts.share(&best_text);
    let in_names = best.map_or(0.0, |document| concepts.share(&names(document)));
    let asks_for_figures = matches!(understood.kind, Kind::Amount | Kind::Duration);
    let stances = if asks_for_figures { stances(&evidence, |evidence| sources.quote(evidence)) } else { Vec::new() };
    let agreeing = stances.iter().filter(|(stance, _)| *stance == Stance::Agrees).count();
    let unknown = understood.unknown.len();
    let shown = evidence.first().and_then(|best| shown(best, sources)).unwrap_or_default();
    let unspoken = unspoken(understood, &shown);
    let elsewhere = how_far_elsewhere(engine, retrieved);
    let found = Found { nearest: retrieved.nearest, held, in_names, unknown, agreeing, unspoken, has_faq, elsewhere };
    let grounds = trust::grounds(&evidence, found);
    let best = evidence.first().zip(grounds.as_ref()).ok_or(Abstention::Unsupported);
    let composed = best.and_then(|(best, grounds)| {
        let confidence = Confidence::new(reader.calibration().probability(trust::total(grounds, weights.trust)));
        let choice = Choice { best, stances: &stances, confidence, nearest: retrieved.nearest };
        compose::answer(&choice, thresholds, sources)
    });
    let composed_ms = elapsed_ms(start);
    let start = Instant::now();
    let answer = composed.and_then(|answer| match review(&engine.models().rules, &ask.question, &answer) {
        Review::Keep => Ok(answer),
        Review::Withhold => Err(Abstention::Unsupported),
    });
    let timings = vec![
        Timing { stage: "read", ms: read_ms },
        Timing { stage: "weigh", ms: weighed_ms },
        Timing { stage: "compose", ms: composed_ms },
        Timing { stage: "review", ms: elapsed_ms(start) },
    ];
    let best = |reading: &PassageReading| Some((reading.passage.id().clone(), reading.spans.first()?.0.bytes()));
    let best_spans = readings.iter().filter_map(best).collect();
    let spans = evidence.iter().take(TRACE_SPANS).filter_map(|evidence| {
        let span = &evidence.candidate.span;
        let passage = sources.passages.get(span.passage())?.text();
        Some(SpanTrace {
            passage_id: span.passage().clone(),
            text: passage[span.bytes()].to_owned(),
            quote: passage[evidence.place.quote.clone()].to_owned(),
            shown: passage[evidence.shown.quote.clone()].to_owned(),
            features: evidence::by_name(&evidence.numbers),
            evidence: evidence.total,
        })
    });
    let grounds = grounds.map(|grounds| trust::by_name(&grounds)).unwrap_or_default();
    Ok(Read { answer, best_spans, spans: spans.collect(), grounds, timings })
}

/// All that `document` is called.
fn names(document: &Document) -> String {
    format!("{} {}", document.title, document.metadata.synonyms.join(" "))
}

/// What is shown of `best`, behind all that its document is called and its heading.
fn shown(best: &Evidence, sources: &Sources) -> Option<String> {
    let passage = sources.passages.get(best.candidate.span.passage())?;
    let document = sources.documents.get(&passage.id().document)?;
    let quote = passage.text().get(best.shown.quote.clone())?;
    Some(format!("{} {} {quote}", names(document), passage.heading()))
}

/// What speaks for each candidate, best first. What would be quoted is encoded and compared with the question, as far as it
/// can win: the reader knows where an answer begins and ends, the encoder knows whether the sentence is about the question.
fn evidence(
    engine: &Engine,
    config: &AnswerConfig,
    (retrieved, concepts): (&Retrieved, &Concepts),
    sources: &Sources,
    readings: &[PassageReading],
) -> Result<Vec<Evidence>, Error> {
    let weights = config.weights(!retrieved.faq.is_empty()).evidence;
    let places = places(readings, sources);
    let contexts: Vec<String> = places.iter().map(|(_, place, passage)| in_context(passage, place)).collect();
    let named = retrieved.understood.named();
    let asked = Asked { understood: &retrieved.understood, concepts };
    let called: BTreeMap<&DocumentId, String> = sources.documents.iter().map(|(id, d)| (id, names(d))).collect();
    let headings: BTreeMap<&DocumentId, Vec<&str>> =
        sources.documents.iter().map(|(id, d)| (id, headings(d))).collect();
    let asked_of: BTreeSet<&DocumentId> = sources.documents.keys().filter(|id| engine.index().has_faq(id)).collect();
    let weigh = |(candidate, place, passage): (Candidate, Place, &Passage)| {
        let rank = retrieved.ranking.score_of(passage.id()).unwrap_or(0.0);
        let nearness = retrieved.trace.dense.score_of(passage.id()).unwrap_or(UNKNOWN_LIKENESS);
        let document = document_score(&retrieved.ranking, &passage.id().document);
        let named = named.get(&passage.id().document).copied().unwrap_or(0.0);
        let id = &passage.id().document;
        let known_as = called.get(id).map(String::as_str).unwrap_or_default();
        let headings = headings.get(id).map(Vec::as_slice).unwrap_or_default();
        // Until it is measured.
        let likeness = nearness;
        let (faq, has_faq) = (retrieved.faq.as_slice(), asked_of.contains(id));
        let seen = Seen { passage, rank, nearness, document, likeness, named, names: known_as, headings, faq, has_faq };
        evidence::weigh(candidate, place, &seen, asked, weights)
    };
    let mut weighed: Vec<Evidence> = places.into_iter().map(weigh).collect();
    if let Some((encoder, question)) = engine.encoder().zip(retrieved.embedding.as_ref()) {
        let measure = |places: &[usize]| likeness(encoder, question, places.iter().map(|&at| &contexts[at]).collect());
        evidence::measure(&mut weighed, weights, config.measured, measure)?;
    }
    evidence::rank(&mut weighed, |passage| Some(sources.passages.get(passage)?.text()));
    Ok(weighed)
}

fn headings(document: &Document) -> Vec<&str> {
    document.sections.iter().map(|section| section.heading.as_str()).collect()
}

/// The best candidate of each stretch that would be quoted, by margin.
fn places<'a>(readings: &[PassageReading], sources: &'a Sources) -> Vec<(Candidate, Place, &'a Passage)> {
    let mut seen = BTreeSet::new();
    let place = |candidate: Candidate| {
        let passage = sources.passages.get(candidate.span.passage())?;
        let place = quote_around(passage.text(), &candidate.span.bytes());
        Some((candidate, place, passage))
    };
    let mut places: Vec<_> = candidates(readings).into_iter().filter_map(place).collect();
    places.retain(|(_, place, passage)| seen.insert((passage.id().clone(), place.quote.start, place.quote.end)));
    places.truncate(MAX_CANDIDATES);
    places
}

/// What would be quoted, behind the title and heading it stands under.
fn in_context(passage: &Passage, place: &Place) -> String {
    format!("{}. {}. {}", passage.title(), passage.heading(), &passage.text()[place.quote.clone()])
}

/// The cosine of each text and the question.
fn likeness(encoder: &Encoder, question: &Embedding, quoted: Vec<&String>) -> Result<Vec<f32>, Error> {
    let distinct: Vec<&String> = quoted.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let embeddings = encoder.encode(&distinct, &mut Silent)?;
    let cosines: BTreeMap<&String, f32> =
        distinct.into_iter().zip(&embeddings).map(|(text, embedding)| (text, embedding.cosine(question))).collect();
    Ok(quoted.into_iter().map(|text| cosines[text]).collect())
}

/// The question as it was understood, for the reader; as it was where that would no longer be a question.
fn in_other_words(question: &Question, retrieved: &Retrieved) -> Question {
    Question::new(&retrieved.understood.explained).unwrap_or_else(|_| question.clone())
}

/// The mean score of a document's three best passages; one that is missing counts as 0.
fn document_score(ranking: &Ranking, document: &DocumentId) -> f32 {
    let hits = ranking.hits().iter().filter(|hit| hit.passage_id.document == *document);
    hits.take(3).map(|hit| hit.score).sum::<f32>() / 3.0
}

fn unread(reason: Abstention) -> Read {
    Read {
        answer: Err(reason),
        best_spans: BTreeMap::new(),
        spans: Vec::new(),
        grounds: BTreeMap::new(),
        timings: Vec::new(),
    }
}

/// The documents that the retrieved passages were cut from.
pub(crate) fn sources(index: &dyn PassageIndex, passages: &[Passage]) -> Result<Sources, Error> {
    let mut documents = BTreeMap::new();
    for passage in passages {
        let id = &passage.id().document;
        if !documents.contains_key(id) {
            let lost = || Error::Lost { document: id.to_string() };
            documents.insert(id.clone(), index.document(id)?.ok_or_else(lost)?);
        }
    }
    let passages = passages.iter().map(|passage| (passage.id().clone(), passage.clone())).collect();
    Ok(Sources { documents, passages })
}

/// What the steps left behind for the reply.
struct Steps {
    start: Instant,
    screened_ms: f64,
    meant_ms: Option<f64>,
    screening: Screening,
    opinion: Option<Heard>,
    retrieved: Retrieved,
    sources: Sources,
    read: Read,
}

fn reply(engine: &Engine, ask: &Ask, steps: Steps) -> Reply {
    let Steps { start, screened_ms, meant_ms, screening, opinion, retrieved, sources, read } = steps;
    let (outcome, reason, answer) = match (read.answer, screening.verdict) {
        (Ok(answer), _) => (Outcome::Answered, None, Some(answer)),
        (Err(reason), Verdict::Redirect) => (Outcome::Redirected, Some(reason), None),
        (Err(reason), _) => (Outcome::Abstained, Some(reason), None),
    };
    let ranked = ranked(&retrieved.ranking);
    // What is not about health finds something all the same, and it would only puzzle.
    let top_k = if screening.verdict == Verdict::Abstain(Abstention::Scope) { 0 } else { ask.top_k };
    let reading = compose::reading(&ranked, &read.best_spans, answer.as_ref(), &sources, top_k);
    let trace = (ask.explain == Explain::Yes).then(|| {
        let mut timings = vec![Timing { stage: "screen", ms: screened_ms }];
        timings.extend(opinion.as_ref().map(|heard| heard.timing.clone()));
        timings.extend(meant_ms.map(|ms| Timing { stage: "meaning", ms }));
        timings.extend(retrieved.trace.timings.iter().cloned());
        timings.extend(read.timings);
        let shown = |ranking: Ranking| ranking.truncated(TRACE_DEPTH);
        Trace {
            lexical: shown(retrieved.trace.lexical),
            dense: shown(retrieved.trace.dense),
            fused: shown(retrieved.trace.fused),
            spans: read.spans,
            grounds: read.grounds,
            second_opinion: opinion.map(|heard| heard.trace),
            timings,
            ..retrieved.trace
        }
    });
    let searched_vectors = ask.search == Search::Fused;
    let mut notices = screening.notices;
    notices.extend(firewall::notices(answer.as_ref(), &reading));
    Reply {
        outcome,
        reason,
        notices,
        answer,
        reading,
        generation: engine.index().manifest().id.to_string(),
        encoder: engine.encoder().filter(|_| searched_vectors).map(|e| e.name().to_owned()).unwrap_or_default(),
        reader: engine.models().reader.name().to_owned(),
        took_ms: screened_ms + elapsed_ms(start),
        trace,
    }
}

pub(crate) fn elapsed_ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
