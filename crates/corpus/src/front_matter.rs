//! What does the front matter of a Markdown file say?

use clinqa_schema::{Date, DocumentId, Metadata, Standing, StandingState};
use serde::Deserialize;

use crate::clean::{clean_line, clean_message};
use crate::format::is_web_address;
use crate::report::SkipReason;

/// Longest front matter.
pub(crate) const MAX_FRONT_MATTER_BYTES: usize = 64 << 10;

/// Front matter as written. A key that is not here is a typo, and a typo that passes silently loses a synonym for good.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    id: Option<String>,
    title: Option<String>,
    lay_synonyms: Option<Vec<String>>,
    clinical_synonyms: Option<Vec<String>>,
    abbreviations: Option<Vec<String>>,
    specialty: Option<String>,
    kind: Option<String>,
    date: Option<String>,
    publisher: Option<String>,
    audience: Option<String>,
    language: Option<String>,
    url: Option<String>,
    see_also: Option<Vec<String>>,
    grade: Option<String>,
    jurisdiction: Option<String>,
    licence: Option<String>,
    superseded_by: Option<String>,
    retracted_by: Option<String>,
}

/// Front matter that was understood.
#[derive(Debug, Default)]
pub(crate) struct FrontMatter {
    /// The document's id.
    pub(crate) id: Option<DocumentId>,
    /// The document's title.
    pub(crate) title: Option<String>,
    /// The rest, over the defaults.
    pub(crate) metadata: Metadata,
}

/// Cuts cleaned Markdown into its front matter and its body; without front matter, `defaults` hold.
pub(crate) fn take<'a>(source: &'a str, defaults: &Metadata) -> Result<(FrontMatter, &'a str), SkipReason> {
    let Some((yaml, body)) = fenced(source)? else {
        return Ok((FrontMatter { metadata: defaults.clone(), ..FrontMatter::default() }, source));
    };
    Ok((understand(parse(yaml)?, defaults)?, body))
}

/// The text between an opening `---` on the first line and the next `---` (or `...`), and what follows.
fn fenced(source: &str) -> Result<Option<(&str, &str)>, SkipReason> {
    let Some((first, rest)) = source.split_once('\n') else { return Ok(None) };
    if first.trim_end() != "---" {
        return Ok(None);
    }
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if matches!(line.trim_end(), "---" | "...") {
            return Ok(Some((&rest[..end], &rest[end + line.len()..])));
        }
        end += line.len();
        if end > MAX_FRONT_MATTER_BYTES {
            break;
        }
    }
    Err(SkipReason::FrontMatterOpen { limit: MAX_FRONT_MATTER_BYTES as u64 })
}

fn parse(yaml: &str) -> Result<Written, SkipReason> {
    let blank = yaml.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if blank {
        return Ok(Written::default());
    }
    // Lists of words need no anchors and no depth; without them no small file can become a large value.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_aliases: 0, max_anchors: 0, max_depth: 8, max_documents: 1, max_nodes: 10_000 },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(yaml, options)
        .map_err(|error| SkipReason::FrontMatter { reason: clean_message(error) })
}

fn understand(written: Written, defaults: &Metadata) -> Result<FrontMatter, SkipReason> {
    let line = |text: Option<String>| text.map(|text| clean_line(&text)).filter(|text| !text.is_empty());
    let id = line(written.id).map(DocumentId::new).transpose().map_err(|error| SkipReason::wrong_id(&error))?;
    let published = line(written.date).map(|date| Date::new(&date)).transpose();
    let published = published.map_err(|error| SkipReason::WrongValue { field: "date", reason: error.to_string() })?;
    let url = line(written.url);
    if url.as_ref().is_some_and(|url| !is_web_address(url)) {
        return Err(SkipReason::WrongValue { field: "url", reason: "it must begin with https:// or http://".into() });
    }
    let names = [written.lay_synonyms, written.clinical_synonyms, written.abbreviations];
    let metadata = Metadata {
        publisher: line(written.publisher).unwrap_or_else(|| defaults.publisher.clone()),
        kind: line(written.kind).unwrap_or_else(|| defaults.kind.clone()),
        published: published.or_else(|| defaults.published.clone()),
        url,
        specialty: line(written.specialty).or_else(|| defaults.specialty.clone()),
        audience: line(written.audience).or_else(|| defaults.audience.clone()),
        language: line(written.language).or_else(|| defaults.language.clone()),
        synonyms: distinct(names.into_iter().flatten().flatten()),
        see_also: distinct(written.see_also.into_iter().flatten()),
        grade: line(written.grade),
        jurisdiction: line(written.jurisdiction).or_else(|| defaults.jurisdiction.clone()),
        licence: line(written.licence).or_else(|| defaults.licence.clone()),
        standing: standing(line(written.retracted_by), line(written.superseded_by)),
        siblings: Vec::new(),
    };
    Ok(FrontMatter { id, title: line(written.title), metadata })
}

/// What the document says of itself: that a notice withdrew it, or that another took its place.
fn standing(retracted_by: Option<String>, superseded_by: Option<String>) -> Standing {
    let state = match (&retracted_by, &superseded_by) {
        (Some(_), _) => StandingState::Retracted,
        (None, Some(_)) => StandingState::Superseded,
        (None, None) => StandingState::Current,
    };
    Standing { state, notice: retracted_by.or(superseded_by), since: None }
}

