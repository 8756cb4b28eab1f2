//! Which pieces are addresses of the net: e-mail, pages, machines, files, handles?

use std::ops::Range;

use super::Kind;
use super::fold::{Gap, Token};
use super::page::Page;

/// Labels on either side of a spoken "at".
const MOST_LABELS: usize = 6;

pub(super) fn mark(page: &mut Page) {
    let mut at = 0;
    while at < page.len() {
        let end = page.chunk_end(at);
        glued(page, at..end);
        at = end;
    }
    for at in 0..page.len() {
        if page.is_free(at) {
            spoken(page, at);
        }
    }
}

/// Addresses written as they are: one chunk without blanks.
fn glued(page: &mut Page, chunk: Range<usize>) {
    if chunk.len() < 3 {
        return;
    }
    let first = page.text(chunk.start);
    let scheme = chunk.clone().find(|at| {
        matches!(page.text(*at), "http" | "https" | "hxxp" | "hxxps" | "ftp" | "sftp" | "www" | "ipfs")
            && (page.is_mark(at + 1, ':') || page.is_mark(at + 1, '.') || page.is_mark(at + 1, '['))
    });
    if let Some(scheme) = scheme {
        page.claim(scheme..trimmed(page, chunk), Kind::Url);
        return;
    }
    if let Some(sign) = chunk.clone().find(|at| page.is_mark(*at, '@')) {
        email_or_handle(page, chunk, sign);
        return;
    }
    if first == "/" && page.is_mark(chunk.start + 1, '/') && page.is_mark(chunk.start + 2, '/') {
        page.claim(chunk, Kind::Place);
        return;
    }
    if file(page, &chunk) || machine(page, &chunk) {
        return;
    }
    host(page, chunk);
}

/// The chunk without the marks that end a sentence or close a bracket.
fn trimmed(page: &Page, chunk: Range<usize>) -> usize {
    let mut end = chunk.end;
    while end > chunk.start && page.tokens[end - 1].mark().is_some_and(|mark| ".,;:!?)]}>'\"".contains(mark)) {
        end -= 1;
    }
    end
}

fn is_label(token: Option<&Token>) -> bool {
    token.is_some_and(|token| token.mark().is_none())
}

/// `local@host.tld`, or `@handle`.
fn email_or_handle(page: &mut Page, chunk: Range<usize>, sign: usize) {
    let end = trimmed(page, chunk.clone());
    if sign > chunk.start && is_label(page.before(sign, 1)) && is_label(page.token(sign + 1)) {
        let mut start = sign;
        while start > chunk.start {
            let part = &page.tokens[start - 1];
            if part.mark().is_some_and(|mark| !"._%+-=&'!#$/".contains(mark)) {
                break;
            }
            start -= 1;
        }
        let mut until = sign + 1;
        while until < end && page.tokens[until].mark().is_none_or(|mark| ".-_@".contains(mark)) {
            until += 1;
        }
        page.claim(start..until, Kind::Email);
    } else if is_label(page.token(sign + 1)) {
        page.claim(sign..end, Kind::Code);
    }
}

/// A file that may show a face or a letter: `IMG_2041.jpg`.
fn file(page: &mut Page, chunk: &Range<usize>) -> bool {
    let end = trimmed(page, chunk.clone());
    let Some(dot) = (chunk.start + 1..end).rfind(|at| page.is_mark(*at, '.')) else { return false };
    let ending: String = page.tokens[dot + 1..end].iter().map(|token| token.text.as_str()).collect();
    if !page.lexicon.is_sign("file", &ending) || ending == "raw" {
        return false;
    }
    page.claim(chunk.start..end, Kind::Photo);
    true
}

