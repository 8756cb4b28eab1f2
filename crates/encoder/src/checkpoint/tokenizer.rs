//! The tokenizer of a checkpoint, from `tokenizer.json` or from `vocab.txt`, with truncation and padding off.

use std::ops::Range;

use serde::Deserialize;
use tokenizers::Tokenizer;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;

use super::config::parse;
use super::files::Files;
use super::plain;
use crate::{CheckpointError, EncodeError};

/// Ids of the tokens that frame a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecialTokens {
    /// `[CLS]`, the first token of every sequence.
    pub cls: u32,
    /// `[SEP]`, the last token of every text.
    pub sep: u32,
    /// `[PAD]`.
    pub pad: u32,
}

/// Splits text into word pieces, offsets kept.
pub struct TextTokenizer {
    tokenizer: Tokenizer,
    path: String,
    /// The tokens that frame a sequence.
    pub special: SpecialTokens,
}

/// A text as word pieces, without special tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Where each token stands in the text, in bytes.
    pub offsets: Vec<Range<usize>>,
    /// Which word each token is a piece of: words are what spaces and punctuation part, counted from 0.
    pub words: Vec<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenizerConfig {
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
}

impl TextTokenizer {
    /// Reads the tokenizer, and says what was doubtful about it.
    pub(crate) fn read(files: &Files) -> Result<(Self, Vec<String>), CheckpointError> {
        let settings = match files.read("tokenizer_config.json")? {
            Some(bytes) => Some(parse::<TokenizerConfig>(&files.path("tokenizer_config.json"), &bytes)?),
            None => None,
        };
        if let Some(bytes) = files.read("tokenizer.json")? {
            let path = files.path("tokenizer.json");
            let general = || Tokenizer::from_bytes(&bytes).map_err(|error| failed(&path, &error));
            let tokenizer = plain::read(&bytes).map_or_else(general, Ok)?;
            return Ok((Self::bare(tokenizer, path)?, Vec::new()));
        }
        let Some(bytes) = files.read("vocab.txt")? else {
            return Err(CheckpointError::MissingFile { folder: files.path(""), file: "tokenizer.json or vocab.txt" });
        };
        let path = files.path("vocab.txt");
        let (tokenizer, warnings) = word_pieces(&path, &bytes, settings)?;
        Ok((Self::bare(tokenizer, path)?, warnings))
    }

    /// Switches off whatever truncation and padding the file asks for: sequences are ours to cut.
    fn bare(mut tokenizer: Tokenizer, path: String) -> Result<Self, CheckpointError> {
        tokenizer.with_truncation(None).map_err(|error| failed(&path, &error))?;
        tokenizer.with_padding(None);
        let id = |token: &str| {
            tokenizer.token_to_id(token).ok_or_else(|| CheckpointError::Tokenizer {
                path: path.clone(),
                detail: format!("it has no {token} token"),
            })
        };
        let special = SpecialTokens { cls: id("[CLS]")?, sep: id("[SEP]")?, pad: id("[PAD]")? };
        Ok(Self { tokenizer, path, special })
    }

    /// Checks that every id has a row in an embedding table of `rows`.
    pub(crate) fn require_rows(&self, files: &Files, rows: usize) -> Result<(), CheckpointError> {
        let largest = self.tokenizer.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
        if largest <= rows {
            return Ok(());
        }
        let path = if self.path.is_empty() { files.path("tokenizer.json") } else { self.path.clone() };
        Err(CheckpointError::Vocabulary { path, found: largest, allowed: rows })
    }

    /// Word pieces of `text`, all of them, without special tokens.
    pub fn encode(&self, text: &str) -> Result<Encoding, EncodeError> {
        let failed = |error: tokenizers::Error| EncodeError::Tokenize { bytes: text.len(), detail: error.to_string() };
        let encoding = self.tokenizer.encode(text, false).map_err(failed)?;
        let offsets = encoding.get_offsets().iter().map(|&(start, end)| start..end).collect();
        // Only special tokens, which are not asked for, belong to no word.
        let words = encoding.get_word_ids().iter().map(|word| word.unwrap_or_default()).collect();
        Ok(Encoding { ids: encoding.get_ids().to_vec(), offsets, words })
    }

    /// The id of `token`, if the vocabulary has it.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// Whether `other` gives every word piece the same id.
    pub fn has_vocabulary_of(&self, other: &Self) -> bool {
        self.tokenizer.get_vocab(true) == other.tokenizer.get_vocab(true)
    }

    /// For each id whether it continues a word (`##…`); ids without a token do not.
    pub fn continuations(&self) -> Vec<bool> {
        let rows = self.tokenizer.get_vocab_size(true) as u32;
        (0..rows).map(|id| self.tokenizer.id_to_token(id).is_some_and(|token| token.starts_with("##"))).collect()
    }

    /// Word pieces of `text` without their offsets, which is faster.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, EncodeError> {
        let failed = |error: tokenizers::Error| EncodeError::Tokenize { bytes: text.len(), detail: error.to_string() };
        Ok(self.tokenizer.encode_fast(text, false).map_err(failed)?.get_ids().to_vec())
    }
}

fn failed(path: &str, error: &tokenizers::Error) -> CheckpointError {
    CheckpointError::Tokenizer { path: path.to_owned(), detail: error.to_string() }
}

/// BERT's own tokenizer over a `vocab.txt`.
fn word_pieces(
    path: &str,
    bytes: &[u8],
    settings: Option<TokenizerConfig>,
) -> Result<(Tokenizer, Vec<String>), CheckpointError> {
    let vocabulary = WordPiece::read_bytes(bytes).map_err(|error| failed(path, &error))?;
    let cased = vocabulary
        .keys()
        .any(|token| !token.starts_with('[') && token.chars().count() > 1 && token.chars().any(char::is_uppercase));
    let settings = settings.unwrap_or_default();
    let mut warnings = Vec::new();
    // Without the setting transformers would lower-case a cased vocabulary and miss most of it: the vocabulary decides.
    if settings.do_lower_case == Some(cased) || (cased && settings.do_lower_case.is_none()) {
        let (kind, action) = if cased { ("cased", "is not lower-cased") } else { ("uncased", "is lower-cased") };
        warnings.push(format!(
            "{path} is a {kind} vocabulary, so text {action}; transformers needs `do_lower_case={}` to do the same",
            if cased { "False" } else { "True" }
        ));
    }
    let model = WordPiece::builder()
        .vocab(vocabulary)
        .unk_token("[UNK]".into())
        .build()
        .map_err(|error| failed(path, &error))?;
    let mut tokenizer = Tokenizer::new(model);
    let chinese = settings.tokenize_chinese_chars.unwrap_or(true);
    let normalizer = BertNormalizer::new(true, chinese, settings.strip_accents, !cased);
    tokenizer.with_normalizer(Some(normalizer)).map_err(|error| failed(path, &error))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    Ok((tokenizer, warnings))
}
