//! Is this `tokenizer.json` the usual one of BERT? Then it is read in a few milliseconds.
//!
//! The general reader of the tokenizers crate tries every kind of model on every part, which for a vocabulary of
//! 30,000 takes most of the time in which a checkpoint opens. What it makes of the usual file is made here directly;
//! whatever is unusual is left to it.

use std::collections::HashMap;

use serde::Deserialize;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{AddedToken, Tokenizer};

/// The parts that decide how text becomes word pieces. Truncation and padding are ours, and nothing is decoded.
#[derive(Deserialize)]
struct Usual {
    added_tokens: Vec<Added>,
    normalizer: Normalizer,
    pre_tokenizer: Named,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    #[serde(flatten)]
    token: AddedToken,
}

#[derive(Deserialize)]
struct Normalizer {
    r#type: String,
    clean_text: bool,
    handle_chinese_chars: bool,
    strip_accents: Option<bool>,
    lowercase: bool,
}

#[derive(Deserialize)]
struct Named {
    r#type: String,
}

#[derive(Deserialize)]
struct Model {
    r#type: String,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: HashMap<String, u32>,
}

/// The tokenizer that `bytes` describe; `None` if they are not the usual file.
pub(super) fn read(bytes: &[u8]) -> Option<Tokenizer> {
    let Usual { added_tokens, normalizer, pre_tokenizer, model } = serde_json::from_slice(bytes).ok()?;
    let Model { r#type, unk_token, continuing_subword_prefix, max_input_chars_per_word, vocab } = model;
    let known = |added: &Added| vocab.get(&added.token.content) == Some(&added.id);
    let types = [r#type, normalizer.r#type, pre_tokenizer.r#type];
    if types != ["WordPiece", "BertNormalizer", "BertPreTokenizer"] || !added_tokens.iter().all(known) {
        return None;
    }
    let Normalizer { clean_text, handle_chinese_chars, strip_accents, lowercase, .. } = normalizer;
    let normalizer = BertNormalizer::new(clean_text, handle_chinese_chars, strip_accents, lowercase);
    let model = WordPiece::builder()
        .vocab(WordPiece::read_bytes(lines(&vocab)?.as_bytes()).ok()?)
        .unk_token(unk_token)
        .continuing_subword_prefix(continuing_subword_prefix)
        .max_input_chars_per_word(max_input_chars_per_word)
        .build()
        .ok()?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(normalizer)).ok()?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    let (special, other): (Vec<AddedToken>, Vec<AddedToken>) =
        added_tokens.into_iter().map(|added| added.token).partition(|token| token.special);
    tokenizer.add_special_tokens(special).ok()?;
    tokenizer.add_tokens(other).ok()?;
    Some(tokenizer)
}

/// The vocabulary as a `vocab.txt`: one token a line, in the order of their ids. `None` if an id is left out or said
/// twice, or if a token would not come back from its line.
fn lines(vocab: &HashMap<String, u32>) -> Option<String> {
    let mut tokens = vec![None; vocab.len()];
    for (token, &id) in vocab {
        let whole = !token.is_empty() && token.trim_end() == token && !token.contains(['\n', '\r']);
        let place = tokens.get_mut(id as usize).filter(|place| place.is_none() && whole)?;
        *place = Some(token.as_str());
    }
    let tokens: Option<Vec<&str>> = tokens.into_iter().collect();
    Some(tokens?.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(vocab: &serde_json::Value) -> serde_json::Value {
        serde_json::json!({
            "version": "1.0",
            "truncation": {"max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
            "added_tokens": [
                {"id": 0, "content": "[UNK]", "single_word": false, "lstrip": false, "rstrip": false,
                 "normalized": false, "special": true},
                {"id": 1, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false,
                 "normalized": false, "special": true},
            ],
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                           "strip_accents": null, "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 20, "vocab": vocab},
        })
    }

    fn vocabulary() -> serde_json::Value {
        serde_json::json!({"[UNK]": 0, "[CLS]": 1, "heart": 2, "##burn": 3, "e": 4, "##e": 5, "-": 6, "糖": 7})
    }

    proptest::proptest! {
        #[test]
        fn the_usual_file_is_read_as_the_general_reader_reads_it(text in "([heartburné \\-糖\u{200b}\u{301}A-F]|heart|\\[CLS\\]|\\[UNK\\]){0,12}") {
            let bytes = file(&vocabulary()).to_string().into_bytes();
            let mut general = Tokenizer::from_bytes(&bytes).expect("a tokenizer");
            general.with_truncation(None).expect("none");
            let ours = read(&bytes).expect("the usual file");
            let [ours, general] = [ours, general].map(|tokenizer| tokenizer.encode(text.as_str(), false).expect("encoded"));
            proptest::prop_assert_eq!(ours.get_ids(), general.get_ids());
            proptest::prop_assert_eq!(ours.get_offsets(), general.get_offsets());
        }
    }

    #[test]
    fn what_is_unusual_is_left_to_the_general_reader() {
        let check = |change: fn(&mut serde_json::Value)| {
            let mut file = file(&vocabulary());
            change(&mut file);
            assert!(read(file.to_string().as_bytes()).is_none(), "{file}");
        };
        check(|file| file["model"]["type"] = "WordLevel".into());
        check(|file| file["pre_tokenizer"]["type"] = "Whitespace".into());
        check(|file| file["normalizer"]["type"] = "NFC".into());
        check(|file| file["added_tokens"][0]["id"] = 9.into());
        check(|file| file["model"]["vocab"]["heart"] = 9.into());
        check(|file| file["model"]["vocab"]["again"] = 2.into());
        check(|file| file["model"]["vocab"]["heart "] = 8.into());
        check(|file| file["model"]["vocab"] = serde_json::Value::Null);
    }
}
