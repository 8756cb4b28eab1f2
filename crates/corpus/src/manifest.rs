//! What does a corpus say about itself, and is it true?

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clinqa_schema::{Date, Metadata};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::clean::{clean_line, clean_message};
use crate::error::CorpusError;
use crate::fields::Fields;
use crate::format::{FORMATS, known_formats};
use crate::identifier::legal_id;

/// The file's name in a corpus folder.
pub(crate) const MANIFEST_FILE: &str = "corpus.toml";

/// A corpus as `corpus.toml` describes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    /// Its name, of `[A-Za-z0-9._:-]`.
    pub name: String,
    /// Its licence.
    pub licence: String,
    /// Where it comes from.
    pub origin: String,
    /// Where its files lie, if not beside the manifest: a folder or a file, seen from the manifest.
    pub path: Option<PathBuf>,
    /// The only format to read it with; any that recognises a file, if none is named.
    pub format: Option<String>,
    /// What holds for documents that do not say otherwise.
    pub defaults: Metadata,
    /// Which field of a record of JSON Lines or CSV is what.
    pub fields: Fields,
    /// How many of its records may stay unusable.
    pub allow: Allow,
    /// BLAKE3 in hexadecimal by file (relative, `/` between names), for the files that must not change.
    pub digests: BTreeMap<String, String>,
}

/// `[allow]` of `corpus.toml`: what its keeper knows about and cannot mend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Allow {
    /// The records that cannot be used.
    pub skipped: Option<Allowance>,
}

/// Up to how many: `skipped = 12` are that many records, `skipped = 0.05` is one in twenty of those read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Allowance {
    /// So many.
    Count(u64),
    /// This share of those read, from 0 to 1.
    Share(f64),
}

impl Allowance {
    /// Whether `part` of `whole` are few enough.
    pub fn holds(self, part: u64, whole: u64) -> bool {
        match self {
            Self::Count(count) => part <= count,
            // A share such as 0.58 is a little less as a float, and so is its product.
            Self::Share(share) => part as f64 <= share * whole as f64 * (1.0 + 4.0 * f64::EPSILON),
        }
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Share(share) => write!(f, "{:.1}%", share * 100.0),
        }
    }
}

/// A delivered file as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileDigest {
    /// The file, relative to the corpus folder, with `/` between names.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its bytes, 64 hexadecimal digits.
    pub blake3: String,
}

/// `corpus.toml` as written; a key that is not here is a typo.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    licence: String,
    origin: String,
    path: Option<PathBuf>,
    format: Option<String>,
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    fields: Fields,
    #[serde(default)]
    allow: Allow,
    #[serde(default)]
    digests: BTreeMap<String, String>,
    /// Where new deliveries come from: read by whoever fetches them.
    fetch: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Defaults {
    publisher: Option<String>,
    kind: Option<String>,
    audience: Option<String>,
    language: Option<String>,
    published: Option<String>,
    specialty: Option<String>,
    jurisdiction: Option<String>,
    licence: Option<String>,
}

impl Manifest {
    /// Reads `corpus.toml` in `folder`; without one, a corpus named after the folder, of unknown licence.
    pub(crate) fn read(folder: &Path) -> Result<Self, CorpusError> {
        let path = folder.join(MANIFEST_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::of_folder(folder),
            Err(reason) => Err(CorpusError::Io { path, reason }),
        }
    }

    /// Where the files of the corpus in `folder` lie if not there: as `path` says, which must lead out of the folder, and
    /// not to one that holds it, or other corpora would be taken for part of this one.
    pub(crate) fn elsewhere(&self, folder: &Path) -> Result<Option<PathBuf>, CorpusError> {
        let Some(path) = &self.path else { return Ok(None) };
        let place = folder.join(path);
        let own = folder.canonicalize().map_err(|reason| CorpusError::Io { path: folder.to_owned(), reason })?;
        let Ok(there) = place.canonicalize() else {
            return Err(CorpusError::Gone { corpus: self.name.clone(), place });
        };
        let wrong =
            |reason: &str| Err(CorpusError::Manifest { path: folder.join(MANIFEST_FILE), reason: reason.to_owned() });
        if there.starts_with(&own) {
            return wrong("`path` lies in the folder of the corpus; leave it out, since all files there are taken");
        }
        if own.starts_with(&there) {
            return wrong("`path` holds the folder of the corpus; name the folder of its files alone");
        }
        Ok(Some(place))
    }

