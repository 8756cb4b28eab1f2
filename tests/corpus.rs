//! Does literature come in whole, stay what it was, and say what a new delivery would change?

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::{Project, data, list};

fn leaflet(title: &str, text: &str) -> String {
    format!("---\ntitle: {title}\n---\n\n## What it is\n\n{text}\n")
}

/// A project with the corpus `ward`, added from a folder of two leaflets.
fn added() -> Project {
    let project = Project::new();
    project.write("incoming/ward/asthma.md", leaflet("Asthma", "Asthma narrows the airways of the lungs."));
    project.write("incoming/ward/gout.md", leaflet("Gout", "Gout is a painful swelling of joints."));
    project.write("incoming/ward/.hidden.md", leaflet("Hidden", "Nobody asked for this."));
    let told = project.run(&[
        "corpus",
        "add",
        "incoming/ward",
        "--licence",
        "CC-BY-4.0",
        "--default",
        "kind=leaflet",
        "--default",
        "audience=patient",
    ]);
    let told = told.expect(0).stdout;
    assert!(told.contains("Added ward: 2 files") && told.contains("2 read = 2 indexed"), "{told}");
    project
}

#[test]
fn one_of_two_that_are_added_under_one_name_at_once_is_whole_and_the_other_is_refused() {
    let project = Project::new();
    for (side, count) in [("left", 40), ("right", 60)] {
        for number in 0..count {
            let text = format!("{side} {number} is a painful swelling of joints.");
            project.write(&format!("incoming/{side}/{side}{number}.md"), leaflet("Gout", &text));
        }
    }
    let [left, right] = thread::scope(|scope| {
        let add = |side| project.run(&["corpus", "add", &format!("incoming/{side}"), "--name", "ward"]);
        ["left", "right"].map(|side| scope.spawn(move || add(side))).map(|adding| adding.join().expect("no panic"))
    });
    let (side, count, refused) = if left.code == 0 { ("left", 40, right) } else { ("right", 60, left) };
    refused.refused(2, &["ward", "--name"]);
    let files = fs::read_dir(project.path("corpora/ward")).expect("a folder").map(|it| it.expect("a file").file_name());
    let (own, others): (Vec<_>, Vec<_>) = files.partition(|name| name.to_string_lossy().starts_with(side));
    assert_eq!((own.len(), others), (count, vec!["corpus.toml".into()]));
    assert_eq!(fs::read_dir(project.path("corpora")).expect("a folder").count(), 1, "nothing is left behind");
    project.run(&["corpus", "verify"]).expect(0);
}

#[test]
fn a_folder_becomes_a_corpus_that_answers_after_a_rebuild() {
    let project = added();
    let manifest = fs::read_to_string(project.path("corpora/ward/corpus.toml")).expect("a manifest");
    for part in ["name = \"ward\"", "licence = \"CC-BY-4.0\"", "kind = \"leaflet\"", "\"asthma.md\" = \""] {
        assert!(manifest.contains(part), "{part} in {manifest}");
    }
    assert!(!project.path("corpora/ward/.hidden.md").exists());
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    let found = project.run(&["search", "--lexical-only", "--json", "gout joints"]).expect(0).json();
    assert_eq!((&found["results"][0]["title"], &found["results"][0]["kind"]), (&"Gout".into(), &"leaflet".into()));
    let listed = project.run(&["corpus", "list", "--json"]).expect(0).json();
    assert_eq!((&listed[0]["name"], &listed[0]["licence"]), (&"ward".into(), &"CC-BY-4.0".into()));
    project.run(&["corpus", "add", "incoming/ward"]).refused(2, &["ward", "--name"]);
    project.run(&["corpus", "add", "incoming/ward", "--name", "two", "--default", "colour=red"]).refused(2, &["kind"]);
    project.run(&["corpus", "add", "incoming/none"]).refused(2, &["incoming/none", "check the path"]);
    let left: Vec<_> =
        fs::read_dir(project.path("corpora")).expect("a folder").flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["ward"], "what failed leaves nothing behind");
}

