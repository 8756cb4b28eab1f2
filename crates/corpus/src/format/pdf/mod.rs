//! PDF: one document a file, its pages kept for citations.
//!
//! lopdf reads the objects under limits on what they expand to; the file is read on a thread of its own, whose panic or
//! delay costs one record. Whatever takes long asks whether it is late, so that such threads do not add up.

mod layout;
mod loading;
mod text;

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use clinqa_schema::{Date, Metadata};
use lopdf::Document;

use self::layout::lay;
use self::loading::load;
use self::text::shown;
use super::{Appetite, Context, Format, Record};
use crate::clean::{clean_line, clean_message};
use crate::report::SkipReason;
use crate::whole::{Page, language_in, one_document};

/// Longest file; it is held in memory once as it came and once as objects.
const MAX_FILE_BYTES: usize = 64 << 20;
/// More text than any document has.
const MAX_TEXT_BYTES: usize = 16 << 20;
const MAX_PAGES: usize = 20_000;
const DEADLINE: Duration = Duration::from_secs(8);
/// How long a thread that is late is waited for, so that it does not go on beside the next file.
const GRACE: Duration = Duration::from_secs(4);
/// Deeply nested objects are read by recursion.
const STACK_BYTES: usize = 16 << 20;

/// Files that begin with `%PDF-`.
pub(super) struct Pdf;

impl Format for Pdf {
    fn name(&self) -> &'static str {
        "pdf"
    }

    fn recognises(&self, _: &Path, head: &[u8]) -> bool {
        // Readers accept some bytes before the mark, and so do those who write them.
        head[..head.len().min(1_024)].windows(5).any(|window| window == b"%PDF-")
    }

    fn appetite(&self) -> Appetite {
        Appetite::Packed
    }

    fn about(&self, _: u64) -> u64 {
        1
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        context: &Context<'_>,
        sink: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        one_document(input, context, MAX_FILE_BYTES, sink, |bytes| guarded(bytes, context.defaults.clone()))
    }
}

/// Reads the file on a thread that may panic or take too long. One that takes too long is told to end, and mostly does so
/// at once.
fn guarded(bytes: Vec<u8>, defaults: Metadata) -> Result<Page, SkipReason> {
    let late = Arc::new(AtomicBool::new(false));
    let (send, receive) = mpsc::channel();
    let told = Arc::clone(&late);
    let thread = thread::Builder::new().name("pdf".into()).stack_size(STACK_BYTES).spawn(move || {
        // Nobody listens any more once it is late.
        let _ = send.send(page(&bytes, &defaults, &told));
    });
    let broken = |reason: String| SkipReason::Malformed { format: "PDF", reason };
    thread.map_err(|error| broken(clean_message(error)))?;
    match receive.recv_timeout(DEADLINE) {
        Ok(page) => page,
        Err(RecvTimeoutError::Timeout) => {
            late.store(true, Ordering::Relaxed);
            // What it found does not count any more.
            let _ = receive.recv_timeout(GRACE);
            Err(SkipReason::TooSlow { seconds: DEADLINE.as_secs() })
        }
        Err(RecvTimeoutError::Disconnected) => Err(broken("its reader failed".into())),
    }
}

fn page(bytes: &[u8], defaults: &Metadata, late: &Arc<AtomicBool>) -> Result<Page, SkipReason> {
    let document = load(bytes, late)?;
    let mut pages = Vec::new();
    let mut pictures = Vec::new();
    let mut length = 0;
    for (number, page) in (1..).zip(document.page_iter().take(MAX_PAGES)) {
        if late.load(Ordering::Relaxed) {
            break;
        }
        let shown = shown(&document, page, late);
        length += shown.runs.iter().map(|run| run.text.len()).sum::<usize>();
        if length > MAX_TEXT_BYTES {
            return Err(SkipReason::TooLarge { limit: MAX_TEXT_BYTES as u64 });
        }
        if shown.runs.is_empty() && shown.pictures {
            pictures.push(number);
        }
        pages.push(shown.runs);
    }
    let scanned = (!pictures.is_empty()).then(|| SkipReason::Scanned { pages: ranges(&pictures) });
    if pages.iter().all(Vec::is_empty) {
        return Err(scanned.unwrap_or(SkipReason::Empty));
    }
    let named = title(&document);
    let laid = lay(pages, named.as_deref(), late);
    let title = named.or(laid.title).unwrap_or_default();
    let mut page = Page::new(&title, laid.outline.finish(), metadata(&document, defaults));
    page.starts = laid.page_starts;
    page.lost = scanned;
    Ok(page)
}

/// `1-3, 7`.
fn ranges(pages: &[u32]) -> String {
    let runs = pages.chunk_by(|one, next| one + 1 == *next);
    let named = runs.map(|run| match run {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    });
    clean_line(&named.collect::<Vec<_>>().join(", "))
}

