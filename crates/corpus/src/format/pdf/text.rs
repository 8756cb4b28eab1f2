//! Which words stand where on a page of a PDF?

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use lopdf::content::Content;
use lopdf::{Dictionary, Document, Encoding, Object, ObjectId};

use super::loading::has_long_operation;

/// Largest content of a page, unpacked: pages of text have some kilobytes, drawn maps some megabytes.
const MAX_CONTENT_BYTES: usize = 16 << 20;
/// Most bytes between two operators. Each number among them takes a hundred bytes of memory.
const MAX_OPERANDS_BYTES: usize = 512 << 10;
/// Largest table of characters of a font, unpacked.
const MAX_CMAP_BYTES: usize = 4 << 20;
/// Forms in forms.
const MAX_FORM_DEPTH: usize = 6;
/// Operations of a page with all its forms: a form of forms of forms is small and draws for ever.
const MAX_OPERATIONS: usize = 4_000_000;
/// Graphics states that are kept.
const MAX_STATES: usize = 256;
/// The width of a character that has none, and of a space where words are set apart, in thousandths of the size.
const USUAL_WIDTH: f32 = 500.0;
const WORD_GAP: f32 = 0.17;

/// A stretch of text that was set in one go, in points from the lower left corner.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    /// Where it begins.
    pub(super) x: f32,
    /// Where it ends.
    pub(super) end: f32,
    /// Its base line.
    pub(super) y: f32,
    /// The size of its letters.
    pub(super) size: f32,
    /// Whether they are bold.
    pub(super) bold: bool,
    /// What it says.
    pub(super) text: String,
}

/// What one page shows.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Its text, in the order in which it was set.
    pub(super) runs: Vec<Run>,
    /// Whether it shows pictures.
    pub(super) pictures: bool,
}

/// What `page` of `document` shows, up to where it is `late`. What cannot be understood is left out.
pub(super) fn shown(document: &Document, page: ObjectId, late: &AtomicBool) -> Shown {
    let mut setter = Setter { document, shown: Shown::default(), operations: 0, late };
    let Ok(content) = document.get_page_content_with_limit(page, MAX_CONTENT_BYTES) else { return setter.shown };
    let mut resources = Vec::new();
    if let Ok((own, inherited)) = document.get_page_resources(page) {
        resources.extend(own);
        resources.extend(inherited.iter().filter_map(|id| document.get_dictionary(*id).ok()));
    }
    setter.run(&content, &resources, Matrix::ONE, 0);
    setter.shown
}

/// A place, a turn and a scale: `[a b 0; c d 0; e f 1]`.
#[derive(Debug, Clone, Copy)]
struct Matrix([f32; 6]);

impl Matrix {
    const ONE: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    fn of(operands: &[Object]) -> Option<Self> {
        let mut values = [0.0; 6];
        for (value, operand) in values.iter_mut().zip(operands.get(..6)?) {
            *value = operand.as_float().ok()?;
        }
        Some(Self(values))
    }

    fn shift(x: f32, y: f32) -> Self {
        Self([1.0, 0.0, 0.0, 1.0, x, y])
    }

    /// First `self`, then `next`.
    fn then(self, next: Self) -> Self {
        let (first, second) = (self.0, next.0);
        let at = |row: usize, column: usize| first[row] * second[column] + first[row + 1] * second[column + 2];
        Self([at(0, 0), at(0, 1), at(2, 0), at(2, 1), at(4, 0) + second[4], at(4, 1) + second[5]])
    }
}

/// How characters of a font are read and how wide they are.
struct Font<'a> {
    names: Option<Encoding<'static>>,
    encoding: Option<Encoding<'a>>,
    code_bytes: usize,
    widths: HashMap<u32, f32>,
    usual: f32,
    bold: bool,
    known: HashMap<u32, String>,
}

/// What `q` keeps and `Q` brings back.
#[derive(Clone)]
struct State {
    place: Matrix,
    font: Vec<u8>,
    size: f32,
    letter_gap: f32,
    word_gap: f32,
    scale: f32,
    leading: f32,
}

struct Setter<'a> {
    document: &'a Document,
    shown: Shown,
    operations: usize,
    late: &'a AtomicBool,
}

