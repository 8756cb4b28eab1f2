//! Which paragraphs and headings do the words on the pages make?

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use super::text::Run;
use crate::clean::clean_paragraph;
use crate::outline::Outline;
use crate::sentence::list_marker;

/// Letters this much larger than the usual ones make a heading, if the line is no longer than this.
const HEADING_SIZE: f32 = 1.12;
const HEADING_CHARS: usize = 200;
/// Lines at the top and at the foot of a page that may be its header and its footer.
const EDGE_LINES: usize = 3;
/// Words further apart than so many times their size stand in two columns of a table.
const WIDE_GAP: f32 = 1.5;
/// Lines further apart than so many times the usual distance are two paragraphs.
const PARAGRAPH_GAP: f32 = 1.35;
/// Lines begin at the same place if they do so within this, in points.
const STEP: f32 = 6.0;

/// A line on a page.
#[derive(Debug, Clone)]
struct Line {
    page: usize,
    x: f32,
    end: f32,
    y: f32,
    size: f32,
    bold: bool,
    /// Whether words stand far apart in it, as in the row of a table.
    wide: bool,
    text: String,
}

/// A document that was put together again.
pub(super) struct Laid {
    /// The largest text of the first page, if it is larger than the rest.
    pub(super) title: Option<String>,
    /// The text under its headings.
    pub(super) outline: Outline,
    /// Where each page begins, in bytes of the text.
    pub(super) page_starts: Vec<usize>,
}

/// Puts the runs of all pages together; `title` is what the file calls itself. Once it is `late`, what is missing stays out.
pub(super) fn lay(pages: Vec<Vec<Run>>, title: Option<&str>, late: &AtomicBool) -> Laid {
    let count = pages.len();
    let on_time = || !late.load(Ordering::Relaxed);
    let pages = pages.into_iter().enumerate().take_while(|_| on_time());
    let mut lines: Vec<Line> = pages.flat_map(|(page, runs)| lines(page, runs)).collect();
    drop_edges(&mut lines, count);
    let usual = Usual::of(&lines);
    let largest = largest_on_first_page(&lines, usual.size);
    let mut writer = Writer::new(count, words(&lines));
    let skip = title.map(str::to_owned).or_else(|| largest.clone()).map(|title| title.to_lowercase());
    for block in blocks(&lines, &usual).into_iter().take_while(|_| on_time()) {
        writer.write(&block, &usual, skip.as_deref());
    }
    writer.begin_pages(count);
    Laid { title: largest, outline: writer.outline, page_starts: writer.page_starts }
}

/// Runs on one base line, left to right, become a line.
fn lines(page: usize, runs: Vec<Run>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for run in runs {
        let text = letters(&run.text);
        match lines.last_mut() {
            Some(line) if (line.y - run.y).abs() < 0.45 * line.size.max(run.size) && run.x > line.end - line.size => {
                let gap = run.x - line.end;
                let apart = gap > 0.15 * line.size && !line.text.ends_with(' ') && !text.starts_with(' ');
                if apart {
                    line.text.push(' ');
                }
                line.text.push_str(&text);
                line.wide |= gap > WIDE_GAP * line.size;
                line.end = run.end.max(line.end);
                line.bold &= run.bold || text.trim().is_empty();
                if run.size > line.size {
                    (line.size, line.y) = (run.size, run.y);
                }
            }
            _ => lines.push(Line {
                page,
                x: run.x,
                end: run.end,
                y: run.y,
                size: run.size,
                bold: run.bold,
                wide: false,
                text,
            }),
        }
    }
    for line in &mut lines {
        line.text = clean_paragraph(&line.text);
    }
    lines.retain(|line| !line.text.is_empty());
    lines
}

/// Ligatures become the letters that they join.
fn letters(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len()), |mut letters, c| {
        match c {
            'ﬀ' => letters.push_str("ff"),
            'ﬁ' => letters.push_str("fi"),
            'ﬂ' => letters.push_str("fl"),
            'ﬃ' => letters.push_str("ffi"),
            'ﬄ' => letters.push_str("ffl"),
            'ﬅ' | 'ﬆ' => letters.push_str("st"),
            '\u{f0b7}' | '\u{f0a7}' | '●' | '▪' | '■' => letters.push('•'),
            _ => letters.push(c),
        }
        letters
    })
}

