//! Does a model come in whole, once, and as it was pinned, whatever the hub does?
#![cfg(feature = "hub")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use clinqa_fetch::{FetchError, PullRequest, Pulled, pull, verify};
use clinqa_schema::{Observer, Progress, Silent, Stage};
use support::{CARD, Hub, MODEL, sha256, tree, weights};

const OTHER_COMMIT: &str = "89abcdef89abcdef89abcdef89abcdef89abcdef";

const INSTALLED: [&str; 7] = [
    "1_Pooling/config.json",
    "README.md",
    "config.json",
    "model.safetensors",
    "pin.json",
    "tokenizer_config.json",
    "vocab.txt",
];

/// The files asked for, each with its range, without the list.
fn asked(hub: &Hub) -> Vec<String> {
    let paths = hub.requests().into_iter().map(|request| request.lines().next().unwrap_or_default().to_owned());
    paths.filter_map(|path| path.split_once("/resolve/")?.1.split_once('/').map(|file| file.1.to_owned())).collect()
}

fn take(request: &PullRequest, models: &Path) -> Result<Pulled, FetchError> {
    pull(request, models, &mut Silent)
}

#[track_caller]
fn refusal(request: &PullRequest, models: &Path, expected: &str) {
    let error = take(request, models).expect_err("a refusal").to_string();
    assert!(error.contains(expected), "{error:?} does not say {expected:?}");
}

#[derive(Default)]
struct Seen(Vec<Progress>);

impl Observer for Seen {
    fn observe(&mut self, progress: &Progress) {
        self.0.push(progress.clone());
    }
}

#[test]
fn a_whole_model_is_pulled_pinned_and_verified() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    let mut seen = Seen::default();
    let pulled = pull(&hub.ask(), models.path(), &mut seen).expect("a model");

    assert_eq!(pulled.folder, models.path().join("clinic--tiny-bert"));
    assert_eq!(pulled.weights_sha256, sha256(&weights(1)));
    assert!(!pulled.pinned_before);
    assert_eq!(tree(&pulled.folder), INSTALLED);
    assert_eq!(tree(models.path()).len(), INSTALLED.len(), "nothing is left beside the folder");
    assert_eq!(verify(&pulled.folder).expect("verified"), pulled.files);
    let bytes: u64 = pulled.files.iter().map(|file| file.bytes).sum();
    let last = Progress { stage: Stage::Fetch, done: bytes, total: Some(bytes) };
    assert_eq!(seen.0.last(), Some(&last));
    assert!(seen.0.windows(2).all(|pair| pair[0].done <= pair[1].done));
    let requests = hub.requests();
    let commit = "/resolve/0123456789abcdef0123456789abcdef01234567/";
    assert!(requests.iter().skip(1).all(|request| request.contains(commit)), "files come from the listed commit");
}

#[test]
fn a_hub_learns_a_name_a_file_and_the_version_of_clinqa_only() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    // hf-hub looks for a token beside its cache folder.
    fs::write(models.path().join("token"), "hf_forgotten").expect("a file");
    take(&hub.ask(), models.path()).expect("a model");
    let agent = concat!("user-agent: clinqa/", env!("CARGO_PKG_VERSION"));
    for request in hub.requests() {
        let agents: Vec<&str> = request.lines().filter(|line| line.starts_with("user-agent:")).collect();
        assert_eq!(agents, [agent]);
        let mut names: Vec<&str> = request.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0)).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"]);
    }
}

#[test]
fn a_token_goes_to_the_hub_and_not_to_where_the_hub_sends_us() {
    let (hub, elsewhere, models) = (Hub::start(), Hub::start(), tempfile::tempdir().expect("a folder"));
    hub.site().redirect = Some(elsewhere.endpoint.replace("127.0.0.1", "localhost"));
    take(&PullRequest { token: Some("hf_secret".into()), ..hub.ask() }, models.path()).expect("a model");
    assert!(hub.requests().iter().all(|request| request.contains("authorization: bearer hf_secret")));
    let sent_on = elsewhere.requests();
    assert!(sent_on.len() == 1 && !sent_on[0].contains("authorization"), "{sent_on:?}");
}

#[test]
fn a_second_pull_of_the_same_commit_downloads_nothing() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    let first = take(&hub.ask(), models.path()).expect("a model");
    asked(&hub);
    let second = take(&hub.ask(), models.path()).expect("the same model");
    assert_eq!(asked(&hub), Vec::<String>::new());
    assert_eq!(second, Pulled { pinned_before: true, ..first });
}