/// The title that the file gives itself, unless a program made it up from the name of another file.
fn title(document: &Document) -> Option<String> {
    let title = clean_line(&info(document, b"Title")?);
    let lower = title.to_lowercase();
    let made_up = [".doc", ".docx", ".indd", ".qxd", ".pdf", ".tex", ".html"].iter().any(|end| lower.ends_with(end))
        || ["microsoft word", "untitled", "about:blank", "untitled document"]
            .iter()
            .any(|start| lower.starts_with(start));
    (!made_up && title.contains(' ')).then_some(title)
}

fn info(document: &Document, key: &[u8]) -> Option<String> {
    let info = document.trailer.get_deref(b"Info", document).ok()?.as_dict().ok()?;
    lopdf::decode_text_string(info.get_deref(key, document).ok()?).ok()
}

fn metadata(document: &Document, defaults: &Metadata) -> Metadata {
    // `D:20240501120000Z`. A file that was made anew for its place on the web is younger than its text; still, it is all
    // that most files say.
    let digits = info(document, b"CreationDate").unwrap_or_default().replace("D:", "");
    let date = |parts: [std::ops::Range<usize>; 3]| {
        let [year, month, day] = parts.map(|part| digits.get(part).unwrap_or_default().to_owned());
        Date::new(&format!("{year}-{month}-{day}")).ok()
    };
    let language =
        document.catalog().ok().and_then(|catalog| lopdf::decode_text_string(catalog.get(b"Lang").ok()?).ok());
    let mut metadata = defaults.clone();
    metadata.published = defaults.published.clone().or_else(|| date([0..4, 4..6, 6..8]));
    metadata.language = language.and_then(|language| language_in(&language)).or(metadata.language);
    metadata
}

#[cfg(test)]
mod tests {
    use lopdf::content::{Content, Operation};
    use lopdf::{Object, Stream, dictionary};

    use super::*;

    /// A file with these pages; a page is lines of a size, or a picture.
    fn file(pages: &[&[(i64, &str)]]) -> Document {
        let mut document = Document::with_version("1.5");
        let tree = document.new_object_id();
        let font = document.add_object(dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding" });
        let picture = document.add_object(Stream::new(
            dictionary! { "Type" => "XObject", "Subtype" => "Image", "Width" => 1, "Height" => 1 },
            vec![0],
        ));
        let resources = document.add_object(dictionary! {
            "Font" => dictionary! { "F1" => font }, "XObject" => dictionary! { "I1" => picture },
        });
        let mut kids = Vec::new();
        for lines in pages {
            let mut operations = Vec::new();
            let mut y = 780;
            for (size, line) in *lines {
                y -= size * 3 / 2;
                operations.push(Operation::new("BT", vec![]));
                operations.push(Operation::new("Tf", vec!["F1".into(), (*size).into()]));
                operations.push(Operation::new("Td", vec![50.into(), y.into()]));
                let (text, _, _) = encoding_rs::WINDOWS_1252.encode(line);
                operations.push(Operation::new("Tj", vec![Object::string_literal(text.into_owned())]));
                operations.push(Operation::new("ET", vec![]));
            }
            if lines.is_empty() {
                operations.push(Operation::new("Do", vec!["I1".into()]));
            }
            let content = Content { operations }.encode().expect("content");
            let content = document.add_object(Stream::new(dictionary! {}, content));
            kids.push(document.add_object(dictionary! { "Type" => "Page", "Parent" => tree, "Contents" => content, "Resources" => resources }).into());
        }
        let count = kids.len() as i64;
        document
            .objects
            .insert(tree, Object::Dictionary(dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count }));
        let catalog = document.add_object(
            dictionary! { "Type" => "Catalog", "Pages" => tree, "Lang" => Object::string_literal("en-GB") },
        );
        let info = document.add_object(dictionary! { "CreationDate" => Object::string_literal("D:20240501120000Z") });
        document.trailer.set("Root", catalog);
        document.trailer.set("Info", info);
        document
    }

    fn bytes(mut document: Document) -> Vec<u8> {
        let mut bytes = Vec::new();
        document.compress();
        document.save_to(&mut bytes).expect("saved");
        bytes
    }

    fn read(bytes: Vec<u8>) -> Result<Page, SkipReason> {
        guarded(bytes, Metadata::default())
    }

    const FIRST: &[(i64, &str)] =
        &[(20, "Sprained ankle"), (10, "A sprain is a stretched"), (10, "ligament – it hurts.")];

    #[test]
    fn a_file_becomes_a_document_whose_words_know_their_page() {
        let page = read(bytes(file(&[FIRST, &[], &[(14, "Care"), (10, "Rest it.")]]))).expect("a page");
        assert_eq!(page.title.as_deref(), Some("Sprained ankle"));
        assert_eq!(page.text, "A sprain is a stretched ligament – it hurts.\n\nCare\n\nRest it.");
        let place = clinqa_schema::SourceLocator { page_starts: page.starts, ..Default::default() };
        assert_eq!((place.page_of(0), place.page_of(page.text.len() - 1)), (Some(1), Some(3)));
        assert_eq!(page.metadata.published.as_ref().map(Date::as_str), Some("2024-05-01"));
        assert_eq!(page.metadata.language.as_deref(), Some("en"));
        assert!(matches!(page.lost, Some(SkipReason::Scanned { pages }) if pages == "2"));
    }

