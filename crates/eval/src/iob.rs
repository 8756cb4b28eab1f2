//! Which words does a file of tagged sentences hold, and which of its lines are not what they should be?
//!
//! One word a line with its tag in the last column, parted by tabs or spaces; an empty line ends a sentence, as in the
//! files of the `CoNLL` tasks. The tags may be of any scheme with a begin (BIO, which is IOB2, BIOES, BILOU);
//! [`as_bio`] writes each of them as BIO.

use std::fmt;
use std::io::BufRead;

use clinqa_schema::word_spans;

use crate::error::ReadError;

const FORMAT: &str = "the tagged sentences";

/// A sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IobSentence {
    /// The line of its first word, counted from 1.
    pub line: usize,
    /// Its words.
    pub words: Vec<String>,
    /// One tag a word, in the scheme of the file; `L-` and `U-` are written `E-` and `S-`.
    pub tags: Vec<String>,
}

/// A sentence that was left out, and the line that is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IobFault {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: IobProblem,
}

/// What can be wrong with a line of tagged words. Words never enter it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IobProblem {
    /// It has more or fewer columns than the first line of the file.
    Columns {
        /// Those of the first line.
        expected: usize,
        /// Its own.
        found: usize,
    },
    /// It has a tag and no word.
    NoWord,
    /// Its last column is no tag.
    NoTag,
}

impl fmt::Display for IobProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Columns { expected, found } => write!(f, "{found} columns where the file begins with {expected}"),
            Self::NoWord => f.write_str("a tag without a word"),
            Self::NoTag => f.write_str("the last column is no tag such as O, B-Drug or I-Drug"),
        }
    }
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IobFile {
    /// Sentences that can be used, in order.
    pub sentences: Vec<IobSentence>,
    /// Why others were left out: one a sentence, the first fault of each.
    pub faults: Vec<IobFault>,
}

/// Reads tagged sentences. A sentence with a faulty line is left out whole and reported; bytes that are no UTF-8 end it.
pub fn read_iob(input: impl BufRead) -> Result<IobFile, ReadError> {
    let mut file = IobFile::default();
    let mut open = Open::default();
    let mut columns = None;
    for (number, line) in (1..).zip(input.lines()) {
        let line = line.map_err(|source| ReadError::Io { format: FORMAT, source })?;
        let line = line.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
        if line.trim().is_empty() || line.starts_with("-DOCSTART-") {
            open.close(&mut file);
            continue;
        }
        open.take(number, line, &mut columns);
    }
    open.close(&mut file);
    if file.sentences.is_empty() && file.faults.is_empty() {
        let expected = "one word a line with its tag in the last column, sentences parted by empty lines";
        return Err(ReadError::Empty { format: FORMAT, expected });
    }
    Ok(file)
}

/// The tags as BIO: every span begins with a `B-`. What no scheme allows is written as what it counts as.
pub fn as_bio<T: AsRef<str>>(tags: &[T]) -> Vec<String> {
    let mut plain = vec!["O".to_owned(); tags.len()];
    for span in word_spans(tags) {
        for word in span.words.clone() {
            let letter = if word == span.words.start { 'B' } else { 'I' };
            plain[word] = format!("{letter}-{}", span.label);
        }
    }
    plain
}

/// The places of tags that continue what was not begun, such as an `I-` after an `O`: they count as a beginning.
pub fn strays<T: AsRef<str>>(tags: &[T]) -> Vec<usize> {
    let inside = |tag: &str| tag.starts_with(['I', 'E']);
    let begun = word_spans(tags).into_iter().map(|span| span.words.start);
    begun.filter(|&at| inside(tags[at].as_ref())).collect()
}

/// The sentence that is being read.
#[derive(Default)]
struct Open {
    sentence: Option<IobSentence>,
    fault: Option<IobFault>,
}

impl Open {
    fn take(&mut self, line: usize, text: &str, columns: &mut Option<usize>) {
        let sentence = self.sentence.get_or_insert_with(|| IobSentence { line, words: Vec::new(), tags: Vec::new() });
        match word(text, columns) {
            Ok((word, tag)) => {
                sentence.words.push(word);
                sentence.tags.push(tag);
            }
            Err(problem) => {
                self.fault.get_or_insert(IobFault { line, problem });
            }
        }
    }

