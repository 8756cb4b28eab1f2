//! Which field of a record is what?

use clinqa_schema::{Document, Metadata};
use serde::{Deserialize, Serialize};

use crate::body::Body;
use crate::clean::{clean, clean_line};
use crate::format::{Context, is_web_address};
use crate::identifier::legal_id;
use crate::report::SkipReason;
use crate::whole::{date_in, language_in};

/// `[fields]` of `corpus.toml`: the names of the fields in records of JSON Lines or CSV. In JSON a dot leads into an
/// object (`meta.doi`). What is left out is looked for under its usual names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fields {
    /// The id; without one, the file's name and the record's number are.
    pub id: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// The text; of several fields, each is a section under its name.
    pub text: Names,
    /// The date of publication.
    pub published: Option<String>,
    /// The address.
    pub url: Option<String>,
    /// What it is.
    pub kind: Option<String>,
    /// Who publishes it.
    pub publisher: Option<String>,
    /// Its language.
    pub language: Option<String>,
    /// For whom it is.
    pub audience: Option<String>,
    /// The branch of medicine.
    pub specialty: Option<String>,
    /// The grade of its evidence.
    pub grade: Option<String>,
    /// Where it holds.
    pub jurisdiction: Option<String>,
    /// Under which terms it may be used.
    pub licence: Option<String>,
    /// Other names of the topic: a list, or names parted by semicolons or bars. Those of several fields are put together.
    pub synonyms: Names,
}

/// Fields that usually hold the whole text.
const TEXTS: &[&str] = &["text", "body", "body_text", "full_text", "content", "contents", "answer", "description"];
const ABSTRACT: &str = "abstract";
const TITLES: &[&str] = &["title", "name", "question"];
const SYNONYMS: &[&str] = &["synonyms", "aliases", "also_called"];
/// Most names that a document is given; each is searched for.
const MAX_SYNONYMS: usize = 64;

/// One name or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Names {
    /// One.
    One(String),
    /// Several, in order.
    Several(Vec<String>),
}

impl Default for Names {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Names {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

impl Fields {
    /// The document in record `number`, whose fields `get` knows; its id is left in `known_id` for the report.
    pub(crate) fn document(
        &self,
        get: &dyn Fn(&str) -> Option<String>,
        context: &Context<'_>,
        number: u64,
        known_id: &mut Option<String>,
    ) -> Result<Document, SkipReason> {
        let line = |name: &Option<String>, usual: &[&str]| {
            let found = match name {
                Some(name) => get(name),
                None => usual.iter().find_map(|name| get(name).filter(|value| !value.trim().is_empty())),
            };
            found.map(|value| clean_line(&value)).filter(|value| !value.is_empty())
        };
        let raw_id = line(&self.id, &["id", "_id", "pmid", "doi", "uid"]);
        if raw_id.is_none() && self.id.is_some() {
            return Err(SkipReason::MissingField { field: "id" });
        }
        let raw_id = raw_id.unwrap_or_else(|| format!("{}:{number}", context.file.replace('/', ":")));
        let id = legal_id(&raw_id).ok_or(SkipReason::MissingField { field: "id" })?;
        *known_id = Some(id.to_string());
        let title = line(&self.title, TITLES);
        let mut body = self.body(get);
        if body.is_empty() && self.may_have_body(&|name| get(name).is_some()) {
            return Err(SkipReason::Empty);
        }
        // Where there is no field for text, the title is all that there is.
        if let Some(title) = title.as_ref().filter(|_| body.is_empty()) {
            body.paragraph(title);
        }
        if body.is_empty() {
            return Err(SkipReason::MissingField { field: "text" });
        }
        // A source is named in every answer.
        let title = title.unwrap_or_else(|| id.to_string());
        let (text, sections) = body.finish();
        let defaults = context.defaults;
        let published =
            line(&self.published, &["published", "publish_time", "date", "year"]).and_then(|date| date_in(&date));
        let metadata = Metadata {
            publisher: line(&self.publisher, &["publisher", "source"]).unwrap_or_else(|| defaults.publisher.clone()),
            kind: line(&self.kind, &["kind"]).unwrap_or_else(|| defaults.kind.clone()),
            published: published.or_else(|| defaults.published.clone()),
            url: line(&self.url, &["url", "link"]).filter(|url| is_web_address(url)),
            specialty: line(&self.specialty, &["specialty"]).or_else(|| defaults.specialty.clone()),
            audience: line(&self.audience, &["audience"]).or_else(|| defaults.audience.clone()),
            language: line(&self.language, &["language", "lang"])
                .and_then(|language| language_in(&language))
                .or_else(|| defaults.language.clone()),
            grade: line(&self.grade, &["grade"]),
            jurisdiction: line(&self.jurisdiction, &["jurisdiction"]).or_else(|| defaults.jurisdiction.clone()),
            licence: line(&self.licence, &["licence", "license"]).or_else(|| defaults.licence.clone()),
            synonyms: self.synonyms(get),
            ..Metadata::default()
        };
        Ok(Document { id, title, text, sections, metadata, source: context.locator(Some(number)) })
    }

