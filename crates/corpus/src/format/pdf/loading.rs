//! Which objects of a PDF are worth their memory?
//!
//! An object takes fifty times the bytes that it is written with, so that a file of some megabytes could fill any machine.
//! What says nothing about words is left out as it is read, and what remains is counted.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lopdf::{Document, Error, LoadOptions, Object, ObjectId};
use memchr::memmem::Finder;

use crate::clean::clean_message;
use crate::report::SkipReason;

/// Largest stream of objects, unpacked; programs put some hundred objects into one. It holds for the list of objects too,
/// where that is a stream: files of more than about 150,000 objects are refused.
const MAX_STREAM_BYTES: usize = 1 << 20;
/// Longest object, the bytes of its stream apart.
const MAX_OBJECT_BYTES: usize = 1 << 20;
/// Most numbers, names, strings and references in all objects that are kept. A page has about twenty.
const MAX_PARTS: usize = 600_000;
/// What pages are made of for other readers.
const LEFT_OUT: [&[u8]; 4] = [b"StructElem", b"Annot", b"OBJR", b"Metadata"];

thread_local! {
    /// How many parts the file that this thread loads may still have.
    static LEFT: Cell<usize> = const { Cell::new(0) };
    /// Whether it is late.
    static LATE: RefCell<Arc<AtomicBool>> = RefCell::default();
}

/// The objects of a file that words need; none more once it is `late`.
pub(super) fn load(bytes: &[u8], late: &Arc<AtomicBool>) -> Result<Document, SkipReason> {
    LATE.set(Arc::clone(late));
    let broken = |reason: String| SkipReason::Malformed { format: "PDF", reason };
    if has_long_object(bytes) {
        return Err(broken(format!("an object of more than {MAX_OBJECT_BYTES} bytes")));
    }
    let mut document = read(bytes, false)?;
    if document.page_iter().next().is_none() && !late.load(Ordering::Relaxed) {
        // Its list of objects may point beside them; they may be there all the same.
        document = read(bytes, true).unwrap_or(document);
    }
    if LEFT.get() == 0 {
        return Err(SkipReason::TooMany { limit: MAX_PARTS as u64, what: "parts of objects".to_owned() });
    }
    if document.is_encrypted() { Err(SkipReason::Encrypted) } else { Ok(document) }
}

fn read(bytes: &[u8], force_reconstruct: bool) -> Result<Document, SkipReason> {
    LEFT.set(MAX_PARTS);
    let options = LoadOptions {
        filter: Some(kept),
        max_decompressed_size: Some(MAX_STREAM_BYTES),
        force_reconstruct,
        ..LoadOptions::default()
    };
    Document::load_mem_with_options(bytes, options).map_err(|error| match error {
        Error::InvalidPassword | Error::Decryption(_) => SkipReason::Encrypted,
        Error::Decompress(_) => SkipReason::Expands { limit: MAX_STREAM_BYTES as u64 },
        other => SkipReason::Malformed { format: "PDF", reason: clean_message(other) },
    })
}

/// What is kept of an object: a stream stays where it is, anything else is taken from what is returned or stays too.
fn kept(id: ObjectId, object: &mut Object) -> Option<(ObjectId, Object)> {
    if LATE.with_borrow(|late| late.load(Ordering::Relaxed)) {
        return None;
    }
    if let Object::Stream(stream) = object
        && stream.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Image")
    {
        // That there is a picture is all that is asked.
        stream.content = Vec::new();
    }
    let dictionary = match &*object {
        Object::Stream(stream) => Some(&stream.dict),
        other => other.as_dict().ok(),
    };
    if dictionary.is_some_and(|dictionary| LEFT_OUT.iter().any(|name| dictionary.has_type(name))) {
        return None;
    }
    let left = LEFT.get().saturating_sub(parts(object));
    LEFT.set(left);
    let stays = matches!(object, Object::Stream(_));
    (left > 0).then(|| (id, if stays { Object::Null } else { object.clone() }))
}

/// How many parts an object has; the library bounds how deep they lie.
fn parts(object: &Object) -> usize {
    match object {
        Object::Array(items) => 1 + items.iter().map(parts).sum::<usize>(),
        Object::Dictionary(entries) => 1 + entries.iter().map(|(_, value)| 1 + parts(value)).sum::<usize>(),
        Object::Stream(stream) => 1 + stream.dict.iter().map(|(_, value)| 1 + parts(value)).sum::<usize>(),
        _ => 1,
    }
}

