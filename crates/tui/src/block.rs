//! How does marked text become lines of pieces (pure)?

use std::ops::Range;

use crate::text::{Charset, clean, wrap};
use crate::theme::Role;

/// Text with marks, to be broken into lines.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    text: String,
    role: Role,
    /// In bytes of the text, without overlap, in order.
    marks: Vec<(Range<usize>, Role)>,
    /// Columns that stay free on the left.
    indent: usize,
}

/// A line as it is drawn: pieces of one look, cleaned.
pub(crate) type Laid = Vec<(String, Role)>;

impl Block {
    pub(crate) fn of(role: Role, text: impl Into<String>) -> Self {
        Self { text: text.into(), role, marks: Vec::new(), indent: 0 }
    }

    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::of(Role::Text, text)
    }

    pub(crate) fn gap() -> Self {
        Self::plain("")
    }

    /// The same with a part marked; a mark that lies not on whole characters, or in another one, is left out.
    pub(crate) fn marked(mut self, bytes: Range<usize>, role: Role) -> Self {
        let whole = self.text.get(bytes.clone()).is_some_and(|marked| !marked.is_empty());
        let free = self.marks.iter().all(|(other, _)| other.end <= bytes.start || bytes.end <= other.start);
        if whole && free {
            self.marks.push((bytes, role));
            self.marks.sort_by_key(|(bytes, _)| bytes.start);
        }
        self
    }

    pub(crate) fn indented(self, indent: usize) -> Self {
        Self { indent, ..self }
    }
}

/// The lines of `blocks` in `width` columns.
pub(crate) fn lay(blocks: &[Block], width: usize, charset: Charset) -> Vec<Laid> {
    let mut lines = Vec::new();
    for block in blocks {
        let indent = block.indent.min(width / 2);
        for line in wrap(&block.text, width.saturating_sub(indent), charset) {
            let mut laid = pieces(&block.text, line, (block.role, &block.marks), charset);
            if indent > 0 {
                laid.insert(0, (" ".repeat(indent), Role::Text));
            }
            lines.push(laid);
        }
    }
    lines
}

/// The pieces of one line of `text`.
pub(crate) fn pieces(
    text: &str,
    line: Range<usize>,
    (role, marks): (Role, &[(Range<usize>, Role)]),
    charset: Charset,
) -> Laid {
    let mut laid = Vec::new();
    let mut at = line.start;
    let mut push = |range: Range<usize>, role| {
        if let Some(text) = text.get(range).filter(|text| !text.is_empty()) {
            laid.push((clean(text, charset), role));
        }
    };
    for (bytes, marked) in marks {
        let (start, end) = (bytes.start.clamp(at, line.end), bytes.end.clamp(at, line.end));
        push(at..start, role);
        push(start..end, *marked);
        at = end;
    }
    push(at..line.end, role);
    laid
}

/// The first line that holds a mark of the role; the beginning if there is none.
pub(crate) fn first_with(lines: &[Laid], wanted: Role) -> usize {
    lines.iter().position(|line| line.iter().any(|(_, role)| *role == wanted)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_goes_on_over_a_break() {
        let block = Block::plain("one two three").marked(4..11, Role::Span).marked(0..5, Role::Match);
        let lines = lay(&[block.indented(1)], 8, Charset::Utf8);
        let piece = |text: &str, role| (text.to_owned(), role);
        assert_eq!(
            lines,
            [
                vec![piece(" ", Role::Text), piece("one ", Role::Text), piece("two", Role::Span)],
                vec![piece(" ", Role::Text), piece("thr", Role::Span), piece("ee", Role::Text)],
            ]
        );
        assert_eq!(first_with(&lines[1..], Role::Span), 0);
    }
}