    fn parse(text: &str, path: &Path) -> Result<Self, CorpusError> {
        let wrong = |reason: String| CorpusError::Manifest { path: path.to_owned(), reason };
        let written: Written = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            wrong(format!("line {line}: {}", clean_message(error.message())))
        })?;
        if legal_id(&written.name).is_none_or(|id| id.as_str() != written.name) {
            return Err(wrong("the name must be 1 to 200 letters, digits, `.`, `_`, `:` or `-`".into()));
        }
        if written.format.as_ref().is_some_and(|name| FORMATS.iter().all(|format| format.name() != name)) {
            let found = clean_line(&written.format.unwrap_or_default());
            return Err(CorpusError::Format { path: path.to_owned(), found, known: known_formats() });
        }
        for (file, digest) in &written.digests {
            if digest.len() != 64 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(wrong(format!("the digest of `{}` is not 64 hexadecimal digits", clean_line(file))));
            }
        }
        if written.path.is_some() && written.fetch.is_some() {
            return Err(wrong("`path` and [fetch] exclude each other: what is fetched would not be read".into()));
        }
        if let Some(Allowance::Share(share)) = written.allow.skipped
            && !(0.0..=1.0).contains(&share)
        {
            return Err(wrong("allow.skipped is a share from 0.0 to 1.0, or a whole number of records".into()));
        }
        let defaults = written.defaults.into_metadata().map_err(wrong)?;
        Ok(Self {
            name: written.name,
            licence: clean_line(&written.licence),
            origin: clean_line(&written.origin),
            path: written.path,
            format: written.format,
            defaults,
            fields: written.fields,
            allow: written.allow,
            digests: written.digests,
        })
    }

    fn of_folder(folder: &Path) -> Result<Self, CorpusError> {
        let unnamed = || CorpusError::Unnamed { folder: folder.to_owned() };
        // `.` and `..` have no name of their own.
        let full = folder.canonicalize().map_err(|reason| CorpusError::Io { path: folder.to_owned(), reason })?;
        let name = full.file_name().map(|name| name.to_string_lossy().into_owned()).ok_or_else(unnamed)?;
        Ok(Self {
            name: legal_id(&name).ok_or_else(unnamed)?.to_string(),
            licence: "unknown".into(),
            origin: "unknown".into(),
            path: None,
            format: None,
            defaults: Metadata::default(),
            fields: Fields::default(),
            allow: Allow::default(),
            digests: BTreeMap::new(),
        })
    }

    /// Holds the files found (sorted by name) against `[digests]`.
    pub(crate) fn verify(&self, files: &[FileDigest]) -> Result<(), CorpusError> {
        for (file, expected) in &self.digests {
            let Ok(found) = files.binary_search_by(|digest| digest.file.as_str().cmp(file)) else {
                return Err(CorpusError::Lost { corpus: self.name.clone(), file: clean_line(file) });
            };
            let found = &files[found].blake3;
            if !found.eq_ignore_ascii_case(expected) {
                return Err(CorpusError::Digest {
                    corpus: self.name.clone(),
                    file: clean_line(file),
                    expected: expected.clone(),
                    found: found.clone(),
                });
            }
        }
        Ok(())
    }
}

impl Defaults {
    fn into_metadata(self) -> Result<Metadata, String> {
        let line = |text: Option<String>| text.map(|text| clean_line(&text)).filter(|text| !text.is_empty());
        let published = self.published.map(|date| Date::new(&date)).transpose();
        Ok(Metadata {
            publisher: line(self.publisher).unwrap_or_default(),
            kind: line(self.kind).unwrap_or_default(),
            audience: line(self.audience),
            language: line(self.language),
            specialty: line(self.specialty),
            jurisdiction: line(self.jurisdiction),
            licence: line(self.licence),
            published: published.map_err(|error| format!("defaults.published: {error}"))?,
            ..Metadata::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_understood_or_refused_with_the_key_named() {
        let head = "name = \"c\"\nlicence = \"CC0-1.0\"\norigin = \"here\"\n";
        let check = |tail: &str, expected: Result<(), &str>| {
            let found = Manifest::parse(&format!("{head}{tail}"), Path::new("corpus.toml"));
            match (found, expected) {
                (Ok(manifest), Ok(())) => assert_eq!(manifest.name, "c"),
                (Err(error), Err(part)) => {
                    let error = error.to_string();
                    assert!(error.contains(part) && !error.contains('\n'), "{error}");
                }
                (found, expected) => panic!("{tail}: {found:?}, not {expected:?}"),
            }
        };
        check("", Ok(()));
        check("format = \"beir\"\n[defaults]\nkind = \"leaflet\"\npublished = \"2026-11\"", Ok(()));
        check("format = \"runes\"", Err("`runes` is unknown; use one of pubmed, "));
        check("[fetch]\nurls = [\"https://example.org/a.xml\"]", Ok(()));
        check("path = \"/srv/leaflets\"", Ok(()));
        check("path = \"/srv/leaflets\"\n[fetch]\nurls = []", Err("exclude each other"));
        check("[allow]\nskipped = 12", Ok(()));
        check("[allow]\nskipped = 0.05", Ok(()));
        check("[allow]\nskipped = 5.0", Err("a share from 0.0 to 1.0"));
        check("[allow]\nskipped = -1", Err("a share from 0.0 to 1.0"));
        check("[allow]\nskiped = 1", Err("unknown field `skiped`"));
        check("lisence = \"x\"", Err("line 4: unknown field `lisence`"));
        check("[defaults]\npublishr = \"x\"", Err("unknown field `publishr`"));
        check("[defaults]\npublished = \"yesterday\"", Err("`yesterday` is not a date"));
        check("[fields]\nid = \"pmid\"\ntext = [\"a\", \"b.c\"]", Ok(()));
        check("[fields]\ntitel = \"t\"", Err("unknown field `titel`"));
        check("[digests]\n\"a.md\" = \"12\"", Err("`a.md` is not 64"));
        check("name = \"d\"", Err("line 4"));
        check("= = =", Err("line 4"));
    }

    #[test]
    fn a_whole_number_is_records_and_a_decimal_a_share() {
        let read = |written: &str| toml::from_str::<Allow>(written).expect("an allowance").skipped.expect("skipped");
        let held = |allowance: Allowance| [0, 1, 2, 12, 13].map(|part| allowance.holds(part, 24));
        assert_eq!(held(read("skipped = 1")), [true, true, false, false, false]);
        assert_eq!(held(read("skipped = 0.5")), [true, true, true, true, false]);
        assert_eq!((read("skipped = 1").to_string(), read("skipped = 0.055").to_string()), ("1".into(), "5.5%".into()));
    }

    #[test]
    fn a_manifest_must_name_the_corpus_with_a_legal_name() {
        for text in ["", "name = \"../c\"\nlicence = \"\"\norigin = \"\"", "name = \"\"\nlicence = \"\"\norigin = \"\""]
        {
            let error = Manifest::parse(text, Path::new("corpus.toml")).expect_err("refused").to_string();
            assert!(error.contains("name"), "{error}");
        }
    }
}