/// Addresses of machines: four numbers with dots, groups of hexadecimal digits with colons, a card's six pairs.
fn machine(page: &mut Page, chunk: &Range<usize>) -> bool {
    for at in chunk.clone() {
        if four_numbers(page, at, chunk.end) {
            let mut end = at + 7;
            if page.is_mark(end, ':') && page.token(end + 1).is_some_and(Token::is_digits) && end + 1 < chunk.end {
                end += 2;
            }
            // "::ffff:192.0.2.128"
            let start = if page.is_mark(chunk.start, ':') { chunk.start } else { at };
            page.claim(start..end, Kind::Ip);
            return true;
        }
    }
    let end = trimmed(page, chunk.clone());
    let hexadecimal = |token: &Token| token.mark().is_some() || token.text.bytes().all(|c| c.is_ascii_hexdigit());
    let start = (chunk.start..end)
        .find(|at| hexadecimal(&page.tokens[*at]) && page.tokens[*at].mark().is_none_or(|c| c == ':'));
    let Some(start) = start else { return false };
    let stop = (start..end).find(|at| {
        let token = &page.tokens[*at];
        !hexadecimal(token) || token.mark().is_some_and(|mark| !":.-".contains(mark))
    });
    let stop = stop.unwrap_or(end);
    let text: String = page.tokens[start..stop].iter().map(|token| token.text.as_str()).collect();
    if is_ip6(&text) || is_card(&text) {
        page.claim(start..stop, Kind::Ip);
        return true;
    }
    false
}

fn four_numbers(page: &Page, at: usize, end: usize) -> bool {
    let small = |at: usize| page.token(at).is_some_and(|t| t.text.len() <= 3 && t.value().is_some_and(|v| v < 256));
    let dot = |at: usize| page.is_mark(at, '.') && page.gap(at) == Gap::None;
    let longer = dot(at + 7) && at + 8 < end && page.tokens[at + 8].is_digits();
    at + 7 <= end && (0..4).all(|n| small(at + 2 * n)) && (0..3).all(|n| dot(at + 2 * n + 1)) && !longer
}

fn is_ip6(text: &str) -> bool {
    let groups: Vec<&str> = text.split(':').collect();
    let short = groups.iter().all(|group| group.len() <= 4 && group.bytes().all(|c| c.is_ascii_hexdigit()));
    let given = groups.iter().filter(|group| !group.is_empty()).count();
    short && (groups.len() == 8 && given == 8 || text.contains("::") && given >= 2 && groups.len() <= 8)
}

fn is_card(text: &str) -> bool {
    let pairs = |sign| text.split(sign).count() == 6 && text.split(sign).all(|pair| pair.len() == 2);
    let fours = text.split('.').count() == 3 && text.split('.').all(|four| four.len() == 4);
    let mixed = text.bytes().any(|c| c.is_ascii_alphabetic());
    pairs(':') || pairs('-') && mixed || fours && mixed
}

/// `name.tld/path`, without a scheme.
fn host(page: &mut Page, chunk: Range<usize>) {
    let end = trimmed(page, chunk.clone());
    for dot in chunk.start + 1..end {
        if !page.is_mark(dot, '.') || !is_label(page.before(dot, 1)) || !is_label(page.token(dot + 1)) {
            continue;
        }
        let last = page.token(dot + 2).filter(|_| dot + 2 < end).and_then(Token::mark);
        let tld = page.is_sign("tld", dot + 1) && page.tokens[dot + 1].is_word();
        // "pain.It" is a missing blank; "my-site.it/me" is none.
        let word = page.is_sign("tld-word", dot + 1) && last != Some('/');
        let lower = page.tokens[dot + 1].text.len() >= 2 && page.tokens[dot - 1].text.len() >= 2;
        if tld && !word && lower && last.is_none_or(|mark| "/?:.#".contains(mark)) {
            page.claim(chunk.start..end, Kind::Url);
            return;
        }
    }
}

