//! Does the page of the corpora say how each of them is?

use clinqa_qa::{CorpusEntry, Delivered};
use clinqa_schema::Moment;

use super::Session;
use crate::desk::Place;
use crate::message::Message;
use crate::sample;

/// The page after its files were compared with these.
fn page(place: Place, delivered: Option<Vec<Delivered>>) -> String {
    let mut session = Session::new((120, 40));
    session.state.place = place;
    let mut session = session.press("esc L v");
    session.send(Message::Checked(Vec::new()));
    session.send(Message::Delivered(Ok(delivered)));
    session.text()
}

/// The corpus of the sample with these files.
fn corpus(files: &[(&str, &str)]) -> CorpusEntry {
    let file = |(file, blake3): &(&str, &str)| {
        serde_json::from_value(serde_json::json!({"file": file, "bytes": 1, "blake3": blake3})).expect("a file")
    };
    CorpusEntry { files: files.iter().map(file).collect(), ..sample::manifest(2).corpora[0].clone() }
}

fn delivered(name: &str, files: Result<CorpusEntry, &str>) -> Delivered {
    Delivered { name: name.to_owned(), fetched: None, files: files.map_err(str::to_owned) }
}

#[test]
fn what_came_of_a_corpus_is_told_before_its_files_are_compared() {
    let text = Session::new((120, 40)).press("esc L tab").text();
    for said in [
        "382 documents in 3002 passages, the newest of 2026-11-22; indexed 2026-11-29",
        "of 388 records 2 cannot be used, 4 duplicate",
        "v compares its files with those that were indexed",
    ] {
        assert!(text.contains(said), "{said}:\n{text}");
    }
    assert!(!text.contains("retracted"), "what did not happen is not told:\n{text}");
}

#[test]
fn a_generation_of_before_says_that_nothing_was_counted() {
    let mut session = Session::new((120, 40));
    let mut manifest = sample::manifest(2);
    manifest.corpora[0].account = None;
    session.send(Message::Opened(Box::new(manifest)));
    let text = session.press("esc L tab").text();
    assert!(text.contains("by an older clinqa, which kept no count of it"), "{text}");
}

#[test]
fn files_that_are_missing_changed_or_new_are_named() {
    let same = corpus(&[("a.md", "2")]);
    let fine = page(Place::Here, Some(vec![delivered("starter", Ok(same.clone()))]));
    assert!(fine.contains("every file is as it was indexed"), "{fine}");
    for (files, said) in [
        (&[("a.md", "3")][..], "since it was indexed: CHANGED a.md"),
        (&[], "since it was indexed: MISSING a.md"),
        (&[("a.md", "2"), ("b.md", "1")], "since it was indexed: NEW b.md"),
        (&[("c.md", "2"), ("b.md", "1")], "since it was indexed: MISSING a.md; NEW b.md, c.md"),
    ] {
        let text = page(Place::Here, Some(vec![delivered("starter", Ok(corpus(files)))]));
        assert!(text.contains(said) && !text.contains("as it was indexed"), "{said}:\n{text}");
    }
    let many: Vec<String> = (0..9).map(|number| format!("f{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).chain([("a.md", "2")]).collect();
    let text = page(Place::Here, Some(vec![delivered("starter", Ok(corpus(&many)))]));
    assert!(text.contains("NEW f0, f1, f2, f3, f4 and 4 more"), "{text}");
    let unusable = page(Place::Here, Some(vec![delivered("starter", Err("a.md is not what it was"))]));
    assert!(unusable.contains("UNUSABLE: a.md is not what it was"), "{unusable}");
    let gone = page(Place::Here, Some(Vec::new()));
    assert!(gone.contains("GONE: no corpus of this name"), "{gone}");
    let new =
        page(Place::Here, Some(vec![delivered("starter", Ok(same.clone())), delivered("ward", Ok(same.clone()))]));
    assert!(new.contains("ward") && new.contains("not in the index yet"), "{new}");
    let fetched = Delivered { fetched: Some((Moment(0), 7)), ..delivered("starter", Ok(same)) };
    let text = page(Place::Here, Some(vec![fetched]));
    assert!(text.contains("last fetch 1970-01-01") && text.contains(": 7 files"), "{text}");
}

#[test]
fn why_files_cannot_be_compared_is_told_on_the_page() {
    let mut session = Session::new((120, 40)).press("esc L v");
    assert!(session.text().contains("comparing its files"), "{}", session.text());
    session.send(Message::Delivered(Err("no such folder".to_owned())));
    assert!(session.text().contains("its files cannot be compared: no such folder"), "{}", session.text());
}

#[test]
fn what_a_server_does_not_tell_is_said() {
    let text = page(Place::There("ward-server".into()), None);
    for said in [
        "382 documents in 3002 passages",
        "its files lie on ward-server, which tells how they are to a key of role admin",
        "corpus verify",
    ] {
        assert!(text.contains(said), "{said}:\n{text}");
    }
}
