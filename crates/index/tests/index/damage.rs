//! Is every damaged byte found before it is used, with a cure named?

use std::fs;
use std::path::Path;

use clinqa_index::{IndexError, Store};

use crate::support::{Seeded, config, current_folder, files, five, overwrite, publish, with_graph};

/// Bytes tried in each file but the manifest and `CURRENT`, whose every byte is.
const SAMPLE: usize = 40;

/// The index must not open, must say why and how to mend it, and the inspector must not panic either.
fn check_refused(store: &Store, what: &str) {
    let error = store.open_current().expect_err(what);
    let message = error.to_string();
    let names_a_file = message.contains(&store.root().display().to_string());
    assert!(names_a_file && message.contains("run `clinqa rebuild`"), "{what}: {message}");
    if let Ok(inspection) = store.inspect_current() {
        assert!(!inspection.is_sound(), "{what}");
    }
}

#[test]
fn every_flipped_byte_of_an_index_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = publish(folder.path(), &five(), with_graph());
    assert!(store.inspect_current().expect("inspected").is_sound());
    let mut seeded = Seeded(4);
    for path in files(folder.path()) {
        let whole = fs::read(&path).expect("a file");
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let every = name == "CURRENT" || name == "manifest.json";
        let some = (0..SAMPLE.min(whole.len())).map(|_| seeded.below(whole.len()));
        let tried: Vec<usize> = if every { (0..whole.len()).collect() } else { some.collect() };
        for at in tried {
            let bit = seeded.below(8);
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            overwrite(&path, &changed);
            check_refused(&store, &format!("{name}, byte {at}, bit {bit}"));
        }
        overwrite(&path, &whole);
    }
    store.open_current().expect("whole again");
}

#[test]
fn a_file_that_was_cut_lengthened_removed_or_replaced_by_a_folder_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = publish(folder.path(), &five(), with_graph());
    for path in files(folder.path()) {
        let whole = fs::read(&path).expect("a file");
        let name = path.display().to_string();
        for cut in [0, 1, whole.len().saturating_sub(1)].into_iter().filter(|cut| *cut < whole.len()) {
            overwrite(&path, &whole[..cut]);
            check_refused(&store, &format!("{name} cut to {cut}"));
        }
        let longer: Vec<u8> = whole.iter().copied().chain([0]).collect();
        overwrite(&path, &longer);
        check_refused(&store, &format!("{name} lengthened"));
        fs::remove_file(&path).expect("removed");
        check_refused(&store, &format!("{name} missing"));
        fs::create_dir(&path).expect("a folder");
        check_refused(&store, &format!("{name} is a folder"));
        fs::remove_dir(&path).expect("removed");
        fs::write(&path, &whole).expect("restored");
    }
    store.open_current().expect("whole again");
}

#[test]
fn a_file_that_does_not_belong_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = publish(folder.path(), &five(), config());
    for name in ["extra", "lexical/extra", "deeper/extra"] {
        let path = current_folder(&store).join(name);
        let parent = path.parent().expect("a parent");
        fs::create_dir_all(parent).expect("a folder");
        fs::write(&path, b"x").expect("written");
        check_refused(&store, name);
        fs::remove_file(&path).expect("removed");
    }
    store.open_current().expect("whole again");
}

#[test]
fn files_of_two_generations_do_not_mix() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = publish(folder.path(), &five()[1..], config());
    let old = current_folder(&store);
    let store = publish(folder.path(), &five(), config());
    let new = current_folder(&store);
    assert_ne!(old, new);
    for name in ["documents.jsonl", "documents.metadata.jsonl", "passages.bin", "vectors.f32", "manifest.json"] {
        let own = fs::read(new.join(name)).expect("a file");
        overwrite(&new.join(name), &fs::read(old.join(name)).expect("a file"));
        check_refused(&store, name);
        overwrite(&new.join(name), &own);
    }
    store.open_current().expect("whole again");
}

#[test]
fn a_pointer_of_garbage_says_that_it_is_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = publish(folder.path(), &five(), config());
    let good = fs::read(folder.path().join("CURRENT")).expect("a pointer");
    let twice = [good.clone(), good.clone()].concat();
    let spaced = [b" ".to_vec(), good.clone()].concat();
    let long = vec![b'g'; 1 << 20];
    let garbage: [&[u8]; 8] =
        [b"", b"\n", b"g000001", b"\xff\xfe\x00", b"../../etc/passwd 0\n", &twice, &spaced, &long];
    for bytes in garbage {
        fs::write(folder.path().join("CURRENT"), bytes).expect("written");
        let error = store.open_current().expect_err("garbage");
        assert!(matches!(error, IndexError::Pointer { .. }), "{error}");
        check_refused(&store, "garbage");
        assert!(store.ever_published(), "a damaged index is not an unmade one");
    }
}

#[test]
fn an_index_that_was_never_made_and_one_that_lost_its_pointer_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::at(folder.path().join("not/there"));
    assert!(matches!(store.open_current(), Err(IndexError::NotPublished { .. })));
    assert!(!store.ever_published());
    assert!(store.generations().expect("listed").is_empty());
    let store = publish(&folder.path().join("index"), &five(), config());
    assert!(store.ever_published());
    fs::remove_file(store.root().join("CURRENT")).expect("removed");
    assert!(matches!(store.open_current(), Err(IndexError::NotPublished { .. })));
    assert!(store.ever_published(), "it was made once");
}

#[test]
fn a_missing_generation_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = publish(folder.path(), &five(), config());
    let generation = current_folder(&store);
    fs::remove_dir_all(&generation).expect("removed");
    assert!(matches!(store.open_current(), Err(IndexError::MissingGeneration { path }) if path == generation));
    fs::write(&generation, b"a file").expect("written");
    check_refused(&store, "a file in its place");
}

#[test]
fn a_newer_format_is_told_from_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = publish(folder.path(), &five(), config());
    let path = current_folder(&store).join("manifest.json");
    let rewrite = |from: &str, to: &str| {
        let text = fs::read_to_string(&path).expect("a manifest").replacen(from, to, 1);
        overwrite(&path, text.as_bytes());
        point_at(folder.path(), &store, &text);
    };
    rewrite("\"format_version\": 2", "\"format_version\": 3, \"surprise\": []");
    let error = store.open_current().expect_err("a newer format");
    assert!(matches!(error, IndexError::NewerFormat { found: 3, supported: 2, .. }), "{error}");
    rewrite("\"format_version\": 3", "\"format_version\": \"two\"");
    check_refused(&store, "a format that is no number");
}

/// Makes `CURRENT` vouch for a manifest of this text.
fn point_at(root: &Path, store: &Store, manifest: &str) {
    let generation = store.current().expect("readable").expect("published").generation;
    let line = format!("{generation} {}\n", blake3_of(manifest));
    fs::write(root.join("CURRENT"), line).expect("written");
}

fn blake3_of(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}