    /// Whether records whose fields `has` knows can have any text.
    pub(crate) fn may_have_text(&self, has: &dyn Fn(&str) -> bool) -> bool {
        let title = self.title.as_ref().map_or_else(|| TITLES.iter().any(|name| has(name)), |name| has(name));
        title || self.may_have_body(has)
    }

    /// Whether records whose fields `has` knows can have more than a title.
    fn may_have_body(&self, has: &dyn Fn(&str) -> bool) -> bool {
        let texts = self.text.as_slice();
        let usual = || has(ABSTRACT) || TEXTS.iter().any(|name| has(name));
        texts.iter().any(|name| has(name)) || texts.is_empty() && usual()
    }

    fn synonyms(&self, get: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
        let mapped: Vec<&str> = self.synonyms.as_slice().iter().map(String::as_str).collect();
        let names = if mapped.is_empty() { SYNONYMS } else { &mapped };
        let mut found: Vec<String> = Vec::new();
        for value in names.iter().filter_map(|name| get(name)) {
            for name in value.split(['\n', ';', '|']).map(clean_line) {
                if !name.is_empty() && !found.contains(&name) && found.len() < MAX_SYNONYMS {
                    found.push(name);
                }
            }
        }
        found
    }

    fn body(&self, get: &dyn Fn(&str) -> Option<String>) -> Body {
        let mut body = Body::default();
        let mut write = |value: &str| clean(value).split("\n\n").for_each(|paragraph| body.paragraph(paragraph));
        let names = self.text.as_slice();
        if names.is_empty() {
            let filled = |name: &str| get(name).filter(|value| !value.trim().is_empty());
            match (filled(ABSTRACT), TEXTS.iter().find_map(|name| filled(name))) {
                // Many a full text begins with its abstract.
                (Some(short), Some(long)) if !long.contains(short.trim()) => {
                    for (name, value) in [(ABSTRACT, short), ("full text", long)] {
                        let heading = heading(name);
                        body.heading(&heading, &heading);
                        clean(&value).split("\n\n").for_each(|paragraph| body.paragraph(paragraph));
                    }
                }
                (short, long) => write(&long.or(short).unwrap_or_default()),
            }
            return body;
        }
        if let [name] = names {
            write(&get(name).unwrap_or_default());
            return body;
        }
        for name in names {
            let heading = heading(name);
            body.heading(&heading, &heading);
            clean(&get(name).unwrap_or_default()).split("\n\n").for_each(|paragraph| body.paragraph(paragraph));
        }
        body
    }
}

/// `meta.side_effects` becomes `Side effects`.
fn heading(name: &str) -> String {
    let words = clean_line(&name.rsplit('.').next().unwrap_or(name).replace(['_', '-'], " "));
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
