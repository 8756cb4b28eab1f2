//! What people see: answers, lists and errors, wrapped to the terminal, coloured only where that is wanted.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clinqa_fetch::FetchError;
use clinqa_qa::Fault;
use clinqa_schema::{Citation, LabelTrace, OpinionEffect, OpinionTrace, Outcome, Reply, Trace};
use serde::Serialize;

use crate::commands::UsageError;

/// Candidates that `--explain` shows.
const SHOWN_SPANS: usize = 8;

/// Doubts of one kind that are told.
const SHOWN_WARNINGS: usize = 10;

/// Exit code of a question that was not answered, with `--strict`.
pub(crate) const ABSTAINED: u8 = 4;

/// How text may be marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Colour,
    Plain,
}

impl Style {
    /// Colour for a terminal, unless `NO_COLOR` says otherwise.
    pub(crate) fn of_stdout() -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if io::stdout().is_terminal() && !refused { Self::Colour } else { Self::Plain }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::Plain => text.to_owned(),
        }
    }

    fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// The span inside its quote: bold and underlined, or in angle quotes.
    fn mark(self, text: &str) -> String {
        match self {
            Self::Colour => format!("\u{1b}[1;4m{text}\u{1b}[0m"),
            Self::Plain => format!("«{text}»"),
        }
    }
}

/// Writes `text` and a line end to stdout.
pub(crate) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Writes one JSON value on one line.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(line(&serde_json::to_string(value)?)?)
}

/// Writes a measurement: on one line for programs, spread out for people.
pub(crate) fn result(value: &serde_json::Value, form: Form) -> anyhow::Result<()> {
    let text = match form {
        Form::Json => serde_json::to_string(value),
        Form::Text => serde_json::to_string_pretty(value),
    };
    Ok(line(&text?)?)
}

/// For whom a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For programs.
    Json,
    /// For people.
    Text,
}

impl Form {
    /// What the flag `--json` asks for.
    pub(crate) fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// Writes doubts to stderr.
pub(crate) fn warn(warnings: &[String]) {
    for warning in warnings {
        // Nothing useful can be done if stderr is gone.
        let _ = writeln!(io::stderr(), "warning: {}", plain_lines(warning));
    }
}

/// Writes the first of many doubts to stderr, and how many there are in all.
pub(crate) fn warn_some(warnings: impl Iterator<Item = String>, what: &str) {
    let warnings: Vec<String> = warnings.collect();
    warn(&warnings[..warnings.len().min(SHOWN_WARNINGS)]);
    if warnings.len() > SHOWN_WARNINGS {
        warn(&[format!("{} {what}, of which these are the first", warnings.len())]);
    }
}

/// `text` in one line, without anything that a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() || clinqa_schema::is_invisible(c) { ' ' } else { c };
    text.chars().map(shown).collect()
}

/// The same of a text whose lines stay.
pub(crate) fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// Writes a note to stderr.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{}", plain_lines(text));
}

/// Writes to stderr by which labels of a model something is done, where it has others that do nothing.
pub(crate) fn note_ignored(what: &str, heeded: &[String], ignored: &[String]) {
    if ignored.is_empty() {
        return;
    }
    let some = |labels: &[String]| {
        let shown = labels.iter().take(SHOWN_WARNINGS).map(|label| plain(label)).collect::<Vec<_>>().join(", ");
        if labels.len() > SHOWN_WARNINGS {
            format!("{shown} and {} more", labels.len() - SHOWN_WARNINGS)
        } else {
            shown
        }
    };
    note(&format!("{what} {}; its other labels are ignored: {}.", some(heeded), some(ignored)));
}

/// Writes the error in one line and picks its exit code; a reader of stdout that went away is no error.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        return ExitCode::SUCCESS;
    }
    let _ = writeln!(io::stderr(), "error: {}", plain(&told_once(error)));
    ExitCode::from(exit_code(error))
}

/// The chain of causes in one line. Most of our errors put their cause into their own sentence, before the cure: what
/// was told already is not told again.
fn told_once(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain() {
        let cause = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if !told.contains(&cause) {
            told = if told.is_empty() { cause } else { format!("{told}: {cause}") };
        }
    }
    told
}