    #[test]
    fn scanned_and_broken_files_are_reported() {
        let scanned = read(bytes(file(&[&[], &[]]))).err().expect("a reason").to_string();
        assert!(scanned.contains("1-2"), "{scanned}");
        assert!(matches!(read(b"%PDF-1.7\nnothing".to_vec()), Err(SkipReason::Malformed { .. })));
    }

    #[test]
    fn a_locked_file_is_reported() {
        let mut document = file(&[FIRST]);
        document.trailer.set("ID", vec![Object::string_literal("a"), Object::string_literal("b")]);
        let version = lopdf::EncryptionVersion::V2 {
            document: &document,
            owner_password: "owner",
            user_password: "user",
            key_length: 128,
            permissions: lopdf::Permissions::all(),
        };
        let state = lopdf::EncryptionState::try_from(version).expect("a state");
        document.encrypt(&state).expect("encrypted");
        let mut bytes = Vec::new();
        document.save_to(&mut bytes).expect("saved");
        assert!(matches!(read(bytes), Err(SkipReason::Encrypted)));
    }

    #[test]
    fn whoever_is_late_ends_in_the_middle_of_a_page_and_of_a_file() {
        let lines = vec![(10, "Rest it."); 50];
        let document = file(&[&lines]);
        let id = document.page_iter().next().expect("a page");
        let [on_time, late] = [false, true].map(|late| Arc::new(AtomicBool::new(late)));
        assert_eq!(shown(&document, id, &on_time).runs.len(), 50);
        let cut = shown(&document, id, &late).runs;
        assert!(cut.len() < 2, "{cut:?}");
        let laid = |late| lay(vec![shown(&document, id, &on_time).runs], None, late).outline.finish().0;
        assert_eq!((laid(&on_time).is_empty(), laid(&late).is_empty()), (false, true));
        let bytes = bytes(document);
        assert!(page(&bytes, &Metadata::default(), &on_time).is_ok());
        assert!(load(&bytes, &on_time).is_ok_and(|document| document.page_iter().next().is_some()));
        assert!(!load(&bytes, &late).is_ok_and(|document| document.page_iter().next().is_some()), "nothing is kept");
    }

    #[test]
    fn widths_of_a_font_that_never_end_are_left_when_it_is_late() {
        let mut document = file(&[FIRST]);
        let ranges: Vec<Object> = (0..60_000).flat_map(|_| [0.into(), 65_535.into(), 500.into()]).collect();
        let below = document.add_object(dictionary! { "DW" => 500, "W" => ranges });
        let font = document.add_object(
            dictionary! { "Type" => "Font", "Subtype" => "Type0", "BaseFont" => "F", "DescendantFonts" => vec![below.into()] },
        );
        let resources = document.add_object(dictionary! { "Font" => dictionary! { "F1" => font } });
        let id = document.page_iter().next().expect("a page");
        let page = document.get_object_mut(id).expect("a page").as_dict_mut().expect("a dictionary");
        page.set("Resources", resources);
        let late = AtomicBool::new(false);
        let started = std::time::Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| shown(&document, id, &late));
            thread::sleep(Duration::from_millis(100));
            late.store(true, Ordering::Relaxed);
        });
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }

    #[test]
    fn rings_and_bombs_cost_little() {
        let mut ring = file(&[FIRST]);
        let page = ring.page_iter().next().expect("a page");
        let tree =
            ring.get_dictionary(page).expect("a page").get(b"Parent").expect("a parent").as_reference().expect("an id");
        ring.get_object_mut(tree)
            .expect("the tree")
            .as_dict_mut()
            .expect("a dictionary")
            .set("Kids", vec![tree.into(), page.into()]);
        let mut form = file(&[FIRST]);
        let resources = form.get_dictionary(page).expect("a page").get(b"Resources").expect("resources").clone();
        let drawn = b"/X Do ".repeat(1_000);
        let loops =
            form.add_object(Stream::new(dictionary! { "Subtype" => "Form", "Resources" => resources.clone() }, drawn));
        let resources = form
            .get_object_mut(resources.as_reference().expect("an id"))
            .expect("resources")
            .as_dict_mut()
            .expect("a dictionary");
        resources.set("XObject", dictionary! { "X" => loops, "I1" => loops });
        let content = form.get_page_contents(page)[0];
        form.get_object_mut(content)
            .expect("content")
            .as_stream_mut()
            .expect("a stream")
            .set_plain_content(b"/X Do".to_vec());
        let mut bomb = file(&[FIRST]);
        let content = bomb.get_page_contents(page)[0];
        bomb.get_object_mut(content)
            .expect("content")
            .as_stream_mut()
            .expect("a stream")
            .set_plain_content(vec![b' '; 200 << 20]);
        for document in [ring, form, bomb] {
            let started = std::time::Instant::now();
            let _ = read(bytes(document));
            assert!(started.elapsed() < Duration::from_secs(15));
        }
    }
}
