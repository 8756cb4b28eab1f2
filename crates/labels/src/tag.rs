//! What kinds of things do its words name, and where?

use std::ops::Range;

use clinqa_encoder::{
    Checkpoint, CheckpointError, EncodeError, Sequence, Source, TextTokenizer, TokenBudget, Transformer, plan,
};
use clinqa_schema::{Observer, Progress, Stage, word_spans};

use crate::head::{Linear, are_numbers, largest, softmax};
use crate::label_windows;
use crate::words::{Pieces, whole_characters};

/// Tokens of a window; sentences are shorter, and a whole article in one pass would cost the square of its length.
const WINDOW_TOKENS: usize = 384;
/// Pieces that neighbouring windows share: half of them on either side of a piece are context for it.
const OVERLAP: usize = 128;

/// A word with its tag.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedWord {
    /// The likeliest tag, as the model names it; `O` for a word of which the tokenizer leaves nothing.
    pub tag: String,
    /// Its probability.
    pub score: f32,
}

/// A stretch of a text and what it names.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// Where it stands, in bytes, on character bounds.
    pub bytes: Range<usize>,
    /// The same in Unicode scalar values.
    pub chars: Range<usize>,
    /// What it is: the tags of its words without their `B-` and `I-`.
    pub label: String,
    /// The mean of its words' probabilities.
    pub score: f32,
}

/// A loaded tagger: cheap to share behind an `Arc`, safe to use from many threads.
pub struct Tagger {
    name: String,
    tags: Vec<String>,
    max_tokens: usize,
    tokenizer: TextTokenizer,
    transformer: Box<dyn Transformer>,
    head: Linear,
    warnings: Vec<String>,
}

impl Tagger {
    /// Opens the checkpoint at `source`.
    pub fn open(source: &Source) -> Result<Self, CheckpointError> {
        Self::from_checkpoint(Checkpoint::open(source)?)
    }

    /// Lays the weights of a `checkpoint` with a tagging head (`BertForTokenClassification`) out.
    pub fn from_checkpoint(mut checkpoint: Checkpoint) -> Result<Self, CheckpointError> {
        let tags = checkpoint.head_labels()?.names;
        if let Some(stranger) = tags.iter().find(|tag| !is_tag(tag)) {
            let expected = "tags such as O, B-Drug and I-Drug".to_owned();
            return Err(checkpoint.refuse("id2label", format!("`{}`", stranger.escape_default()), expected));
        }
        let head = Linear::take(&mut checkpoint, "classifier", tags.len())?;
        let transformer = checkpoint.transformer()?;
        let max_tokens = checkpoint.max_tokens.min(transformer.max_positions());
        Ok(Self {
            name: checkpoint.name,
            tags,
            max_tokens,
            tokenizer: checkpoint.tokenizer,
            transformer,
            head,
            warnings: checkpoint.warnings,
        })
    }