/// Writes what clap says about the arguments, but for the arguments themselves: a word of a question may be among them.
pub(crate) fn usage(mut error: clap::Error) -> ExitCode {
    use clap::error::{ContextKind, ErrorKind};
    if error.kind() == ErrorKind::UnknownArgument {
        error.remove(ContextKind::InvalidArg);
        error.remove(ContextKind::Suggested);
    }
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn exit_code(error: &anyhow::Error) -> u8 {
    match fault(error) {
        Some(Fault::Request) => 2,
        Some(Fault::Index) => 3,
        Some(Fault::Internal) | None => 1,
    }
}

/// Whose fault an error of any room is.
pub(crate) fn fault(error: &anyhow::Error) -> Option<Fault> {
    error.chain().find_map(|cause| {
        let ours = cause.downcast_ref::<clinqa_qa::Error>().map(clinqa_qa::Error::fault);
        let index = cause.downcast_ref::<clinqa_index::IndexError>().map(|_| Fault::Index);
        let usage = cause.downcast_ref::<UsageError>().map(|error| match error {
            UsageError::OtherEncoder { .. } => Fault::Index,
            _ => Fault::Request,
        });
        let server = cause.downcast_ref::<clinqa_server::ServerError>().map(clinqa_server::ServerError::fault);
        let download = cause
            .downcast_ref::<clinqa_fetch::DownloadError>()
            .filter(|error| error.is_request())
            .map(|_| Fault::Request);
        let corpus = cause.downcast_ref::<crate::commands::CorpusUsage>().map(|_| Fault::Request);
        let settings = cause.downcast_ref::<crate::settings::SettingsError>().map(|_| Fault::Request);
        let question = cause.downcast_ref::<clinqa_schema::QuestionError>().map(|_| Fault::Request);
        let checkpoint = cause.downcast_ref::<clinqa_encoder::CheckpointError>().map(|_| Fault::Request);
        let calibration = cause.downcast_ref::<clinqa_reader::CalibrationError>().map(|_| Fault::Request);
        let pairs = cause.downcast_ref::<clinqa_train::data::pairs::PairsError>().map(|_| Fault::Request);
        let train = cause
            .downcast_ref::<clinqa_train::TrainError>()
            .map(|error| if error.is_request() { Fault::Request } else { Fault::Internal });
        let read = cause.downcast_ref::<clinqa_eval::ReadError>().map(|_| Fault::Request);
        let fetch = cause.downcast_ref::<FetchError>().filter(|error| is_request(error)).map(|_| Fault::Request);
        ours.or(index)
            .or(usage)
            .or(corpus)
            .or(download)
            .or(server)
            .or(settings)
            .or(question)
            .or(train)
            .or(checkpoint)
            .or(calibration)
            .or(read)
            .or(pairs)
            .or(fetch)
    })
}

/// What was asked of the hub can never be had; anything else may work later.
fn is_request(error: &FetchError) -> bool {
    matches!(
        error,
        FetchError::Name { .. }
            | FetchError::Revision { .. }
            | FetchError::Endpoint { .. }
            | FetchError::OpenToken { .. }
            | FetchError::Token
            | FetchError::Digest { .. }
    )
}

/// Columns of the terminal, at most 100: longer lines are hard to read.
fn width() -> usize {
    let asked = env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok());
    asked.unwrap_or_else(|| if io::stdout().is_terminal() { textwrap::termwidth() } else { 80 }).clamp(40, 100)
}

fn indent(text: &str, first: &str, rest: &str) -> String {
    let options = textwrap::Options::new(width()).initial_indent(first).subsequent_indent(rest);
    textwrap::fill(text, options)
}