impl<'a> Setter<'a> {
    fn run(&mut self, content: &[u8], resources: &[&'a Dictionary], place: Matrix, depth: usize) {
        let mut fonts: HashMap<Vec<u8>, Option<Font<'a>>> = HashMap::new();
        let start =
            State { place, font: Vec::new(), size: 0.0, letter_gap: 0.0, word_gap: 0.0, scale: 1.0, leading: 0.0 };
        let (mut state, mut kept) = (start, Vec::new());
        let (mut line, mut at) = (Matrix::ONE, Matrix::ONE);
        if has_long_operation(content, MAX_OPERANDS_BYTES) {
            return;
        }
        for operation in Content::decode_iter(content) {
            let Ok(operation) = operation else { break };
            self.operations += 1;
            if self.operations > MAX_OPERATIONS || self.late.load(Ordering::Relaxed) {
                break;
            }
            let operands = operation.operands.as_slice();
            let number = |index: usize| operands.get(index).and_then(|operand| operand.as_float().ok()).unwrap_or(0.0);
            match operation.operator.as_str() {
                "q" if kept.len() < MAX_STATES => kept.push(state.clone()),
                "Q" => state = kept.pop().unwrap_or(state),
                "cm" => state.place = Matrix::of(operands).unwrap_or(Matrix::ONE).then(state.place),
                "BT" => (line, at) = (Matrix::ONE, Matrix::ONE),
                "Tf" => {
                    state.font = operands.first().and_then(|name| name.as_name().ok()).unwrap_or_default().to_vec();
                    state.size = number(1);
                }
                "Tc" => state.letter_gap = number(0),
                "Tw" => state.word_gap = number(0),
                "Tz" => state.scale = number(0) / 100.0,
                "TL" => state.leading = number(0),
                "Tm" => {
                    line = Matrix::of(operands).unwrap_or(line);
                    at = line;
                }
                "Td" | "TD" => {
                    if operation.operator == "TD" {
                        state.leading = -number(1);
                    }
                    line = Matrix::shift(number(0), number(1)).then(line);
                    at = line;
                }
                "T*" | "'" | "\"" => {
                    line = Matrix::shift(0.0, -state.leading).then(line);
                    at = line;
                    if let (false, Some(shown)) = (operation.operator == "T*", operands.last()) {
                        self.set(std::slice::from_ref(shown), &state, &mut at, resources, &mut fonts);
                    }
                }
                "Tj" => self.set(operands, &state, &mut at, resources, &mut fonts),
                "TJ" => {
                    let pieces = operands.first().and_then(|array| array.as_array().ok());
                    self.set(pieces.map_or(&[], Vec::as_slice), &state, &mut at, resources, &mut fonts);
                }
                "BI" => self.shown.pictures = true,
                "Do" => {
                    let name = operands.first().and_then(|name| name.as_name().ok()).unwrap_or_default();
                    self.draw(name, resources, state.place, depth);
                }
                _ => {}
            }
        }
    }

    /// Sets text piece by piece; numbers between the pieces move it, far ones part words.
    fn set(
        &mut self,
        pieces: &[Object],
        state: &State,
        at: &mut Matrix,
        resources: &[&'a Dictionary],
        fonts: &mut HashMap<Vec<u8>, Option<Font<'a>>>,
    ) {
        let (document, late) = (self.document, self.late);
        let font = fonts.entry(state.font.clone()).or_insert_with(|| font(document, &state.font, resources, late));
        let begin = at.then(state.place).0;
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Object::String(codes, _) => text.push_str(&show(codes, font.as_mut(), state, at)),
                other => {
                    let gap = -other.as_float().unwrap_or(0.0) / 1_000.0;
                    if gap > WORD_GAP && !text.ends_with(' ') {
                        text.push(' ');
                    }
                    *at = Matrix::shift(gap * state.size * state.scale, 0.0).then(*at);
                }
            }
        }
        let size = state.size.abs() * begin[2].hypot(begin[3]);
        let is_level = begin[1].abs() <= 0.1 * begin[0].abs();
        if text.trim().is_empty() || !is_level || !size.is_finite() {
            return;
        }
        let end = at.then(state.place).0[4];
        let bold = font.as_ref().is_some_and(|font| font.bold);
        self.shown.runs.push(Run { x: begin[4], end, y: begin[5], size, bold, text });
    }

    /// A form is drawn as if its content stood here; anything else that is drawn is a picture.
    fn draw(&mut self, name: &[u8], resources: &[&'a Dictionary], place: Matrix, depth: usize) {
        let found = resources.iter().find_map(|resources| {
            let forms = resources.get_deref(b"XObject", self.document).ok()?.as_dict().ok()?;
            forms.get_deref(name, self.document).ok()?.as_stream().ok()
        });
        let Some(form) = found else { return };
        if form.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|kind| kind != b"Form") {
            self.shown.pictures = true;
            return;
        }
        if depth >= MAX_FORM_DEPTH {
            return;
        }
        let Ok(content) = form.decompressed_content_with_limit(MAX_CONTENT_BYTES) else { return };
        let matrix = form.dict.get(b"Matrix").and_then(Object::as_array).ok().and_then(|array| Matrix::of(array));
        let own = form.dict.get_deref(b"Resources", self.document).and_then(Object::as_dict).ok();
        let resources: Vec<&Dictionary> = own.into_iter().chain(resources.iter().copied()).collect();
        self.run(&content, &resources, matrix.unwrap_or(Matrix::ONE).then(place), depth + 1);
    }
}