/// The lines in order, each once.
fn distinct(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for line in lines.map(|line| clean_line(&line)).filter(|line| !line.is_empty()) {
        if !kept.contains(&line) {
            kept.push(line);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front(source: &str) -> Result<(FrontMatter, &str), SkipReason> {
        take(source, &Metadata { kind: "leaflet".into(), language: Some("en".into()), ..Metadata::default() })
    }

    #[test]
    fn front_matter_says_how_strong_a_document_is_and_whether_it_stands() {
        let source = "---\ngrade: strong\njurisdiction: GB\nlicence: OGL-3.0\nsuperseded_by: asthma-2026\n---\nBody";
        let metadata = front(source).expect("front matter").0.metadata;
        assert_eq!((metadata.grade.as_deref(), metadata.jurisdiction.as_deref()), (Some("strong"), Some("GB")));
        assert_eq!(metadata.licence.as_deref(), Some("OGL-3.0"));
        assert_eq!(metadata.standing.state, StandingState::Superseded);
        assert_eq!(metadata.standing.notice.as_deref(), Some("asthma-2026"));
        let both = front("---\nsuperseded_by: b\nretracted_by: \"10.1/c\"\n---\nBody").expect("front matter").0;
        assert_eq!(both.metadata.standing.state, StandingState::Retracted, "the graver holds");
    }

    #[test]
    fn front_matter_becomes_metadata() {
        let source = "---\nid: asthma\ntitle: \"Asthma\u{202e}\"\nlay_synonyms: [wheeze, \"tight chest\"]\n\
            clinical_synonyms:\n  - reactive airway disease\n  - wheeze\nabbreviations: []\nspecialty: respiratory\n\
            date: 2026-11-22\nurl: https://example.org/asthma\nsee_also:\n- A public body: its page\n---\nBody";
        let source = source.replace("- A public body: its page", "- \"A public body: its page\"");
        let (found, body) = front(&source).expect("front matter");
        assert_eq!(
            (found.id.expect("an id").as_str(), found.title.as_deref(), body),
            ("asthma", Some("Asthma"), "Body")
        );
        let metadata = found.metadata;
        assert!(metadata.standing.is_current() && metadata.grade.is_none());
        assert_eq!(metadata.synonyms, ["wheeze", "tight chest", "reactive airway disease"]);
        assert_eq!((metadata.kind.as_str(), metadata.language.as_deref()), ("leaflet", Some("en")));
        assert_eq!(metadata.published.as_ref().map(Date::as_str), Some("2026-11-22"));
        assert_eq!(metadata.see_also, ["A public body: its page"]);
    }

    #[test]
    fn scalars_that_look_like_other_types_are_text() {
        let (found, _) =
            front("---\nid: 12\ntitle: true\nabbreviations: [NO, 1.5, T2D]\ndate: 2026\n---\n").expect("read");
        assert_eq!((found.id.expect("an id").as_str(), found.title.as_deref()), ("12", Some("true")));
        assert_eq!(found.metadata.synonyms, ["NO", "1.5", "T2D"]);
        assert_eq!(found.metadata.published.as_ref().map(Date::as_str), Some("2026"));
    }

    #[test]
    fn without_front_matter_the_defaults_hold() {
        for source in ["Body", "", "---", "--- x\nBody", "----\nBody"] {
            let (found, body) = front(source).expect("no front matter");
            assert_eq!((found.metadata.kind.as_str(), body), ("leaflet", source));
        }
        let (found, body) = front("---\n# nothing\n---\nBody").expect("blank front matter");
        assert_eq!((found.title, body), (None, "Body"));
        let (found, _) = front("---\ntitle:\nlay_synonyms:\n---\nBody").expect("empty values");
        assert!(found.title.is_none() && found.metadata.synonyms.is_empty());
    }

    #[test]
    fn wrong_front_matter_is_refused_with_a_reason() {
        let check = |source: &str, expected: &str| {
            let reason = front(source).expect_err("refused").to_string();
            assert!(reason.contains(expected) && !reason.contains('\n'), "{reason}");
        };
        check("---\ntitel: Asthma\n---\n", "titel");
        check("---\ntitel: Asthma\n---\n", "title");
        check("---\njust text\n---\n", "wrong front matter");
        check("---\ntitle: a\ntitle: b\n---\n", "wrong front matter");
        check("---\nid: a b\n---\n", "wrong `id`");
        check("---\ndate: soon\n---\n", "`soon` is not a date");
        check("---\nurl: javascript:x\n---\n", "wrong `url`");
        check("---\ntitle: Asthma\n", "no closing `---`");
        check(&format!("---\n{}---\n", "# filler\n".repeat(10_000)), "within 65536 bytes");
        check("---\ntitle: &a [x]\nsee_also: *a\n---\n", "wrong front matter");
        check("---\na: &a [x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: &d [*c,*c,*c]\n---\n", "wrong front matter");
        check(&format!("---\ntitle: {}\n---\n", "[".repeat(30_000)), "wrong front matter");
        check(&format!("---\nsee_also: [{}]\n---\n", "a,".repeat(20_000)), "wrong front matter");
    }
}