    /// The checkpoint's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its tags, in the order of the logits.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// What was doubtful about the checkpoint.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The entities of each text, in order. Words are what spaces and punctuation part; a word has the tag of its first
    /// piece, and what no scheme allows is counted as seqeval does. Reports [`Stage::Evaluate`] progress, in
    /// windows.
    pub fn tag<T: AsRef<str>>(
        &self,
        texts: &[T],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Vec<Entity>>, EncodeError> {
        let parted: Vec<(Pieces, Vec<Range<usize>>)> =
            texts.iter().map(|text| Pieces::of_text(&self.tokenizer, text.as_ref())).collect::<Result<_, _>>()?;
        let (pieces, places): (Vec<Pieces>, Vec<Vec<Range<usize>>>) = parted.into_iter().unzip();
        let tagged = self.tag_pieces(&pieces, observer)?;
        let entities = |((words, places), text): ((Vec<TaggedWord>, Vec<Range<usize>>), &T)| {
            entities(text.as_ref(), &words, &places)
        };
        Ok(tagged.into_iter().zip(places).zip(texts).map(entities).collect())
    }

    /// The tags of words that somebody else has parted, as a file of sentences has them: one a word, in order.
    pub fn tag_words<T: AsRef<str>>(
        &self,
        sentences: &[Vec<T>],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Vec<TaggedWord>>, EncodeError> {
        let of_words = |words: &Vec<T>| Pieces::of_words(&self.tokenizer, words);
        let pieces: Vec<Pieces> = sentences.iter().map(of_words).collect::<Result<_, _>>()?;
        self.tag_pieces(&pieces, observer)
    }

    /// The logits of every word of one sentence, one a tag; none for a word without pieces.
    pub fn word_logits<T: AsRef<str>>(&self, words: &[T]) -> Result<Vec<Option<Vec<f32>>>, EncodeError> {
        let pieces = Pieces::of_words(&self.tokenizer, words)?;
        Ok(self.logits(std::slice::from_ref(&pieces), &mut clinqa_schema::Silent)?.pop().unwrap_or_default())
    }

    fn tag_pieces(&self, texts: &[Pieces], observer: &mut dyn Observer) -> Result<Vec<Vec<TaggedWord>>, EncodeError> {
        let tagged = |logits: Option<Vec<f32>>| {
            let Some(logits) = logits else { return TaggedWord { tag: "O".to_owned(), score: 1.0 } };
            let (probabilities, best) = (softmax(&logits), largest(&logits));
            TaggedWord { tag: self.tags[best].clone(), score: probabilities[best] }
        };
        let logits = self.logits(texts, observer)?;
        if !are_numbers(logits.iter().flatten().flatten().flatten()) {
            return Err(EncodeError::NoNumber);
        }
        Ok(logits.into_iter().map(|words| words.into_iter().map(tagged).collect()).collect())
    }

    /// Logits of the first piece of every word of every text.
    fn logits(&self, texts: &[Pieces], observer: &mut dyn Observer) -> Result<Vec<Vec<Option<Vec<f32>>>>, EncodeError> {
        let size = WINDOW_TOKENS.min(self.max_tokens).saturating_sub(2);
        let mut jobs = Vec::new();
        for (text, pieces) in texts.iter().enumerate() {
            let windows = label_windows(pieces.ids.len(), size, OVERLAP.min(size / 2));
            jobs.extend(windows.into_iter().map(|window| (text, window)));
        }
        let mut found: Vec<Vec<Option<Vec<f32>>>> = texts.iter().map(|text| vec![None; text.firsts.len()]).collect();
        let lengths: Vec<usize> = jobs.iter().map(|(_, window)| window.pieces.len() + 2).collect();
        let mut done = 0;
        for batch in plan(&lengths, TokenBudget::default()) {
            let sequences: Vec<Sequence> = batch
                .iter()
                .map(|&job| {
                    Sequence::of_text(self.tokenizer.special, &texts[jobs[job].0].ids[jobs[job].1.pieces.clone()])
                })
                .collect();
            let hidden = self.transformer.forward(&sequences)?;
            for (row, &job) in batch.iter().enumerate() {
                let (text, window) = &jobs[job];
                let rows = hidden.rows(row);
                let decided = |first: usize| {
                    // Past `[CLS]`.
                    let at = (first - window.pieces.start + 1) * hidden.width;
                    self.head.apply(&rows[at..at + hidden.width])
                };
                let firsts = texts[*text].firsts.iter().enumerate();
                for (word, first) in firsts.filter_map(|(word, first)| Some((word, (*first)?))) {
                    if window.decides.contains(&first) {
                        found[*text][word] = Some(decided(first));
                    }
                }
            }
            done += batch.len() as u64;
            observer.observe(&Progress { stage: Stage::Evaluate, done, total: Some(jobs.len() as u64) });
        }
        Ok(found)
    }
}

/// `O`, or a letter of a scheme with a label behind a hyphen.
fn is_tag(tag: &str) -> bool {
    let labelled =
        tag.split_once('-').is_some_and(|(letter, label)| matches!(letter, "B" | "I" | "E" | "S") && !label.is_empty());
    labelled || matches!(tag, "O" | "B" | "I" | "E" | "S")
}

/// The entities that tags of words mark in a text (pure).
fn entities(text: &str, words: &[TaggedWord], places: &[Range<usize>]) -> Vec<Entity> {
    let tags: Vec<&str> = words.iter().map(|word| word.tag.as_str()).collect();
    let mut found = Vec::new();
    // Characters are counted once, from entity to entity, which stand in the order of the text.
    let (mut bytes_before, mut chars_before) = (0, 0);
    for span in word_spans(&tags) {
        let (first, last) = (span.words.start, span.words.end - 1);
        let bytes = whole_characters(text, places[first].start..places[last].end);
        let from = bytes.start.max(bytes_before);
        let start = chars_before + text[bytes_before..from].chars().count();
        let end = start + text[from..bytes.end.max(from)].chars().count();
        (bytes_before, chars_before) = (bytes.end.max(from), end);
        if start == end {
            continue;
        }
        let scores = &words[first..=last];
        let score = scores.iter().map(|word| word.score).sum::<f32>() / scores.len() as f32;
        found.push(Entity { bytes: from..bytes.end, chars: start..end, label: span.label, score });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(text: &str, tags: &str) -> Vec<(String, String, Range<usize>)> {
        let words: Vec<TaggedWord> =
            tags.split(' ').map(|tag| TaggedWord { tag: tag.to_owned(), score: 0.5 }).collect();
        let places: Vec<Range<usize>> = text
            .split_whitespace()
            .map(|word| {
                let start = word.as_ptr() as usize - text.as_ptr() as usize;
                start..start + word.len()
            })
            .collect();
        let found = entities(text, &words, &places);
        found.into_iter().map(|entity| (text[entity.bytes].to_owned(), entity.label, entity.chars)).collect()
    }

    #[test]
    fn entities_reach_from_their_first_word_to_their_last() {
        let text = "Naïve\r\n  café au lait  spots 🙂 fièvre";
        let found = tagged(text, "O B-Sign I-Sign I-Sign I-Sign O I-Sign");
        let expected = [("café au lait  spots", 9..28), ("fièvre", 31..37)];
        let found: Vec<(&str, Range<usize>)> =
            found.iter().map(|(text, _, chars)| (text.as_str(), chars.clone())).collect();
        assert_eq!(found, expected);
        let chars: Vec<char> = text.chars().collect();
        for (entity, place) in found {
            assert_eq!(chars[place].iter().collect::<String>(), entity);
        }
    }

    #[test]
    fn tags_are_known_by_their_form() {
        let check = |tag: &str, expected: bool| assert_eq!(is_tag(tag), expected, "{tag}");
        check("O", true);
        check("B-Drug", true);
        check("S-side-effect", true);
        check("B-", false);
        check("LABEL_0", false);
        check("Drug", false);
        check("", false);
    }

    proptest::proptest! {
        #[test]
        fn offsets_in_characters_and_bytes_name_the_same_text(text in "[a-zé🙂\u{301}\r\n ]{0,30}", tags in proptest::collection::vec("O|B-A|I-A|B-B|I-B", 30)) {
            let places: Vec<Range<usize>> = text.split_whitespace().map(|word| {
                let start = word.as_ptr() as usize - text.as_ptr() as usize;
                start..start + word.len()
            }).collect();
            let words: Vec<TaggedWord> = tags.into_iter().take(places.len()).map(|tag| TaggedWord { tag, score: 1.0 }).collect();
            for entity in entities(&text, &words, &places) {
                let by_chars: String = text.chars().skip(entity.chars.start).take(entity.chars.len()).collect();
                proptest::prop_assert_eq!(&text[entity.bytes], by_chars);
            }
        }
    }
}