/// Whether more than [`MAX_OBJECT_BYTES`] follow one another that are neither a stream nor the list of objects, without
/// an object that begins or ends. A file that hides an object in a stream and points there is not seen through.
fn has_long_object(bytes: &[u8]) -> bool {
    let words = [b"obj" as &[u8], b"stream", b"xref", b"endstream", b"trailer"].map(Finder::new);
    let mut next: [Option<usize>; 5] = [None; 5];
    // Where a word stands from `from` on; each is looked for anew only once it was passed, so that the file is read a few
    // times in all, whatever it holds.
    let mut place = |word: usize, from: usize| match next[word] {
        Some(found) if found >= from => found,
        _ => {
            let found = words[word].find(&bytes[from..]).map_or(bytes.len(), |found| from + found);
            next[word] = Some(found);
            found
        }
    };
    let (mut at, mut begun) = (0, 0);
    loop {
        let [object, stream, list] = [0, 1, 2].map(|word| place(word, at));
        let first = object.min(stream).min(list);
        if first - begun > MAX_OBJECT_BYTES {
            return true;
        }
        if first == bytes.len() {
            return false;
        }
        at = first + 1;
        if first == stream && bytes[..first].trim_ascii_end().ends_with(b">>") {
            let end = place(3, first);
            at = if end < bytes.len() { end + b"endstream".len() } else { at };
        } else if first == list && !bytes[..first].ends_with(b"start") {
            let end = place(4, first);
            at = if end < bytes.len() { end } else { at };
        }
        if first == object || at > first + 1 {
            begun = at;
        }
    }
}

/// For content streams: whether more than `limit` bytes follow one another in which no operator stands.
pub(super) fn has_long_operation(content: &[u8], limit: usize) -> bool {
    let mut begun = 0;
    let mut at = 0;
    while at < content.len() {
        let word = content[at..].iter().take_while(|byte| byte.is_ascii_alphabetic() || b"*'\"".contains(byte)).count();
        if word == 0 {
            at += 1;
            continue;
        }
        let before = at.checked_sub(1).map_or(b' ', |before| content[before]);
        let is_operand = matches!(&content[at..at + word], b"true" | b"false" | b"null");
        if word <= 3 && !is_operand && (before.is_ascii_whitespace() || b")]>".contains(&before)) {
            if at - begun > limit {
                return true;
            }
            begun = at + word;
        }
        at += word;
    }
    content.len() - begun > limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_fills_memory_is_seen_before_it_is_read() {
        let long = |piece: &str| piece.repeat((2 << 20) / piece.len());
        let check = |file: String, expected: bool| assert_eq!(has_long_object(file.as_bytes()), expected);
        check(format!("%PDF-1.5\n1 0 obj\n[{}]\nendobj\n", long("0 ")), true);
        check(format!("%PDF-1.5\n1 0 obj\n<<>>stream\n{}\nendstream\nendobj\n", long("x")), false);
        check(format!("%PDF-1.5\n1 0 obj\n<<>>stream\n{}obj{}\nendstream\nendobj\n", long("x"), long("y")), false);
        check(format!("xref\n0 9\n{}trailer\n<<>>", long("0000000000 65535 f \n")), false);
        check(format!("xref\n0 9\n{}trailer\n[{}]", long("0000000000 65535 f \n"), long("0 ")), true);
        check("1 0 obj\n0\nendobj\n".repeat(200_000), false);
    }

    #[test]
    fn words_that_stand_alone_cost_no_second_look_at_the_rest() {
        let begun = std::time::Instant::now();
        for piece in ["obj stream ", "obj >>stream ", "obj xref "] {
            assert!(!has_long_object(piece.repeat((24 << 20) / piece.len()).as_bytes()));
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    }

    #[test]
    fn operands_without_an_operator_are_seen() {
        let check =
            |content: &str, expected| assert_eq!(has_long_operation(content.as_bytes(), 20), expected, "{content}");
        check("BT /F1 9 Tf 5 5 Td (x) Tj ET", false);
        check(&"0 ".repeat(20), true);
        check(&"true ".repeat(9), true);
        check(&"/abc ".repeat(9), true);
        check(&"q ".repeat(50), false);
        check(&"(x)Tj ".repeat(50), false);
    }
}