/// Drops what the edges of pages repeat, and bare page numbers there.
fn drop_edges(lines: &mut Vec<Line>, pages: usize) {
    let mut edges = HashSet::new();
    let mut start = 0;
    for page in lines.chunk_by(|one, next| one.page == next.page) {
        let mut order: Vec<usize> = (0..page.len()).collect();
        order.sort_by(|one, next| page[*next].y.total_cmp(&page[*one].y));
        let edge = order.iter().take(EDGE_LINES).chain(order.iter().rev().take(EDGE_LINES));
        edges.extend(edge.map(|index| start + index));
        start += page.len();
    }
    let mut seen: HashMap<String, HashSet<usize>> = HashMap::new();
    for &index in &edges {
        seen.entry(pattern(&lines[index])).or_default().insert(lines[index].page);
    }
    let often = (pages / 3).clamp(2, 4);
    let mut index = 0;
    lines.retain(|line| {
        index += 1;
        let repeats = || seen.get(&pattern(line)).is_some_and(|pages| pages.len() >= often);
        !(edges.contains(&(index - 1)) && (is_page_number(&line.text) && pages > 1 || repeats()))
    });
}

/// A line with its numbers blotted out, and how high it stands.
fn pattern(line: &Line) -> String {
    let text: String = line.text.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
    format!("{:.0} {}", line.y / 4.0, text.replace("##", "#").replace("##", "#"))
}

/// `12`, `- 12 -`, `Page 3 of 10`.
fn is_page_number(text: &str) -> bool {
    let rest = text.to_lowercase().replace("page", "").replace("of", "");
    rest.chars().any(|c| c.is_ascii_digit())
        && rest.chars().all(|c| c.is_ascii_digit() || " -–—|/.".contains(c))
        && rest.len() < 16
}

/// What most lines are like.
struct Usual {
    size: f32,
    pitch: f32,
    bold: bool,
    /// How far lines reach that begin so far to the right, in steps of [`STEP`].
    reach: HashMap<i64, f32>,
}

impl Usual {
    fn of(lines: &[Line]) -> Self {
        let most = |values: &mut dyn Iterator<Item = (i64, usize)>| {
            let mut weights: HashMap<i64, usize> = HashMap::new();
            values.for_each(|(value, weight)| *weights.entry(value).or_default() += weight);
            weights.into_iter().max_by_key(|(value, weight)| (*weight, -*value)).map_or(0, |(value, _)| value)
        };
        let size = most(&mut lines.iter().map(|line| ((line.size * 10.0) as i64, line.text.len()))) as f32 / 10.0;
        let pitches = lines.windows(2).filter(|pair| pair[0].page == pair[1].page && pair[0].y > pair[1].y);
        let pitch = most(&mut pitches.map(|pair| (((pair[0].y - pair[1].y) * 2.0).round() as i64, 1))) as f32 / 2.0;
        let bold = lines.iter().filter(|line| line.bold).count() * 2 > lines.len();
        let mut reach: HashMap<i64, f32> = HashMap::new();
        for line in lines {
            let far = reach.entry(step(line.x)).or_default();
            *far = far.max(line.end);
        }
        Self { reach, size: size.max(1.0), pitch: pitch.clamp(size, size * 2.5).max(1.0), bold }
    }

    /// Whether the first word of `next` would have found room behind `line`: then the line was broken on purpose.
    fn breaks(&self, line: &Line, next: &Line) -> bool {
        let word = next.text.split(' ').next().unwrap_or_default().chars().count() as f32;
        let letter = (line.end - line.x) / line.text.chars().count().max(1) as f32;
        let far = self.reach.get(&step(line.x)).copied().unwrap_or(0.0);
        !next.text.starts_with(char::is_lowercase)
            && !line.text.ends_with('-')
            && far - line.end > (word + 3.0) * letter
    }

    fn is_heading(&self, block: &[&Line]) -> bool {
        let chars: usize = block.iter().map(|line| line.text.len()).sum();
        let text = &block[block.len() - 1].text;
        let larger = !block[0].wide && block[0].size > self.size * HEADING_SIZE;
        let bold =
            !self.bold && !block[0].wide && block.iter().all(|line| line.bold) && block[0].size > self.size * 0.95;
        let speaks = block[0].text.chars().any(char::is_alphabetic);
        chars <= HEADING_CHARS
            && speaks
            && (larger || bold && chars <= HEADING_CHARS / 2 && !text.ends_with(['.', ',', ';']))
    }