    fn close(&mut self, file: &mut IobFile) {
        match (self.sentence.take(), self.fault.take()) {
            (_, Some(fault)) => file.faults.push(fault),
            (Some(sentence), None) => file.sentences.push(sentence),
            (None, None) => {}
        }
    }
}

fn word(line: &str, columns: &mut Option<usize>) -> Result<(String, String), IobProblem> {
    let parts: Vec<&str> =
        if line.contains('\t') { line.split('\t').collect() } else { line.split_whitespace().collect() };
    let expected = *columns.get_or_insert(parts.len());
    if parts.len() != expected || expected < 2 {
        return Err(IobProblem::Columns { expected: expected.max(2), found: parts.len() });
    }
    let [word, tag] = [parts[0].trim(), parts[expected - 1].trim()];
    if word.is_empty() {
        return Err(IobProblem::NoWord);
    }
    Ok((word.to_owned(), read_tag(tag).ok_or(IobProblem::NoTag)?))
}

/// A tag of a scheme that is known; the end and the single word of BILOU by the letters of BIOES.
fn read_tag(tag: &str) -> Option<String> {
    let (letter, label) = tag.split_once('-').map_or((tag, None), |(letter, label)| (letter, Some(label)));
    let letter = match letter {
        "B" | "I" | "E" | "S" => letter,
        "O" if label.is_none() => letter,
        "L" => "E",
        "U" => "S",
        _ => return None,
    };
    match label {
        None => Some(letter.to_owned()),
        Some("") => None,
        Some(label) => Some(format!("{letter}-{label}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_empty_lines_and_bad_ones_are_left_out() {
        let text = "\u{feff}a\tO\r\nfever\tB-Sign\r\n\r\n-DOCSTART-\tO\n\nb\tO\textra\nc\tO\n\n\tO\n\nd\tX-Sign\n \ne\tU-Sign\n";
        let file = read_iob(text.as_bytes()).expect("tagged sentences");
        let words: Vec<(usize, Vec<&str>, Vec<&str>)> = file
            .sentences
            .iter()
            .map(|s| {
                (s.line, s.words.iter().map(String::as_str).collect(), s.tags.iter().map(String::as_str).collect())
            })
            .collect();
        assert_eq!(words, [(1, vec!["a", "fever"], vec!["O", "B-Sign"]), (13, vec!["e"], vec!["S-Sign"])]);
        let faults: Vec<(usize, IobProblem)> = file.faults.iter().map(|fault| (fault.line, fault.problem)).collect();
        let columns = IobProblem::Columns { expected: 2, found: 3 };
        assert_eq!(faults, [(6, columns), (9, IobProblem::NoWord), (11, IobProblem::NoTag)]);
    }

    #[test]
    fn columns_may_be_parted_by_spaces_and_the_tag_is_the_last() {
        let file = read_iob("U.N. NNP I-NP B-ORG\nofficial NN I-NP O\n".as_bytes()).expect("four columns");
        assert_eq!(file.sentences[0].tags, ["B-ORG", "O"]);
        assert!(matches!(read_iob("\n\n".as_bytes()), Err(ReadError::Empty { .. })));
        assert!(matches!(read_iob(&b"a\tO\n\xff\tO\n"[..]), Err(ReadError::Io { .. })));
    }

    #[test]
    fn any_scheme_is_written_as_bio() {
        let check = |tags: &str, expected: &str| {
            let tags: Vec<&str> = tags.split(' ').collect();
            assert_eq!(as_bio(&tags).join(" "), expected);
        };
        check("O B-A I-A O", "O B-A I-A O");
        check("B-A I-A E-A S-A O", "B-A I-A I-A B-A O");
        check("O I-A I-A I-B", "O B-A I-A B-B");
        assert_eq!(strays(&["O", "I-A", "I-A", "I-B", "B-B", "I-B"]), [1, 3]);
    }
}