#[test]
fn one_file_or_archive_is_a_corpus_too() {
    let project = Project::new();
    let line = "{\"_id\": \"one\", \"title\": \"Asthma\", \"text\": \"Asthma narrows the airways.\"}\n";
    project.write("corpus.jsonl", line);
    let told = project.run(&["corpus", "add", "corpus.jsonl", "--name", "beir", "--json"]).expect(0).json();
    assert_eq!((&told["name"], &told["records"]["indexed"]), (&"beir".into(), &1.into()), "{told}");
    project
        .run(&["corpus", "add", data("five").to_str().expect("a path"), "--name", "../five"])
        .refused(2, &["--name"]);
}

#[test]
fn a_file_that_is_no_longer_what_was_delivered_is_told() {
    let project = added();
    let sound = project.run(&["corpus", "verify"]).expect(0).stdout;
    assert!(sound.contains("ward: ok, 2 of"), "{sound}");
    project.write("corpora/ward/gout.md", leaflet("Gout", "Gout is a gift of fairies."));
    let told = project.run(&["corpus", "verify", "ward", "--json"]).expect(3).json();
    assert_eq!(told[0]["sound"], false);
    assert!(told[0]["error"].as_str().is_some_and(|error| error.contains("gout.md")), "{told}");
    project.run(&["corpus", "verify", "nobody"]).refused(2, &["nobody", "clinqa corpus list"]);
}

#[test]
fn a_new_delivery_says_what_it_would_change_before_it_does() {
    let project = added();
    project.write("incoming/next/asthma.md", leaflet("Asthma", "Asthma narrows the airways of the lungs."));
    project
        .write("incoming/next/gout.md", leaflet("Gout", "Gout is a painful swelling of joints, most often of a toe."));
    project.write("incoming/next/shingles.md", leaflet("Shingles", "Shingles is a painful rash."));
    let told = project.run(&["corpus", "diff", "ward", "incoming/next", "--json"]).expect(0).json();
    assert_eq!(
        (list(&told["added"]).len(), list(&told["changed"]).len(), list(&told["gone"]).len()),
        (1, 1, 0),
        "{told}"
    );
    assert_eq!(
        (&told["added"][0], &told["changed"][0], &told["unchanged"]),
        (&"shingles".into(), &"gout".into(), &1.into())
    );
    fs::remove_file(project.path("incoming/next/asthma.md")).expect("it was there");
    let told = project.run(&["corpus", "diff", "ward", "incoming/next"]).expect(0).stdout;
    assert!(told.contains("1 not in the new delivery: asthma"), "{told}");
    let left: Vec<_> =
        fs::read_dir(project.path("corpora")).expect("a folder").flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["ward"]);
}

#[test]
fn a_linked_corpus_is_read_where_it_lies_and_never_touched() {
    let project = Project::new();
    let gout = project.write("ward/gout.md", leaflet("Gout", "Gout is a painful swelling of joints."));
    let told = project.run(&["corpus", "add", "ward", "--link", "--default", "kind=leaflet"]).expect(0).stdout;
    assert!(told.contains("Linked ward: 1 files") && told.contains("1 read = 1 indexed"), "{told}");
    assert!(!project.path("corpora/ward/gout.md").exists());
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    let found = || project.run(&["search", "--lexical-only", "--json", "gout joints"]).expect(0).json();
    assert_eq!((&found()["results"][0]["title"], &found()["results"][0]["kind"]), (&"Gout".into(), &"leaflet".into()));
    // Its keeper may change it: that counts with the next rebuild, and is no damage.
    project.write("ward/more/rash.md", leaflet("Rash", "A rash itches."));
    let sound = project.run(&["corpus", "verify", "ward"]).expect(0).stdout;
    assert!(sound.contains("ward: readable; none of its 2 files has a digest"), "{sound}");
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    let listed = project.run(&["corpus", "list"]).expect(0).stdout;
    assert!(listed.contains("ward: 2 files") && listed.contains("linked to ") && listed.contains("/ward"), "{listed}");
    project.write("next/gout.md", leaflet("Gout", "Gout is a swelling of a toe."));
    let told = project.run(&["corpus", "diff", "ward", "next", "--json"]).expect(0).json();
    assert_eq!((&told["changed"][0], list(&told["gone"]).len()), (&"gout".into(), 1), "{told}");
    project.run(&["corpus", "add", ".", "--link", "--name", "all"]).refused(2, &["cannot link", "--corpus"]);
    fs::rename(project.path("ward"), project.path("away")).expect("renamed");
    let told = project.run(&["corpus", "verify", "ward"]).expect(3).stdout;
    assert!(told.contains("which is not there") && told.contains("mount"), "{told}");
    fs::rename(project.path("away"), project.path("ward")).expect("renamed");
    let told = project.run(&["corpus", "remove", "ward", "--yes"]).expect(0).stdout;
    assert!(told.contains("Its files stay in ") && gout.exists() && !project.path("corpora/ward").exists(), "{told}");
    // One file may be linked as well.
    project.run(&["corpus", "add", "ward/gout.md", "--link"]).expect(0);
    project.run(&["rebuild", "--lexical-only", "--force"]).expect(0);
    assert_eq!(found()["results"][0]["title"], "Gout");
}

