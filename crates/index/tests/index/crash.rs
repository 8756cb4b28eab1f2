//! What becomes of an index when a rebuild is killed, doubled, refused or has nowhere to write?

use std::fs;
use std::path::Path;

use clinqa_index::{IndexError, PassageIndex as _, Store};
use clinqa_schema::{Filters, Moment, Silent};

use crate::support::{config, current_folder, files, five, overwrite, publish, with_graph, words};

#[test]
fn a_second_rebuild_is_refused_while_one_is_writing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::at(folder.path());
    let first = store.writer(config()).expect("a writer");
    let message = store.writer(config()).err().expect("locked").to_string();
    assert!(message.contains("another rebuild (process") && message.contains("is writing"), "{message}");
    drop(first);
    store.writer(config()).expect("free again");
}

#[test]
fn what_a_crash_left_is_no_generation_and_the_next_rebuild_removes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = publish(folder.path(), &five(), config());
    let generations = folder.path().join("generations");
    for name in [".tmp-g000007/lexical", "g000009-01234567/lexical"] {
        fs::create_dir_all(generations.join(name)).expect("a folder");
        fs::write(generations.join(name).join("half"), b"half").expect("a file");
    }
    fs::write(folder.path().join(".CURRENT.next"), b"g0000").expect("a file");
    fs::write(generations.join("note"), b"a person's").expect("a file");
    store.open_current().expect("a crash beside it does no harm");
    assert_eq!(store.generations().expect("listed").iter().filter(|entry| entry.sealed).count(), 1);
    drop(store.writer(config()).expect("a writer"));
    let left: Vec<String> = fs::read_dir(&generations)
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "note")
        .collect();
    assert_eq!(left, [current_folder(&store).file_name().expect("a name").to_string_lossy()]);
    assert!(generations.join("note").exists(), "what is not ours stays");
    assert!(!folder.path().join(".CURRENT.next").exists());
}

#[test]
fn a_generation_that_is_never_published_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = publish(folder.path(), &five(), config());
    let before = files(folder.path());
    let mut writer = store.writer(config()).expect("a writer");
    let (document, passages, embeddings) = &five()[0];
    writer.add(document, passages, Some(embeddings)).expect("added");
    let sealed = writer.finish(&mut Silent).expect("sealed");
    assert_eq!(sealed.open().expect("open").manifest().counts.documents, 1);
    drop(sealed);
    assert_eq!(files(folder.path()), before);
    assert_eq!(store.open_current().expect("the old one").manifest().counts.documents, 5);
}

#[test]
fn generations_are_numbered_upwards_and_the_last_two_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut names = Vec::new();
    for count in [5, 4, 3, 2] {
        let store = publish(folder.path(), &five()[..count], config());
        names.push(store.current().expect("readable").expect("published").generation);
    }
    assert_eq!(names.iter().map(clinqa_index::GenerationId::number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let kept = Store::at(folder.path()).generations().expect("listed");
    assert_eq!(kept.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>(), names[2..]);
    assert_eq!(kept.iter().map(|entry| entry.current).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn an_older_generation_is_made_current_again_if_it_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    publish(folder.path(), &five(), config());
    let store = publish(folder.path(), &five()[..2], config());
    let [old, new] = store.generations().expect("listed").try_into().expect("two of them");
    store.activate(&old.id, Moment(0)).expect("activated");
    assert_eq!(store.open_current().expect("open").manifest().counts.documents, 5);
    store.activate(&new.id, Moment(0)).expect("and back");
    let (manifest, _) = store.manifest(&old.id).expect("read");
    let broken = folder.path().join("generations").join(old.id.to_string()).join(&manifest.files[0].file);
    fs::remove_file(&broken).expect("removed");
    assert!(store.activate(&old.id, Moment(0)).is_err());
    assert_eq!(store.current().expect("readable").expect("published").generation, new.id);
}

#[test]
fn an_open_generation_answers_on_after_it_was_collected() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = publish(folder.path(), &five(), with_graph());
    let old = store.open_current().expect("open");
    let (document, passages, embeddings) = &five()[1];
    for count in [4, 3, 2] {
        publish(folder.path(), &five()[..count], config());
    }
    let found = old.lexical(&words("metformin"), 3, &Filters::default()).expect("searched");
    assert_eq!(found.hits()[0].passage_id, *passages[1].id());
    assert!(old.dense(&embeddings[0], 1, &Filters::default()).is_ok());
    assert_eq!(old.document(&document.id).expect("read").as_ref(), Some(document));
}

#[cfg(unix)]
#[test]
fn sealed_files_are_read_only_and_a_read_only_folder_opens() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let store = publish(folder.path(), &five(), with_graph());
    let generation = current_folder(&store);
    for path in files(&generation) {
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o444, "{}", path.display());
    }
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    let folders = [generation.join("lexical"), generation, folder.path().join("generations"), folder.path().to_owned()];
    for path in &folders {
        set(path, 0o555);
    }
    let before = files(folder.path());
    let index = store.open_current().expect("open without a right to write");
    assert_eq!(index.lexical(&words("gout"), 5, &Filters::default()).expect("searched").len(), 2);
    assert_eq!(files(folder.path()), before, "opening leaves nothing behind");
    for path in folders.iter().rev() {
        set(path, 0o755);
    }
}

#[test]
fn an_index_folder_that_cannot_be_made_says_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, b"x").expect("a file");
    let error = Store::at(file.join("index")).writer(config()).err().expect("no folder there");
    assert!(matches!(&error, IndexError::Io { .. }), "{error}");
    assert!(error.to_string().contains(&file.display().to_string()));
    assert!(Store::at(&file).open_current().is_err());
}

#[test]
fn the_generation_before_can_be_opened_and_is_checked_as_closely() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = publish(folder.path(), &five(), config());
    assert!(store.open_previous().is_err(), "there is none before the first");
    let first = store.open_current().expect("the first").manifest().id.clone();
    let before = current_folder(&store);
    publish(folder.path(), &five()[..1], config());
    assert_eq!(store.open_previous().expect("the first").manifest().id, first);
    assert_ne!(store.open_current().expect("the second").manifest().id, first);
    let manifest = before.join("manifest.json");
    let sound = fs::read(&manifest).expect("a manifest");
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    overwrite(&manifest, &flipped);
    assert!(store.open_previous().is_err(), "a manifest that was changed is not trusted");
    overwrite(&manifest, &sound);
    store.open_previous().expect("whole again");
    fs::write(folder.path().join("PREVIOUS"), "nonsense\n").expect("written");
    assert!(store.open_previous().is_err());
    store.open_current().expect("the current one needs no other");
}