/// The text of `codes`; moves on behind it.
fn show(codes: &[u8], font: Option<&mut Font<'_>>, state: &State, at: &mut Matrix) -> String {
    let mut text = String::new();
    let Some(font) = font else { return text };
    let mut width = 0.0;
    for code in codes.chunks(font.code_bytes) {
        let number = code.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        let letter = font.usual_width(number) / 1_000.0 * state.size;
        let word = if code == b" " { state.word_gap } else { 0.0 };
        width += (letter + state.letter_gap + word) * state.scale;
        let (names, encoding) = (&font.names, &font.encoding);
        text.push_str(font.known.entry(number).or_insert_with(|| {
            let read = |encoding: &Encoding<'_>| encoding.bytes_to_string(code).ok();
            let by_table = names.as_ref().and_then(read).filter(|text| !text.is_empty() && !text.contains('\u{fffd}'));
            by_table.or_else(|| encoding.as_ref().and_then(read)).unwrap_or_default()
        }));
    }
    *at = Matrix::shift(width, 0.0).then(*at);
    text
}

impl Font<'_> {
    fn usual_width(&self, code: u32) -> f32 {
        self.widths.get(&code).copied().unwrap_or(self.usual)
    }
}

fn font<'a>(document: &'a Document, name: &[u8], resources: &[&'a Dictionary], late: &AtomicBool) -> Option<Font<'a>> {
    let dictionary = resources.iter().find_map(|resources| {
        let fonts = resources.get_deref(b"Font", document).ok()?.as_dict().ok()?;
        fonts.get_deref(name, document).ok()?.as_dict().ok()
    })?;
    // Without its `Encoding`, lopdf reads the font by its table of characters, which is right where there is one.
    let mut bare = dictionary.clone();
    bare.remove(b"Encoding");
    let names = match bare.get_font_encoding_with_limit(document, MAX_CMAP_BYTES) {
        Ok(Encoding::UnicodeMapEncoding(map)) => Some(Encoding::UnicodeMapEncoding(map)),
        _ => None,
    };
    let composed = dictionary.get(b"Subtype").and_then(Object::as_name).is_ok_and(|kind| kind == b"Type0");
    let face = dictionary.get(b"BaseFont").and_then(Object::as_name).unwrap_or_default().to_ascii_lowercase();
    let bold =
        [b"bold".as_slice(), b"black", b"heavy"].iter().any(|word| face.windows(word.len()).any(|at| at == *word));
    let encoding = if composed { None } else { dictionary.get_font_encoding_with_limit(document, MAX_CMAP_BYTES).ok() };
    let (widths, usual) =
        if composed { composed_widths(document, dictionary, late) } else { simple_widths(document, dictionary) };
    Some(Font { names, encoding, code_bytes: if composed { 2 } else { 1 }, widths, usual, bold, known: HashMap::new() })
}

fn simple_widths(document: &Document, font: &Dictionary) -> (HashMap<u32, f32>, f32) {
    let first = font.get_deref(b"FirstChar", document).and_then(Object::as_i64).unwrap_or(0);
    let listed = font.get_deref(b"Widths", document).and_then(Object::as_array);
    let widths = listed.map_or_else(
        |_| HashMap::new(),
        |listed| {
            (first.max(0) as u32..)
                .zip(listed.iter().take(256))
                .filter_map(|(code, width)| Some((code, document.dereference(width).ok()?.1.as_float().ok()?)))
                .collect()
        },
    );
    (widths, USUAL_WIDTH)
}

/// `W` lists `first [w w w]` and `first last w`. A short list may name every character again and again.
fn composed_widths(document: &Document, font: &Dictionary, late: &AtomicBool) -> (HashMap<u32, f32>, f32) {
    let mut widths = HashMap::new();
    let below = font.get_deref(b"DescendantFonts", document).and_then(Object::as_array).ok();
    let below = below.and_then(|fonts| document.dereference(fonts.first()?).ok()?.1.as_dict().ok());
    let Some(below) = below else { return (widths, 1_000.0) };
    let usual = below.get_deref(b"DW", document).and_then(Object::as_float).unwrap_or(1_000.0);
    let Ok(listed) = below.get_deref(b"W", document).and_then(Object::as_array) else { return (widths, usual) };
    let mut rest = listed.as_slice();
    while let [first, second, after @ ..] = rest {
        if late.load(Ordering::Relaxed) {
            break;
        }
        let first = first.as_i64().unwrap_or(0).clamp(0, 65_535) as u32;
        let second = document.dereference(second).map_or(second, |(_, found)| found);
        if let Object::Array(each) = second {
            widths.extend((first..=65_535).zip(each.iter().filter_map(|width| width.as_float().ok())));
            rest = after;
        } else {
            let last = second.as_i64().unwrap_or(0).clamp(0, 65_535) as u32;
            let width = after.first().and_then(|width| width.as_float().ok()).unwrap_or(usual);
            widths.extend((first..=last).map(|code| (code, width)));
            rest = after.get(1..).unwrap_or_default();
        }
    }
    (widths, usual)
}