#[test]
fn a_new_commit_with_the_same_bytes_is_accepted() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    let first = take(&hub.ask(), models.path()).expect("a model");
    hub.site().commit = OTHER_COMMIT.into();
    let second = take(&hub.ask(), models.path()).expect("the same model");
    assert_eq!(second, Pulled { pinned_before: true, ..first });
    assert_eq!(tree(models.path()).len(), INSTALLED.len());
}

#[test]
fn a_card_comes_with_the_model_may_change_and_is_left_out_where_it_is_too_large() {
    for (lists, tells) in [(true, true), (true, false), (false, false)] {
        let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
        (hub.site().lists, hub.site().tells) = (lists, tells);
        let card = |pulled: &Pulled| fs::read(pulled.folder.join("README.md")).ok();
        assert_eq!(card(&take(&hub.ask(), models.path()).expect("a model")).as_deref(), Some(CARD));
        let set = |bytes: Option<Vec<u8>>, commit: &str| {
            hub.site().commit = commit.into();
            hub.site().files.remove("README.md");
            hub.site().files.extend(bytes.map(|bytes| ("README.md".to_owned(), bytes)));
            card(&take(&hub.ask(), models.path()).expect("a model"))
        };
        assert_eq!(set(Some(b"# Better".to_vec()), OTHER_COMMIT).as_deref(), Some(&b"# Better"[..]));
        assert_eq!(set(Some(vec![b'#'; (1 << 20) + 1]), &"a".repeat(40)), None);
        assert_eq!(set(Some(CARD.to_vec()), &"b".repeat(40)).as_deref(), Some(CARD));
        assert_eq!(set(None, &"c".repeat(40)), None);
    }
}

#[test]
fn changed_bytes_are_refused_until_their_digest_is_named() {
    let check = |change: &dyn Fn(&Hub), file: &str, named: &[u8]| {
        let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
        let first = take(&hub.ask(), models.path()).expect("a model");
        change(&hub);
        hub.site().commit = OTHER_COMMIT.into();
        let error = take(&hub.ask(), models.path()).expect_err("a refusal");
        assert!(matches!(&error, FetchError::Changed { file: found, .. } if found == file), "{error}");
        assert!(error.to_string().contains("--sha256") && error.to_string().contains("delete the folder"), "{error}");
        assert_eq!(verify(&first.folder).expect("the old model stays"), first.files);
        assert_eq!(tree(models.path()).len(), INSTALLED.len(), "what was refused is gone");

        let named = sha256(named).to_ascii_uppercase();
        let accepted = take(&PullRequest { sha256: Some(named), ..hub.ask() }, models.path()).expect("accepted");
        assert!(accepted.pinned_before);
        assert_ne!(accepted.files, first.files);
        assert_eq!(verify(&accepted.folder).expect("the new model"), accepted.files);
    };
    let set = |file: &str, bytes: Vec<u8>, tells: bool| {
        let file = file.to_owned();
        move |hub: &Hub| {
            hub.site().tells = tells;
            hub.site().files.insert(file.clone(), bytes.clone());
        }
    };
    check(&set("model.safetensors", weights(2), true), "model.safetensors", &weights(2));
    check(&set("model.safetensors", weights(2), false), "model.safetensors", &weights(2));
    check(&set("vocab.txt", b"[PAD]\n[UNK]\nliver\n".to_vec(), true), "vocab.txt", &weights(1));
    check(&set("modules.json", b"[]".to_vec(), true), "modules.json", &weights(1));
    let gone = |hub: &Hub| {
        hub.site().files.remove("1_Pooling/config.json");
    };
    check(&gone, "1_Pooling/config.json", &weights(1));
}

#[test]
fn changed_weights_that_the_list_announces_are_refused_before_they_are_downloaded() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    take(&hub.ask(), models.path()).expect("a model");
    hub.site().files.insert("model.safetensors".into(), weights(2));
    hub.site().commit = OTHER_COMMIT.into();
    asked(&hub);
    refusal(&hub.ask(), models.path(), "cannot replace model.safetensors");
    assert_eq!(asked(&hub), Vec::<String>::new());
}

#[test]
fn weights_of_another_digest_than_named_are_not_installed() {
    for tells in [true, false] {
        let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
        hub.site().tells = tells;
        let request = PullRequest { sha256: Some(sha256(b"others")), ..hub.ask() };
        refusal(&request, models.path(), "nothing was installed");
        assert_eq!(tree(models.path()), Vec::<String>::new());
        take(&hub.ask(), models.path()).expect("a model");
        refusal(&request, models.path(), "nothing was installed");
        assert_eq!(tree(models.path()).len(), INSTALLED.len(), "the installed one stays");
    }
}