/// A reply as a person reads it: notices, answer, source, further reading.
pub(crate) fn reply(reply: &Reply, style: Style) -> String {
    let mut out = Vec::new();
    for notice in &reply.notices {
        out.push(style.paint("1;31", &notice.title.to_uppercase()));
        if let Some(call) = &notice.call {
            out.push(style.bold(&indent(&format!("Call {}", call.number), "", "")));
        }
        out.push(indent(&notice.text, "", ""));
        if notice.kind.is_advice() {
            out.push(style.dim(&indent(&format!("This advice follows: {}", notice.source), "", "  ")));
        }
        out.push(String::new());
    }
    if let Some(answer) = &reply.answer {
        let percent = answer.confidence() * 100.0;
        out.push(format!(
            "{} (confidence {}, {percent:.0}%)",
            style.bold("Answer"),
            answer.confidence_label().as_str()
        ));
        out.push(String::new());
        for (place, citation) in answer.citations().iter().enumerate() {
            out.push(if place == 0 { quote(citation, style) } else { indent(&citation.quote, "  ", "  ") });
            out.push(style.dim(&source(citation)));
            out.push(String::new());
        }
        for citation in answer.differing() {
            out.push(style.bold("Another source gives other figures"));
            out.push(indent(&citation.quote, "  ", "  "));
            out.push(style.dim(&source(citation)));
            out.push(String::new());
        }
    } else if reply.outcome == Outcome::Abstained {
        out.push(style.bold(abstention(reply)));
        out.push(String::new());
    }
    if !reply.reading.is_empty() {
        out.push(style.bold(if reply.answer.is_some() { "Further reading" } else { "What the corpus does say" }));
        for (place, reading) in (1..).zip(&reply.reading) {
            let citation = &reading.citation;
            out.push(indent(&format!("{}: {}", heading(citation), citation.quote), &format!(" {place}. "), "    "));
            let mark = citation.standing.mark().map(|mark| format!(", {mark}")).unwrap_or_default();
            out.push(style.dim(&indent(&format!("{}{mark}", citation.passage_id), "    ", "    ")));
        }
        out.push(String::new());
    }
    out.push(style.dim(&indent("General information with its sources, not medical advice.", "", "")));
    if let Some(trace) = &reply.trace {
        out.push(String::new());
        out.push(explain(trace, style));
    }
    out.join("\n")
}

fn abstention(reply: &Reply) -> &'static str {
    match reply.reason {
        Some(clinqa_schema::Abstention::Personal) => "This is a question for somebody who knows you and your case.",
        Some(clinqa_schema::Abstention::Scope) => {
            "There is nothing to look up here; what stands above says how to go on."
        }
        _ => "I do not know: the corpus does not answer this, or not surely enough.",
    }
}

/// The quote with the span marked in it.
fn quote(citation: &Citation, style: Style) -> String {
    let chars: Vec<char> = citation.quote.chars().collect();
    let start = citation.answer_start.saturating_sub(citation.start).min(chars.len());
    let end = citation.answer_end.saturating_sub(citation.start).clamp(start, chars.len());
    let text = |range: std::ops::Range<usize>| chars[range].iter().collect::<String>();
    let marked = format!("{}{}{}", text(0..start), style.mark(&text(start..end)), text(end..chars.len()));
    indent(&marked, "  ", "  ")
}

fn heading(citation: &Citation) -> String {
    match &citation.section {
        Some(section) => format!("{} > {section}", citation.title),
        None => citation.title.clone(),
    }
}

/// Where nearly the same text stands too.
fn also_in(citation: &Citation) -> Option<String> {
    let ids: Vec<&str> = citation.siblings.iter().map(clinqa_schema::DocumentId::as_str).collect();
    (!ids.is_empty()).then(|| format!("also in {}", ids.join(" and ")))
}

fn source(citation: &Citation) -> String {
    let mut parts = vec![heading(citation), citation.publisher.clone(), citation.kind.clone()];
    parts.extend(citation.published.as_ref().map(ToString::to_string));
    parts.extend(citation.page.map(|page| format!("page {page}")));
    parts.extend(citation.grade.as_ref().map(|grade| format!("grade {grade}")));
    parts.extend(citation.standing.mark());
    parts.extend(also_in(citation));
    parts.extend(citation.url.clone());
    parts.retain(|part| !part.is_empty());
    let place = format!("{}, characters {} to {}", citation.passage_id, citation.answer_start, citation.answer_end);
    format!("{}\n{}", indent(&parts.join(", "), "  Source: ", "    "), indent(&place, "    ", "    "))
}

