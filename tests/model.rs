//! Are models listed, shown, packed and used by name?

use std::fs;

use clinqa_encoder::{Encoder, Source};
use clinqa_reader::{Calibration, ReadConfig, Reader};
use serde_json::{Value, json};

use crate::support::{Project, arg, copy, data, list};

/// The models in the binary.
const EMBEDDED: [&str; 2] = ["clinqa-mini-encoder", "clinqa-mini-reader"];

#[test]
fn the_models_in_the_binary_and_those_in_the_folder_are_listed() {
    let project = Project::new();
    let names = |project: &Project| -> Vec<String> {
        let listed = project.run(&["model", "list", "--json"]).expect(0).json();
        list(&listed).iter().map(|model| model["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&project), EMBEDDED);
    copy(&data("checkpoints/tiny-safetensors"), &project.path("index/models/somebody--tiny"));
    assert_eq!(names(&project), [EMBEDDED[0], EMBEDDED[1], "somebody/tiny"]);
    let human = project.run(&["model", "list"]).expect(0).stdout;
    assert!(human.contains("in the binary") && human.contains("index/models/somebody--tiny"), "{human}");
}

#[test]
fn a_card_tells_where_a_model_comes_from_and_under_which_licence() {
    let project = Project::new();
    for name in EMBEDDED {
        let card = project.run(&["model", "show", name]).expect(0).stdout;
        assert!(card.starts_with("# ") && card.to_lowercase().contains("licence"), "{card}");
    }
    project.run(&["model", "show", "no\u{1b}where"]).refused(2, &["no\\u{1b}where", "clinqa model list"]);
}

#[test]
fn the_card_of_a_pulled_model_is_shown_and_nothing_in_it_drives_the_terminal() {
    let project = Project::new();
    let folder = "index/models/somebody--tiny";
    copy(&data("checkpoints/tiny-safetensors"), &project.path(folder));
    project.run(&["model", "show", "somebody/tiny"]).refused(2, &[folder, "README.md", "pull again"]);
    project.write(&format!("{folder}/README.md"), "# Tiny\r\n\u{1b}[2Jlicence: \u{202e}none\u{9b}1A\n");
    let card = project.run(&["model", "show", "somebody/tiny"]).expect(0).stdout;
    assert_eq!(card, "# Tiny\n [2Jlicence:  none 1A\n");
}

#[test]
fn no_path_in_an_error_or_a_warning_drives_the_terminal() {
    let project = Project::new();
    let ran = project.run(&["model", "pack", "no\u{1b}[31mwhere\nerror: none", "packed"]);
    ran.refused(2, &["no [31mwhere error: none", "no such folder"]);
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
    let text = project.write("te\u{1b}[2Jxt/a\u{1b}[31m.txt", b"\xff");
    let tiny = data("checkpoints/tiny-safetensors");
    let folder = arg(text.parent().expect("a folder"));
    let ran = project.run(&["train", "pretrain", folder, "--from", arg(&tiny), "--out", "run"]);
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
}

#[test]
fn a_model_is_neither_packed_nor_blended_over_another() {
    let project = Project::new();
    copy(&data("checkpoints/tiny-safetensors"), &project.path("own"));
    let weights = || fs::read(project.path("own/model.safetensors")).expect("weights");
    let before = weights();
    let refused = |args: &[&str]| project.run(&[&["model"], args].concat()).refused(2, &["own already holds a model"]);
    refused(&["pack", "own", "own"]);
    refused(&["pack", "own", "./own/../own"]);
    refused(&["pack", arg(&data("checkpoints/tiny-qa")), "own"]);
    refused(&["blend", "own", arg(&data("checkpoints/tiny-safetensors")), "own"]);
    refused(&["blend", arg(&data("checkpoints/tiny-safetensors")), "own", "own"]);
    assert_eq!(weights(), before);
}

#[test]
fn a_packed_checkpoint_loads_and_says_nearly_the_same() {
    let project = Project::new();
    let source = data("checkpoints/tiny-safetensors");
    let packed = project.run(&["model", "pack", arg(&source), "packed"]).expect(0).stdout;
    let (whole, small) = (Source::Folder(source), Source::Folder(project.path("packed")));
    let (whole, small) = (Encoder::open(&whole).expect("whole"), Encoder::open(&small).expect("packed"));
    let fingerprint = fs::read_to_string(project.path("packed/fingerprint")).expect("a fingerprint");
    assert_eq!(fingerprint.trim_end(), small.fingerprint());
    assert!(packed.contains(small.fingerprint()) && packed.contains("as 8-bit rows"), "{packed}");
    assert_ne!(whole.fingerprint(), small.fingerprint());
    for text in ["Asthma narrows the airways.", "The heart pumps blood."] {
        let [a, b] = [&whole, &small].map(|encoder| encoder.encode_one(text).expect("a vector"));
        assert!((0.999..1.0).contains(&a.cosine(&b)), "{text}: {}", a.cosine(&b));
    }
    let bytes = |path: std::path::PathBuf| path.join("model.safetensors").metadata().expect("a file").len();
    assert!(bytes(project.path("packed")) < bytes(data("checkpoints/tiny-safetensors")));
}

#[test]
fn what_cannot_be_packed_is_refused() {
    let project = Project::new();
    project.run(&["model", "pack", "nowhere", "packed"]).refused(2, &["nowhere", "no such folder"]);
    let disguised = data("checkpoints/pickle-in-disguise");
    project.run(&["model", "pack", arg(&disguised), "packed"]).refused(2, &["pickle"]);
    assert!(!project.path("packed").exists(), "nothing is written");
}

#[test]
fn a_model_in_the_models_folder_is_used_by_its_name() {
    let project = Project::with_five_documents();
    copy(&data("checkpoints/tiny-safetensors"), &project.path("index/models/somebody--tiny"));
    let report = project.run(&["rebuild", "--encoder", "somebody/tiny", "--json"]).expect(0).json();
    assert_eq!((&report["encoded"], &report["passages"]), (&json!(12), &json!(12)));
    let reply = project.ask(&["--encoder", "somebody/tiny", "What is asthma?"]);
    assert_eq!(reply["encoder"], report["encoder"]);
    project.run(&["ask", "What is asthma?"]).refused(3, &["clinqa-mini-encoder", "clinqa rebuild"]);
}

#[test]
fn another_reader_reads_by_flag_and_by_variable() {
    let project = Project::indexed();
    let tiny = data("checkpoints/tiny-qa");
    assert_eq!(project.ask(&["--reader", arg(&tiny), "What is asthma?"])["reader"], "tiny-qa");
    let mut command = project.command(&["ask", "--json", "What is asthma?"]);
    let by_variable = crate::support::run(command.env("CLINQA_READER", &tiny)).expect(0).json();
    assert_eq!(by_variable["reader"], "tiny-qa");
    fs::create_dir(project.path("broken")).expect("a folder");
    copy(&tiny, &project.path("broken"));
    project.write("broken/calibration.json", "{\"temperature\": 0}");
    project.run(&["ask", "--reader", "broken", "What is asthma?"]).refused(2, &["broken"]);
}

#[test]
fn the_embedded_fingerprints_are_those_of_the_files() {
    for name in EMBEDDED {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/weights").join(name);
        let written = fs::read_to_string(folder.join("fingerprint")).expect("a fingerprint");
        let source = Source::Folder(folder);
        let found = if name == EMBEDDED[0] {
            Encoder::open(&source).expect("an encoder").fingerprint().to_owned()
        } else {
            let reader = Reader::open(&source, Calibration::default(), ReadConfig::default());
            reader.expect("a reader").fingerprint().to_owned()
        };
        assert_eq!(found, written.trim_end(), "{name}");
    }
}

#[test]
fn an_embedded_model_has_no_file_larger_than_the_issue_allows() {
    let listed: Vec<Value> = list(&Project::new().run(&["model", "list", "--json"]).expect(0).json()).clone();
    assert_eq!(listed.len(), 2);
    for bundle in clinqa_weights::BUNDLES {
        let bytes: usize = bundle.files.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(bytes <= 25 << 20, "{} has {bytes} bytes", bundle.name);
    }
}