#[test]
fn bytes_that_are_not_those_of_the_list_are_refused() {
    let (hub, other, models) = (Hub::start(), Hub::start(), tempfile::tempdir().expect("a folder"));
    other.site().files.insert("model.safetensors".into(), weights(2));
    hub.site().redirect = Some(other.endpoint.clone());
    refusal(&hub.ask(), models.path(), "nothing was installed");
    assert_eq!(tree(models.path()), Vec::<String>::new());
}

#[test]
fn a_pull_that_was_cut_goes_on_where_it_stopped() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    hub.site().cut = Some(("model.safetensors", 100_000));
    refusal(&hub.ask(), models.path(), "model.safetensors stopped after 100000 bytes");
    assert!(!models.path().join("clinic--tiny-bert").exists());
    asked(&hub);

    hub.site().cut = None;
    let pulled = take(&hub.ask(), models.path()).expect("the rest");
    assert_eq!(asked(&hub), ["model.safetensors 100000-"]);
    assert_eq!(pulled.weights_sha256, sha256(&weights(1)));
    assert_eq!(tree(models.path()).len(), INSTALLED.len());
}

#[test]
fn a_hub_that_ignores_ranges_is_asked_for_the_whole_file_and_nothing_is_appended() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    hub.site().cut = Some(("model.safetensors", 100_000));
    take(&hub.ask(), models.path()).expect_err("a cut");
    hub.site().cut = None;
    hub.site().whole_only = true;
    assert_eq!(take(&hub.ask(), models.path()).expect("a model").weights_sha256, sha256(&weights(1)));
}

#[test]
fn what_was_cut_of_one_commit_is_not_mixed_with_another() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    hub.site().cut = Some(("model.safetensors", 100_000));
    take(&hub.ask(), models.path()).expect_err("a cut");
    asked(&hub);
    hub.site().cut = None;
    hub.site().commit = OTHER_COMMIT.into();
    hub.site().files.insert("model.safetensors".into(), weights(2));
    assert_eq!(take(&hub.ask(), models.path()).expect("a model").weights_sha256, sha256(&weights(2)));
    assert!(asked(&hub).iter().all(|file| file.ends_with(" whole")));
}

#[test]
fn a_part_that_is_longer_than_the_file_is_fetched_again() {
    for tells in [true, false] {
        let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
        hub.site().tells = tells;
        let folder = models.path().join(".partial/clinic--tiny-bert").join(&hub.site().commit);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("vocab.txt.part"), [b'x'; 5_000]).expect("a file");
        let pulled = take(&hub.ask(), models.path()).expect("a model");
        assert_eq!(fs::read(pulled.folder.join("vocab.txt")).expect("a file"), b"[PAD]\n[UNK]\nheart\n");
    }
}

#[test]
fn a_hub_that_lies_about_a_length_is_refused() {
    let check = |tells: bool, file: &'static str, expected: &str| {
        let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
        hub.site().tells = tells;
        hub.site().overstate = Some((file, 7));
        refusal(&hub.ask(), models.path(), expected);
        assert!(!models.path().join("clinic--tiny-bert").exists());
    };
    check(true, "vocab.txt", "18 bytes were announced and 25 offered");
    check(false, "vocab.txt", "vocab.txt stopped after 18 bytes");
    check(true, "model.safetensors", "300000 bytes were announced and 300007 offered");
    check(false, "model.safetensors", "model.safetensors stopped after 300000 bytes");
}

#[test]
fn a_file_beyond_any_model_is_refused_by_its_announced_length() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    hub.site().tells = false;
    hub.site().overstate = Some(("vocab.txt", 65 << 20));
    refusal(&hub.ask(), models.path(), "cannot pull vocab.txt: it has more than");
    hub.site().overstate = Some(("model.safetensors", 7 << 30));
    refusal(&hub.ask(), models.path(), "cannot pull model.safetensors: it has more than");
}

#[test]
fn a_file_of_no_known_length_is_taken_only_if_the_list_tells_it() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    hub.site().no_length = true;
    hub.site().tells = false;
    refusal(&hub.ask(), models.path(), "does not say how long");
    hub.site().tells = true;
    hub.site().cut = Some(("model.safetensors", 100_000));
    refusal(&hub.ask(), models.path(), "model.safetensors stopped after 100000 bytes");
    hub.site().cut = None;
    take(&hub.ask(), models.path()).expect("a model");
}