/// Terms, rankings, spans and times, as a person reads them.
pub(crate) fn explain(trace: &Trace, style: Style) -> String {
    let mut out = vec![style.bold("Understood"), indent(&trace.understood, "  ", "  ")];
    for step in &trace.steps {
        out.push(indent(&format!("{}: {} -> {}", step.step, step.from, step.to), "  ", "      "));
    }
    let told = [("kind", vec![trace.kind]), ("headings", trace.headings.clone()), ("names", texts(&trace.topics))];
    let told = told.into_iter().chain([("unknown words", texts(&trace.unknown)), ("terms", texts(&trace.terms))]);
    for (what, list) in told.filter(|(_, list)| !list.is_empty()) {
        out.push(indent(&format!("{what}: {}", list.join(" · ")), "  ", "      "));
    }
    if !trace.faq.is_empty() {
        out.push(style.bold("People ask (cosine)"));
    }
    for asked in &trace.faq {
        out.push(indent(&format!("{:>15.4}  {}", asked.score, asked.question), "", "                 "));
    }
    let rankings =
        [("By words (BM25)", &trace.lexical), ("By vectors (cosine)", &trace.dense), ("Fused", &trace.fused)];
    for (title, ranking) in rankings {
        out.push(style.bold(title));
        for (rank, hit) in (1..).zip(ranking.hits()) {
            out.push(format!("  {rank:>3}  {:>8.4}  {}", hit.score, hit.passage_id));
        }
    }
    out.push(style.bold("Candidates (evidence)"));
    for span in trace.spans.iter().take(SHOWN_SPANS) {
        out.push(indent(&format!("{:>6.2}  {}: {}", span.evidence, span.passage_id, span.text), "  ", "      "));
        out.push(style.dim(&indent(&numbers(&span.features), "      ", "      ")));
    }
    if !trace.grounds.is_empty() {
        out.push(style.bold("Grounds for trusting the first"));
        out.push(indent(&numbers(&trace.grounds), "  ", "      "));
    }
    if let Some(opinion) = &trace.second_opinion {
        out.push(style.bold("Second opinion on emergencies"));
        out.push(indent(&second_opinion(opinion), "  ", "      "));
    }
    out.push(style.bold("Times (ms)"));
    for timing in &trace.timings {
        out.push(format!("  {:<12} {:>9.2}", timing.stage, timing.ms));
    }
    out.join("\n")
}

fn second_opinion(opinion: &OpinionTrace) -> String {
    let effect = match opinion.effect {
        OpinionEffect::Added => format!("added {}", opinion.added.join(", ")),
        OpinionEffect::Silent => "added nothing".to_owned(),
        OpinionEffect::Failed => "could not be computed; what the rules said stands".to_owned(),
    };
    let label = |found: &LabelTrace| format!("{} {:.2}", plain(&found.label), found.probability);
    let told: Vec<String> = std::iter::once(effect).chain(opinion.labels.iter().map(label)).collect();
    format!("{}: {}", plain(&opinion.model), told.join(" · "))
}

fn texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// Named numbers in one line, those that are 0 left out.
fn numbers(numbers: &BTreeMap<&'static str, f32>) -> String {
    let told = numbers.iter().filter(|(_, number)| **number != 0.0);
    told.map(|(name, number)| format!("{name} {number:.2}")).collect::<Vec<_>>().join(", ")
}

/// Passages as a person reads a list of them.
pub(crate) fn passages(results: &[clinqa_schema::Reading], style: Style) -> String {
    if results.is_empty() {
        return "Nothing found; try other words, or fewer filters.".to_owned();
    }
    let mut out = Vec::new();
    for (place, reading) in (1..).zip(results) {
        let citation = &reading.citation;
        out.push(format!("{place:>2}. {}", style.bold(&heading(citation))));
        out.push(indent(&citation.quote, "    ", "    "));
        let mut about = vec![citation.passage_id.to_string(), citation.publisher.clone(), citation.kind.clone()];
        about.extend(citation.published.as_ref().map(ToString::to_string));
        about.extend(citation.page.map(|page| format!("page {page}")));
        about.extend(citation.grade.as_ref().map(|grade| format!("grade {grade}")));
        about.extend(citation.standing.mark());
        about.extend(also_in(citation));
        about.push(format!("score {:.3}", reading.score));
        about.retain(|part| !part.is_empty());
        out.push(style.dim(&indent(&about.join(", "), "    ", "    ")));
    }
    out.join("\n")
}
