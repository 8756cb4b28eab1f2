//! Is a folder still what was pinned, in a build without any socket?

use std::fs;
use std::path::Path;

use clinqa_fetch::{FetchError, PulledFile, verify};

/// SHA-256 of `abc`, the first example of FIPS 180-2.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("model.safetensors"), "abc").expect("a file");
    write_pin(folder.path(), "model.safetensors");
    folder
}

fn write_pin(folder: &Path, file: &str) {
    let pin = format!(
        r#"{{"name":"a/b","revision":"main","commit":null,"files":{{"{file}":{{"bytes":3,"sha256":"{ABC}"}}}}}}"#
    );
    fs::write(folder.join("pin.json"), pin).expect("a file");
}

#[test]
fn a_folder_that_is_what_was_pinned_is_listed() {
    let expected = PulledFile { name: "model.safetensors".into(), bytes: 3, sha256: ABC.into() };
    assert_eq!(verify(folder().path()).expect("verified"), [expected]);
}

#[test]
fn every_difference_from_the_pin_is_named() {
    let check = |change: &dyn Fn(&Path), expected: &str| {
        let folder = folder();
        change(folder.path());
        let error = verify(folder.path()).expect_err("a difference").to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    };
    let write = |name: &'static str, text: &'static str| {
        move |folder: &Path| fs::write(folder.join(name), text).expect("a file")
    };
    let remove = |name: &'static str| move |folder: &Path| fs::remove_file(folder.join(name)).expect("a file");
    check(&write("model.safetensors", "abd"), "was pinned as ba78");
    check(&write("model.safetensors", ""), "and is e3b0");
    check(&remove("model.safetensors"), "and is no file");
    check(&write("pytorch_model.bin", "abc"), "pytorch_model.bin: its SHA-256 was pinned as no file");
    check(&remove("pin.json"), "holds no pin.json");
    check(&write("pin.json", "{"), "it is damaged");
    check(&write("pin.json", ""), "it is damaged");
    check(&|folder: &Path| fs::write(folder.join("pin.json"), [0xff, 0xfe]).expect("a file"), "it is damaged");
    check(&|folder: &Path| write_pin(folder, "config.json"), "it is damaged");
}

#[test]
fn a_pin_that_names_a_file_elsewhere_is_damaged() {
    for file in ["../secret", "/etc/passwd", "model.safetensors/../../x", "notes.txt"] {
        let folder = folder();
        write_pin(folder.path(), file);
        assert!(matches!(verify(folder.path()), Err(FetchError::Pin { .. })), "{file}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_not_a_panic() {
    assert!(matches!(verify(Path::new("no/such/folder")), Err(FetchError::Unpinned { .. })));
}

#[cfg(not(feature = "hub"))]
#[test]
fn a_build_without_a_hub_says_how_to_get_one() {
    use clinqa_fetch::{PullRequest, pull};
    use clinqa_schema::Silent;

    let request = PullRequest { name: "a/b".into(), ..PullRequest::default() };
    let error = pull(&request, Path::new("models"), &mut Silent).expect_err("no hub").to_string();
    assert!(error.contains("--features hub") && error.contains("--encoder FOLDER"), "{error}");
    assert!(!Path::new("models").exists());
}