#[test]
fn a_corpus_is_removed_only_if_that_is_meant() {
    let project = added();
    project.run(&["corpus", "remove", "ward"]).refused(2, &["--yes"]);
    assert!(project.path("corpora/ward").exists());
    project.run(&["corpus", "remove", "ward", "--yes"]).expect(0);
    assert!(!project.path("corpora/ward").exists());
    project.run(&["corpus", "remove", "ward", "--yes"]).refused(2, &["ward"]);
    let nothing = project.run(&["corpus", "list"]).expect(0).stdout;
    assert!(nothing.contains("starter corpus"), "{nothing}");
}

/// Serves leaflets and a list of update files to whoever asks, and counts the requests.
fn provider() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a stream");
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
            counted.fetch_add(1, Ordering::Relaxed);
            let path = head.split(' ').nth(1).unwrap_or_default();
            let body = match path {
                "/updatefiles/" => "<a href=\"pubmed26n1274.xml.gz\">a</a> 2026-01-10 14:05\n".to_owned(),
                "/gout.md" => leaflet("Gout", "Gout is a painful swelling of joints."),
                path => leaflet("Asthma", &format!("Asthma narrows the airways, says {path}.")),
            };
            let answer = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"1\"\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, asked)
}

#[test]
fn what_a_manifest_names_is_fetched_checked_and_answers_after_a_rebuild() {
    let (project, (url, asked)) = (Project::new(), provider());
    let manifest = |rest: &str| {
        let head = "name = \"far\"\nlicence = \"CC0-1.0\"\norigin = \"a test\"\n";
        project.write("corpora/far/corpus.toml", format!("{head}{rest}"));
    };
    manifest(&format!("[fetch]\nurls = [\"{url}/gout.md\"]\n"));
    project.run(&["corpus", "fetch", "far"]).refused(2, &["127.0.0.1", "--allow-private"]);
    assert_eq!(asked.load(Ordering::Relaxed), 0, "refused before a socket opens");
    let would = project.run(&["corpus", "fetch", "far", "--allow-private", "--dry-run"]).expect(0).stdout;
    assert_eq!(would, format!("{url}/gout.md\n"));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let told = project.run(&["corpus", "fetch", "far", "--allow-private", "--json"]).expect(0).json();
    assert_eq!((&told["new"], &told["files"][0]["file"]), (&1.into(), &"gout.md".into()), "{told}");
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    let found = project.run(&["search", "--lexical-only", "--json", "gout joints"]).expect(0).json();
    assert_eq!(found["results"][0]["title"], "Gout");

    let listed = project.run(&["corpus", "list", "--json"]).expect(0).json();
    assert_eq!(listed[0]["last_fetch"]["files"], 1, "{listed}");
    let said = project.run(&["corpus", "list"]).expect(0).stdout;
    assert!(said.contains("; last fetch 20") && said.contains(": 1 files"), "{said}");
    let sound = project.run(&["corpus", "verify", "far"]).expect(0).stdout;
    assert!(sound.contains("far: ok, 1 of"), "{sound}");
    let came = fs::read(project.path("corpora/far/gout.md")).expect("a file");
    project.write("corpora/far/gout.md", leaflet("Gout", "Gout is a gift of fairies."));
    let told = project.run(&["corpus", "verify", "far"]).expect(3).stdout;
    assert!(told.contains("no longer what was fetched: gout.md") && told.contains("corpus fetch far"), "{told}");
    project.write("corpora/far/gout.md", came);

    manifest(&format!("[[fetch.urls]]\nurl = \"{url}/other.md\"\nsha256 = \"{}\"\n", "0".repeat(64)));
    project.run(&["corpus", "fetch", "far", "--allow-private"]).refused(1, &["other.md", "SHA-256"]);
    assert!(!project.path("corpora/far/other.md").exists());
    manifest("[fetch]\nurl = \"x\"\n");
    project.run(&["corpus", "fetch", "far"]).refused(2, &["[fetch]", "unknown field"]);
    manifest("");
    project.run(&["corpus", "fetch", "far"]).refused(2, &["[fetch]", "`urls`"]);
    project.run(&["corpus", "fetch", "nowhere"]).refused(2, &["nowhere", "medlineplus", "pubmed-updates"]);
}

