//! What does a Rust file say, with comments and strings and without?

use std::sync::OnceLock;

use super::{committed, read, root};

/// A Rust file of the repository.
pub(crate) struct Source {
    /// From the root, with `/`.
    pub(crate) path: String,
    /// As it stands.
    pub(crate) text: String,
    /// With every comment, string and character blanked, so that lines keep their numbers.
    pub(crate) code: String,
    /// How many lines stand before the tests; none if all of it is tests.
    pub(crate) production: usize,
}

/// Every Rust file, read once for all tests.
pub(crate) fn sources() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    let rust = |path: &String| path.rsplit_once('.').is_some_and(|(_, ending)| ending == "rs");
    SOURCES.get_or_init(|| committed().into_iter().filter(rust).map(open).collect())
}

impl Source {
    /// `path:line: the line`, for each line of the text that `wrong` holds for.
    pub(crate) fn anywhere(&self, mut wrong: impl FnMut(&str) -> bool) -> Vec<String> {
        let lines = self.text.lines().enumerate().filter(|(_, line)| wrong(line));
        lines.map(|(at, line)| place(&self.path, at, line)).collect()
    }

    /// The same for the code.
    pub(crate) fn in_code(&self, wrong: impl FnMut(&str) -> bool) -> Vec<String> {
        self.in_first(usize::MAX, wrong)
    }

    /// The same for the code before the tests.
    pub(crate) fn in_production(&self, wrong: impl FnMut(&str) -> bool) -> Vec<String> {
        self.in_first(self.production, wrong)
    }

    fn in_first(&self, count: usize, mut wrong: impl FnMut(&str) -> bool) -> Vec<String> {
        let lines = self.code.lines().zip(self.text.lines()).enumerate().take(count);
        lines.filter(|(_, (code, _))| wrong(code)).map(|(at, (_, line))| place(&self.path, at, line)).collect()
    }
}

/// `path:line: the line`; `at` counts from 0.
pub(crate) fn place(path: &str, at: usize, line: &str) -> String {
    format!("{path}:{}: {}", at + 1, line.trim())
}

/// Whether `line` names `word`: nothing of an identifier stands before it, no letter or digit after it (`candle_core`
/// names `candle`, `candlelight` does not).
pub(crate) fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let open = word.ends_with(|last: char| last.is_alphanumeric());
        let joined = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !joined && (!open || !after.is_some_and(char::is_alphanumeric))
    })
}

/// `text` with comments, strings and characters as blanks.
pub(crate) fn blanked(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = code.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let hidden = hidden(rest, in_word);
        let taken = if hidden == 0 { first.len_utf8() } else { hidden };
        let visible = |c: char| if hidden == 0 || c == '\n' { c } else { ' ' };
        code.extend(rest[..taken].chars().map(visible));
        rest = &rest[taken..];
    }
    code
}

/// How many bytes of comment, string or character `rest` begins with. A prefix (`r`, `b`) counts only where a word may
/// begin.
fn hidden(rest: &str, in_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block(rest);
    }
    let prefix = if in_word { 0 } else { rest.len() - rest.trim_start_matches(['b', 'c', 'r']).len() };
    let (head, body) = rest.split_at(prefix.min(2));
    let hashes = body.len() - body.trim_start_matches('#').len();
    if head.ends_with('r') && body[hashes..].starts_with('"') {
        let close = format!("\"{}", "#".repeat(hashes));
        let from = head.len() + hashes + 1;
        return rest[from..].find(&close).map_or(rest.len(), |at| from + at + close.len());
    }
    if body.starts_with('"') {
        return head.len() + quoted(body, '"');
    }
    // A quote that is no lifetime: an escape, or one character and the closing quote.
    let mut after = body.chars().skip(1);
    let (next, then) = (after.next(), after.next());
    let character = body.starts_with('\'') && (next == Some('\\') || then == Some('\''));
    if character { head.len() + quoted(body, '\'') } else { 0 }
}

/// The length of a block comment, which may hold others.
fn block(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest[at..];
        let (change, step) = match here {
            _ if here.starts_with("/*") => (1, 2),
            _ if here.starts_with("*/") => (-1, 2),
            _ => (0, here.chars().next().map_or(1, char::len_utf8)),
        };
        depth += change;
        at += step;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a literal between two `quote`s.
fn quoted(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    body.len()
}

fn open(path: String) -> Source {
    let text = read(&path);
    let code = blanked(&text);
    let production = if is_test(&path) { 0 } else { before_tests(&code) };
    Source { path, text, code, production }
}

/// Whether all of a file is tests: it lies in a folder of tests, or its parent declares it for tests only.
fn is_test(path: &str) -> bool {
    if path.split('/').any(|folder| matches!(folder, "tests" | "benches")) {
        return true;
    }
    let Some((folder, name)) = path.rsplit_once('/') else { return false };
    let stem = name.trim_end_matches(".rs");
    let declared = format!("#[cfg(test)]\nmod {stem};");
    let parents = [format!("{folder}/mod.rs"), format!("{folder}/lib.rs"), format!("{folder}.rs")];
    parents.iter().filter(|parent| root().join(parent).is_file()).any(|parent| read(parent).contains(&declared))
}

fn before_tests(code: &str) -> usize {
    let lines: Vec<&str> = code.lines().collect();
    let begins = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{');
    lines.windows(2).position(begins).unwrap_or(lines.len())
}

#[test]
fn blanking_leaves_the_code_alone() {
    let check = |text: &str, expected: &str| assert_eq!(blanked(text), expected, "{text}");
    check("a // b\nc", "a     \nc");
    check("a /* b /* c */ d */ e", "a                   e");
    check(r#"f("x \" // y", 'z', '\'', g::<'a>())"#, "f(           ,    ,     , g::<'a>())");
    check("r#\"a \" b\"# + br\"c\\\" + var", "           +        + var");
    check("\"é\n\" + '\"' + d", "  \n  +     + d");
}

#[test]
fn a_name_is_a_whole_word() {
    let check = |line: &str, word: &str, expected: bool| assert_eq!(names(line, word), expected, "{word} in {line}");
    check("use candle_core::Tensor;", "candle", true);
    check("by candlelight", "candle", false);
    check("eprint!(\"\")", "print!", false);
    check("print!(\"\")", "print!", true);
    check("std::env::var_os(name)", "env::var", true);
    check("my_env::variable", "env::var", false);
    check("self.offs::<T>()", "fs::", false);
}