    /// 1 for the largest letters, deeper for smaller ones.
    fn level(&self, line: &Line) -> u8 {
        match line.size / self.size {
            ratio if ratio > 1.7 => 1,
            ratio if ratio > 1.35 => 2,
            ratio if ratio > HEADING_SIZE => 3,
            _ => 4,
        }
    }
}

fn step(x: f32) -> i64 {
    (x / STEP).round() as i64
}

fn largest_on_first_page(lines: &[Line], usual: f32) -> Option<String> {
    let first: Vec<&Line> = lines.iter().take_while(|line| line.page == 0).collect();
    let largest = first.iter().map(|line| line.size).fold(0.0, f32::max);
    if largest < usual * HEADING_SIZE {
        return None;
    }
    let mut title =
        first.iter().skip_while(|line| line.size < largest * 0.97).take_while(|line| line.size >= largest * 0.97);
    let title = title.by_ref().map(|line| line.text.as_str()).collect::<Vec<_>>().join(" ");
    (title.len() <= HEADING_CHARS && title.chars().filter(|c| c.is_alphabetic()).count() > 3).then_some(title)
}

/// Lines that belong together.
fn blocks<'a>(lines: &'a [Line], usual: &Usual) -> Vec<Vec<&'a Line>> {
    let mut blocks: Vec<Vec<&Line>> = Vec::new();
    for line in lines {
        match blocks.last_mut() {
            Some(block) if continues(block, line, usual) => block.push(line),
            _ => blocks.push(vec![line]),
        }
    }
    blocks
}

fn continues(block: &[&Line], line: &Line, usual: &Usual) -> bool {
    let last = block[block.len() - 1];
    let same_style =
        (last.size - line.size).abs() < 0.08 * last.size && (last.bold == line.bold || last.bold && block.len() > 1);
    let is_row = last.wide && line.wide || !usual.is_heading(&[last]) && usual.breaks(last, line);
    if !same_style || is_row || list_marker(&line.text) > 0 {
        return false;
    }
    let heading = usual.is_heading(&[last]);
    let ended = last.text.ends_with(['.', '!', '?', ':']);
    let down = last.y - line.y;
    if last.page == line.page && down > 0.0 {
        let pitch = if heading { last.size * 1.3 } else { usual.pitch };
        let indented = line.x > last.x + last.size && ended && list_marker(&block[0].text) == 0;
        return down <= pitch * PARAGRAPH_GAP && !indented;
    }
    // The next column or page goes on with a sentence that is not at its end.
    !heading && !ended && line.text.starts_with(|c: char| c.is_lowercase() || c.is_ascii_digit())
}

/// All words, to know a hyphen that belongs to a word from one that cut it.
fn words(lines: &[Line]) -> HashSet<String> {
    let all = lines.iter().flat_map(|line| line.text.split(|c: char| !c.is_alphanumeric() && c != '-'));
    all.filter(|word| !word.is_empty() && !word.ends_with('-')).map(str::to_lowercase).collect()
}

struct Writer {
    outline: Outline,
    page_starts: Vec<usize>,
    pages: usize,
    words: HashSet<String>,
}

impl Writer {
    fn new(pages: usize, words: HashSet<String>) -> Self {
        Self { outline: Outline::default(), page_starts: Vec::with_capacity(pages), pages, words }
    }

    /// Pages up to `page`, from 1, begin here if they have not begun.
    fn begin_pages(&mut self, page: usize) {
        let here = self.outline.body.len();
        while self.page_starts.len() < page.min(self.pages) {
            self.page_starts.push(here);
        }
    }

    fn write(&mut self, block: &[&Line], usual: &Usual, title: Option<&str>) {
        self.begin_pages(block[0].page + 1);
        let (text, turns) = self.join(block);
        if usual.is_heading(block) {
            if title != Some(text.to_lowercase().as_str()) {
                self.outline.heading(usual.level(block[0]), &text);
            }
            return;
        }
        let marker = list_marker(&text);
        let body = &text[marker..];
        match text[..marker].trim() {
            "" => self.outline.body.paragraph(&text),
            number if number.ends_with(['.', ')']) => self.outline.body.marked(number, body),
            _ => self.outline.body.item(body),
        }
        let start = self.outline.body.len().saturating_sub(text.len());
        for (page, at) in turns {
            while self.page_starts.len() < page {
                self.page_starts.push(start + at);
            }
        }
    }