#[test]
fn a_public_source_becomes_a_corpus_when_its_first_file_has_come() {
    let (project, (url, _)) = (Project::new(), provider());
    let fetch = ["corpus", "fetch", "pubmed-updates", "--allow-private", "--mirror"];
    let mirror = format!("{url}/updatefiles/");
    let with = |more: &[&str]| project.run(&[&fetch, [mirror.as_str()].as_slice(), more].concat());
    let would = with(&["--files", "1270-1280", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(would[0]["url"], format!("{mirror}pubmed26n1274.xml.gz"));
    with(&["--files", "1-2"]).refused(2, &["--files"]);
    with(&["--files", "2-1"]).expect(2);
    with(&["--files", "1274"]).refused(2, &["no MD5"]);
    assert!(!project.path("corpora/pubmed-updates").exists(), "nothing came");
    project.run(&["corpus", "fetch", "pmc-oa", "--allow-private", "--mirror", &url]).refused(2, &["--ids"]);
    let told = project.run(&["corpus", "fetch", "pmc-oa", "--ids", "PMC7", "--allow-private", "--mirror", &url]);
    assert!(told.expect(0).stdout.contains("clinqa rebuild"));
    let manifest = fs::read_to_string(project.path("corpora/pmc-oa/corpus.toml")).expect("a manifest");
    assert!(
        manifest.contains("source = \"pmc-oa\"") && manifest.contains("publisher = \"PubMed Central\""),
        "{manifest}"
    );
    assert!(project.path("corpora/pmc-oa/PMC7.1.xml").exists());
}

#[test]
fn a_watched_folder_is_taken_up_by_itself_and_the_watch_ends_when_asked() {
    let project = added();
    let mut command = project.command(&["corpus", "watch", "--interval", "1", "--lexical-only", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut event = || -> serde_json::Value {
        let line = lines.next().expect("another event").expect("text");
        serde_json::from_str(&line).expect("JSON")
    };
    assert_eq!(event()["event"], "watching");
    project.write("corpora/ward/shingles.md", leaflet("Shingles", "Shingles is a painful rash."));
    let changed = event();
    assert_eq!((&changed["event"], &changed["files"]), (&"changed".into(), &1.into()));
    assert_eq!(event()["event"], "published");
    let found = project.run(&["search", "--lexical-only", "--json", "painful rash"]).expect(0).json();
    assert_eq!(found["results"][0]["title"], "Shingles");
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill").success());
    assert_eq!(event()["event"], "ended");
    assert!(child.wait().expect("it ends").success());
}