/// "john dot smith at example dot com", "www dot example dot org".
fn spoken(page: &mut Page, at: usize) {
    let text = page.text(at);
    if matches!(text, "www" | "website" | "site" | "webpage") {
        let from = if text == "www" { at + 1 } else { at + usize::from(page.text(at + 1) == "is") + 1 };
        let head = if text == "www" { joiner(page, from).map(|dot| dot.end) } else { Some(from) };
        if let Some(end) = head.and_then(|from| domain(page, from)) {
            page.claim(at + usize::from(text != "www")..end, Kind::Url);
        }
        return;
    }
    if let Some(sign) = at_sign(page, at)
        && let Some(end) = domain(page, sign.end)
        && let Some(start) = local(page, sign.start)
    {
        page.claim(start..end, Kind::Email);
        return;
    }
    // "example dot com" by itself.
    let dot = page.text(at + 1) == "dot";
    if dot && page.tokens[at].mark().is_none() && matches!(page.text(at + 2), "com" | "org" | "net" | "co" | "uk") {
        let end = domain(page, at).unwrap_or(at + 3);
        page.claim(at..end, Kind::Url);
    }
}

/// "at", "(at)", "[at]", or a sign with blanks around it.
fn at_sign(page: &Page, at: usize) -> Option<Range<usize>> {
    if page.text(at) == "at" || page.is_mark(at, '@') {
        return Some(at..at + 1);
    }
    bracketed(page, at, "at")
}

/// "dot", "(dot)", "[.]", or the mark itself.
fn joiner(page: &Page, at: usize) -> Option<Range<usize>> {
    if page.text(at) == "dot" || page.is_mark(at, '.') && page.gap(at + 1) != Gap::Line {
        return Some(at..at + 1);
    }
    bracketed(page, at, "dot").or_else(|| bracketed(page, at, "."))
}

fn bracketed(page: &Page, at: usize, word: &str) -> Option<Range<usize>> {
    let open = page.token(at)?.mark().is_some_and(|mark| "([{<".contains(mark));
    let close = page.token(at + 2)?.mark().is_some_and(|mark| ")]}>".contains(mark));
    (open && close && page.text(at + 1) == word).then_some(at..at + 3)
}

/// Labels with dots between them, the last a domain that exists; where they end.
fn domain(page: &Page, from: usize) -> Option<usize> {
    let mut at = label(page, from)?;
    let (mut dots, mut end) = (0, None);
    while dots < MOST_LABELS {
        let Some(dot) = joiner(page, at) else { break };
        let Some(next) = label(page, dot.end) else { break };
        dots += 1;
        let said = page.text(dot.start) == "dot" || dot.len() > 1;
        let ends = page.is_sign("tld", dot.end) && (said || !page.is_sign("tld-word", dot.end));
        at = next;
        if ends {
            end = Some(at);
        }
    }
    end
}

/// One label: words and digits that are glued, with a hyphen or underscore between them.
fn label(page: &Page, from: usize) -> Option<usize> {
    if page.token(from)?.mark().is_some() || !page.is_free(from) {
        return None;
    }
    let mut end = from + 1;
    while page.gap(end) == Gap::None && end < page.len() {
        let joins = page.is_mark(end, '-') || page.is_mark(end, '_');
        if !joins && page.tokens[end].mark().is_some() {
            break;
        }
        end += 1;
    }
    Some(end)
}

/// Where the part before the sign begins.
fn local(page: &Page, sign: usize) -> Option<usize> {
    let mut start = sign.checked_sub(1).filter(|at| page.is_free(*at) && page.tokens[*at].mark().is_none())?;
    for _ in 0..MOST_LABELS {
        let glued = start > 0 && page.gap(start) == Gap::None && page.is_free(start - 1);
        if glued && page.tokens[start - 1].mark().is_none_or(|mark| "._-+".contains(mark)) {
            start -= 1;
            continue;
        }
        let Some(before) = start.checked_sub(1) else { break };
        let joins = matches!(page.text(before), "dot" | "underscore" | "dash" | "hyphen" | "." | "_" | "-");
        if joins && before > 0 && page.tokens[before - 1].mark().is_none() {
            start = before - 1;
        } else if page.tokens[start].is_digits()
            && page.tokens[before].is_word()
            && !page.lexicon.is_sign("filler", page.text(before))
        {
            start = before;
        } else {
            break;
        }
    }
    Some(start)
}