    /// The lines as one, and where in it the pages turn.
    fn join(&self, block: &[&Line]) -> (String, Vec<(usize, usize)>) {
        let mut text = String::new();
        let mut turns = Vec::new();
        let mut page = block[0].page;
        for line in block {
            if !text.is_empty() && !self.mend(&mut text, &line.text) {
                text.push(' ');
            }
            if line.page != page {
                page = line.page;
                turns.push((page, text.len().saturating_sub(1)));
                turns.push((page + 1, text.len()));
            }
            text.push_str(&line.text);
        }
        (text, turns)
    }

    /// Whether a word runs on from the end of `text` into `next`; its hyphen goes, unless the word is written with it.
    fn mend(&self, text: &mut String, next: &str) -> bool {
        let head: String =
            text.trim_end_matches('-').chars().rev().take_while(|c| c.is_alphanumeric() || *c == '-').collect();
        let tail: String = next.chars().take_while(|c| c.is_alphanumeric()).collect();
        if !text.ends_with('-') || head.is_empty() || !next.starts_with(char::is_lowercase) {
            return false;
        }
        let head: String = head.chars().rev().collect();
        let [whole, parted] = [format!("{head}{tail}"), format!("{head}-{tail}")].map(|word| word.to_lowercase());
        if self.words.contains(&whole) || !self.words.contains(&parted) {
            text.pop();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(x: f32, y: f32, size: f32, text: &str) -> Run {
        Run { x, end: x + size * 0.5 * text.len() as f32, y, size, bold: false, text: text.to_owned() }
    }

    #[test]
    fn runs_become_paragraphs_under_headings_with_their_pages() {
        let page = |number: usize| {
            let mut runs =
                vec![run(50.0, 800.0, 8.0, "Care of the ankle"), run(300.0, 30.0, 8.0, &format!("Page {number} of 4"))];
            runs.extend(match number {
                1 => vec![
                    run(50.0, 750.0, 20.0, "Sprained ankle"),
                    run(50.0, 700.0, 14.0, "What it is"),
                    run(50.0, 680.0, 10.0, "A sprain is a stretched liga-"),
                    run(50.0, 668.0, 10.0, "ment. Long-"),
                    run(50.0, 656.0, 10.0, "term harm is rare. A ligament heals, and long-term"),
                    run(50.0, 644.0, 10.0, "rest is not"),
                ],
                2 => vec![
                    run(50.0, 750.0, 10.0, "needed."),
                    run(50.0, 730.0, 10.0, "• Cool it"),
                    run(50.0, 718.0, 10.0, "2. Raise it"),
                ],
                _ => vec![run(50.0, 700.0, 10.0, &format!("More words on page {}.", "x".repeat(number)))],
            });
            runs
        };
        let laid = lay((1..=4).map(page).collect(), None, &AtomicBool::new(false));
        assert_eq!(laid.title.as_deref(), Some("Sprained ankle"));
        let (text, sections) = laid.outline.finish();
        assert_eq!(
            text,
            "What it is\n\nA sprain is a stretched ligament. Long-term harm is rare. A ligament heals, and long-term rest is not \
             needed.\n\n- Cool it\n2. Raise it\n\nMore words on page xxx.\n\nMore words on page xxxx."
        );
        assert_eq!(sections[0].heading, "What it is");
        let place = clinqa_schema::SourceLocator { page_starts: laid.page_starts, ..Default::default() };
        let page_of = |words: &str| place.page_of(text.find(words).expect("the words"));
        assert_eq!(page_of("rest is not"), Some(1));
        assert_eq!(page_of("needed"), Some(2));
        assert_eq!(page_of("Raise"), Some(2));
        assert_eq!(page_of("More words on page xxx."), Some(3));
        assert_eq!(page_of("More words on page xxxx"), Some(4));
    }

    #[test]
    fn page_numbers_are_told_from_text() {
        for text in ["12", "- 12 -", "Page 3 of 10", "3/10"] {
            assert!(is_page_number(text), "{text}");
        }
        for text in ["12 mg", "of", "Take 3 of 10"] {
            assert!(!is_page_number(text), "{text}");
        }
    }
}