#[test]
fn a_hostile_etag_names_no_file_on_our_disk() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    let outside = models.path().join("outside");
    hub.site().etag = Some(format!("\"{}\"", outside.display()));
    take(&hub.ask(), models.path()).expect("a model");
    assert!(!outside.exists());
    assert_eq!(tree(models.path()).len(), INSTALLED.len());
}

#[test]
fn a_hub_without_a_list_is_asked_file_by_file() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    hub.site().lists = false;
    let pulled = take(&hub.ask(), models.path()).expect("a model");
    assert_eq!(tree(&pulled.folder), INSTALLED, "a pickle is not fetched beside safetensors");
    let files = hub.requests();
    assert!(files[1].contains("/resolve/main/config.json"));
    assert!(files[2].contains("/resolve/0123456789abcdef"), "then by the commit that the first answer named");
    hub.site().files.remove("model.safetensors");
    let other = tempfile::tempdir().expect("a folder");
    let pulled = take(&hub.ask(), other.path()).expect("a model with a pickle");
    assert_eq!(pulled.weights_sha256, sha256(b"a pickle"));
}

#[test]
fn a_model_that_lacks_a_part_is_refused_before_it_is_downloaded() {
    let check = |gone: &[&str], lists: bool, expected: &str| {
        let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
        hub.site().lists = lists;
        hub.site().files.retain(|file, _| !gone.contains(&file.as_str()));
        refusal(&hub.ask(), models.path(), expected);
        assert!(!models.path().join("clinic--tiny-bert").exists());
        assert_eq!(asked(&hub).is_empty(), lists);
    };
    for lists in [true, false] {
        check(&["model.safetensors", "pytorch_model.bin"], lists, "it has no weights");
        check(&["vocab.txt"], lists, "it has no tokenizer");
    }
    check(&["config.json"], true, "it has no config.json");
    check(&["config.json"], false, "no such model or revision");
}

#[test]
fn a_refusing_hub_is_reported_with_the_cure() {
    let check = |status: u16, expected: &str| {
        let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
        hub.site().status = Some(status);
        refusal(&hub.ask(), models.path(), expected);
        assert!(tree(models.path()).is_empty());
    };
    check(401, "the hub answered 401; check the name, and if the model is private or gated");
    check(403, "pass a token");
    check(404, "no such model or revision; check both");
    check(429, "answered 429; try again later");
    check(503, "answered 503; try again later");
}

#[test]
fn no_hub_is_reported_with_the_offline_way() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let models = tempfile::tempdir().expect("a folder");
    let endpoint = Some(format!("http://{free}"));
    let request = PullRequest { name: MODEL.into(), endpoint, ..PullRequest::default() };
    refusal(&request, models.path(), "cannot reach the hub http://127.0.0.1:");
    refusal(&request, models.path(), "copy the folder by hand and pass `--encoder FOLDER`");
    assert!(tree(models.path()).is_empty());
}

#[test]
fn a_name_that_would_escape_is_refused_before_any_socket() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    for name in ["../../etc/passwd", "clinic/..", "clinic/tiny?x", "clinic", "/clinic/tiny-bert"] {
        refusal(&PullRequest { name: name.into(), ..hub.ask() }, models.path(), "a model is named OWNER/MODEL");
    }
    refusal(&PullRequest { revision: Some("../x".into()), ..hub.ask() }, models.path(), "no branch, tag or commit");
    refusal(&PullRequest { sha256: Some("abc".into()), ..hub.ask() }, models.path(), "64 hexadecimal digits");
    assert!(hub.requests().is_empty());
    assert_eq!(fs::read_dir(models.path()).expect("a folder").count(), 0);
}

#[test]
fn a_damaged_model_is_named_and_healed_by_the_next_pull() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    let first = take(&hub.ask(), models.path()).expect("a model");
    fs::write(first.folder.join("model.safetensors"), weights(3)).expect("a file");
    let error = verify(&first.folder).expect_err("damage").to_string();
    assert!(error.contains("model.safetensors") && error.contains(&first.weights_sha256), "{error}");
    let healed = take(&hub.ask(), models.path()).expect("a model");
    assert_eq!(verify(&healed.folder).expect("verified"), first.files);
}

#[test]
fn a_folder_that_no_pull_made_is_left_alone() {
    let (hub, models) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    let own = models.path().join("clinic--tiny-bert");
    fs::create_dir(&own).expect("a folder");
    fs::write(own.join("config.json"), "mine").expect("a file");
    refusal(&hub.ask(), models.path(), "holds no pin.json");
    assert_eq!(tree(models.path()), ["clinic--tiny-bert/config.json"]);
    assert!(hub.requests().is_empty());
}
