//! What is left of an index when its rebuild is killed, starved of disk or lied to by the disk?
//!
//! Every short form is seeded and takes seconds; the long ones run with `-- --ignored`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::disk::Disk;
use crate::support::strace::{Call, calls, traced};
use crate::support::{Project, arg, copy, data, skipped};

const REBUILD: [&str; 2] = ["rebuild", "--lexical-only"];

/// A repeatable sequence of numbers (splitmix64).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// The five documents as words, and one document more that waits to be indexed.
fn about_to_change() -> Project {
    let project = Project::with_five_documents();
    project.run(&REBUILD).expect(0);
    project.write("corpora/own/gout.md", "# Gout\n\nGout is a painful swelling of a joint.\n");
    project
}

/// What a question finds, that both generations must find alike.
fn golden(project: &Project) -> Vec<String> {
    let found = project.run(&["search", "--lexical-only", "--json", "wheeze inhaler", "--top-k", "3"]).expect(0).json();
    let rows = found["results"].as_array().expect("a list").iter();
    rows.map(|row| format!("{} {}", row["passage_id"], row["quote"])).collect()
}

/// The index opens, every file of it is sound, and the answers are what they were.
#[track_caller]
fn whole(project: &Project, expected: &[String], when: &str) {
    let verdict = project.run(&["index", "verify", "--json"]).expect(0).json();
    assert_eq!(verdict["sound"], true, "{when}: {verdict}");
    assert_eq!(golden(project), expected, "{when}");
}

fn temporaries(project: &Project) -> Vec<PathBuf> {
    let names = project.index_files().into_iter().map(|(path, _)| path);
    let is_temporary =
        |path: &PathBuf| path.components().any(|part| part.as_os_str().to_string_lossy().contains(".tmp-"));
    names.filter(|path| is_temporary(path) || path.to_string_lossy().ends_with(".next")).collect()
}

#[test]
fn publishing_makes_everything_durable_before_it_is_named() {
    published_in_order(2);
}

#[test]
#[ignore = "twenty traced rebuilds"]
fn twenty_publications_make_everything_durable_before_it_is_named() {
    published_in_order(20);
}

fn published_in_order(times: usize) {
    for _ in 0..times {
        let project = about_to_change();
        let report = project.path("trace");
        let options = ["-e", "trace=write,pwrite64,fsync,fdatasync,rename,renameat,renameat2"];
        let Some(mut command) = traced(&project, &options, &report, &REBUILD) else {
            return skipped("the order of system calls: strace is not here, or may not trace");
        };
        assert!(command.output().expect("it runs").status.success());
        let text = String::from_utf8_lossy(&fs::read(&report).expect("a report")).into_owned();
        check_order(&project, &calls(&text));
    }
}

/// Files, folders, manifest last; then the folder gets its name, `CURRENT` is replaced, and each name is durable before
/// the next step.
fn check_order(project: &Project, calls: &[Call]) {
    let at = |what: &str, found: &dyn Fn(&Call) -> bool| -> usize {
        calls.iter().position(found).unwrap_or_else(|| panic!("no {what} among {} calls", calls.len()))
    };
    let is_sync = |call: &Call| ["fsync", "fdatasync"].contains(&call.name.as_str());
    let is_rename = |call: &Call| call.name.starts_with("rename");
    let named = at("naming of the folder", &|call| is_rename(call) && call.args.contains(".tmp-g000002\""));
    let pointed = at("swap of CURRENT", &|call| is_rename(call) && call.args.contains(".CURRENT.next"));
    let manifest = at("sync of the manifest", &|call| is_sync(call) && call.args.contains("manifest.json"));
    for (path, _) in crate::support::files_below(&project.generation()) {
        let file = path.strip_prefix(project.generation()).expect("below").to_string_lossy().into_owned();
        let ending = format!(".tmp-g000002/{file}>");
        let of_file = |call: &Call| call.args.contains(&ending);
        let synced = calls.iter().rposition(|call| is_sync(call) && of_file(call));
        let synced = synced.unwrap_or_else(|| panic!("{file} is never made durable"));
        assert!(synced <= manifest, "{file} is durable before the manifest vouches for it");
        let written = calls.iter().rposition(|call| call.name.contains("write") && of_file(call));
        assert!(written.is_none_or(|written| written < synced), "{file} is written after it was made durable");
    }
    let folder = |name: &str, after: usize, before: usize| {
        let ending = format!("{name}>");
        let synced = calls[after..before].iter().any(|call| is_sync(call) && call.args.ends_with(&ending));
        assert!(synced, "the names in {name} are durable before the next step");
    };
    folder(".tmp-g000002", manifest, named);
    folder("/index/generations", named, pointed);
    folder("/index", pointed, calls.len());
    let next = at("sync of the pointer", &|call| is_sync(call) && call.args.contains(".CURRENT.next"));
    assert!(manifest < named && named < next && next < pointed);
}

#[test]
fn a_rebuild_that_is_killed_at_a_call_leaves_the_old_index_or_the_new_one() {
    let mut seeded = Seeded(7);
    let places: Vec<u64> = (0..10).map(|_| 1 + seeded.below(60)).collect();
    killed_at("write,pwrite64", &places);
    killed_at("fsync,fdatasync", &[1, 2, 5, 9, 14, 17, 19]);
    killed_at("rename,renameat,renameat2", &[1, 2, 3, 4, 5]);
    killed_at("unlink,unlinkat,rmdir", &[1, 2, 3]);
}

#[test]
#[ignore = "a kill at every call, one by one"]
fn a_rebuild_that_is_killed_at_any_call_leaves_the_old_index_or_the_new_one() {
    let all: Vec<u64> = (1..=120).collect();
    for calls in ["write,pwrite64", "fsync,fdatasync", "rename,renameat,renameat2", "unlink,unlinkat,rmdir"] {
        killed_at(calls, &all);
    }
}

/// Kills the rebuild at the n-th of these calls of a thread, for each n.
fn killed_at(calls: &str, places: &[u64]) {
    let project = about_to_change();
    let expected = golden(&project);
    let kept = project.path("kept");
    copy(&project.path("index"), &kept);
    for place in places {
        let options = [
            "-e".to_owned(),
            format!("trace={calls}"),
            "-e".to_owned(),
            format!("inject={calls}:signal=SIGKILL:when={place}"),
        ];
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let Some(mut command) = traced(&project, &options, &project.path("trace"), &REBUILD) else {
            return skipped("kills at system calls: strace is not here, or may not trace");
        };
        command.output().expect("it runs");
        whole(&project, &expected, &format!("killed at {calls} number {place}"));
        project.run(&REBUILD).expect(0);
        assert_eq!(temporaries(&project), Vec::<PathBuf>::new(), "the next rebuild cleared away what was left");
        fs::remove_dir_all(project.path("index")).expect("removed");
        copy(&kept, &project.path("index"));
    }
}

#[test]
fn rebuilds_that_are_killed_at_random_leave_the_index_whole() {
    killed_at_random(12);
}

#[test]
#[ignore = "a thousand kills"]
fn a_thousand_rebuilds_that_are_killed_at_random_leave_the_index_whole() {
    killed_at_random(1_000);
}

fn killed_at_random(times: usize) {
    let project = about_to_change();
    let expected = golden(&project);
    let start = Instant::now();
    project.run(&REBUILD).expect(0);
    let micros = u64::try_from(start.elapsed().as_micros()).expect("less than an age");
    let mut seeded = Seeded(11);
    for time in 0..times {
        // A document that is there every other time, so that there is always something to do.
        let odd = project.path("corpora/own/odd.md");
        if time % 2 == 0 {
            fs::write(&odd, "# Odd\n\nSomething that comes and goes.\n").expect("written");
        } else {
            fs::remove_file(&odd).expect("removed");
        }
        let mut command = project.command(&[&REBUILD[..], &["--force"]].concat());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(Duration::from_micros(seeded.below(micros)));
        child.kill().expect("killed, or at its end");
        child.wait().expect("ended");
        whole(&project, &expected, &format!("kill number {time}"));
    }
    project.run(&[&REBUILD[..], &["--force"]].concat()).expect(0);
    assert_eq!(temporaries(&project), Vec::<PathBuf>::new());
}

#[test]
fn a_killed_rebuild_goes_on_where_it_was() {
    const PASSAGES: u64 = 2_560;
    let encoder = data("checkpoints/tiny-safetensors");
    let project = Project::new();
    let record =
        |n: u64| json!({"_id": format!("d{n}"), "title": "", "text": format!("Passage number {n} on aspirin.")});
    let lines: Vec<String> = (0..PASSAGES).map(|n| record(n).to_string()).collect();
    project.write("corpora/own/corpus.jsonl", lines.join("\n"));
    let rebuild = ["rebuild", "--json", "--encoder", arg(&encoder)];
    let whole = project.run(&rebuild).expect(0).json();
    assert_eq!(whole["encoded"], PASSAGES);
    let kept = project.path("index/.encoded");
    assert!(!kept.exists(), "nothing is kept beside a published generation");
    let record_bytes = 40 + 4 * dimension(&project);
    for percent in [10, 50, 90] {
        fs::remove_dir_all(project.path("index")).expect("removed");
        fs::create_dir(project.path("index")).expect("a folder");
        let reached = PASSAGES * percent / 100;
        let mut child = project.command(&rebuild).stdout(Stdio::null()).spawn().expect("it starts");
        let deadline = Instant::now() + Duration::from_mins(2);
        while kept.metadata().map_or(0, |found| found.len()) < 40 + reached * record_bytes {
            assert!(Instant::now() < deadline && child.try_wait().expect("asked").is_none(), "it comes to {percent}%");
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        let report = project.run(&rebuild).expect(0).json();
        assert_eq!(report["content_hash"], whole["content_hash"], "killed at {percent}%");
        let reused = report["reused"].as_u64().expect("a number");
        assert!(reused >= reached, "at {percent}% {reached} were encoded and {reused} of them were taken over");
        assert_eq!(report["encoded"].as_u64().map(|encoded| encoded + reused), Some(PASSAGES));
        assert!(!kept.exists());
    }
}

/// Components of the vectors of the current generation.
fn dimension(project: &Project) -> u64 {
    let found = project.run(&["inspect", "--json"]).expect(0).json();
    found["manifest"]["encoder"]["dimension"].as_u64().expect("a number")
}

#[test]
fn whichever_file_cannot_be_written_is_named_and_the_old_index_stays() {
    let project = about_to_change();
    let expected = golden(&project);
    let before = project.index_files();
    let below = |file: &str| project.path("index/generations/.tmp-g000002").join(file);
    let failing = |path: &Path, fault: &str| -> Option<(Option<i32>, String)> {
        let options = ["-P", arg(path), "-e", "trace=write,fsync", "-e", fault];
        let output = traced(&project, &options, &project.path("trace"), &REBUILD)?.output().expect("it runs");
        Some((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    let faults = [
        ("inject=write:error=ENOSPC", "the disk is full"),
        ("inject=write:error=EIO", "check the disk"),
        ("inject=fsync:error=EIO", "check the disk"),
    ];
    for file in ["documents.jsonl", "passages.bin", "lexicon.txt", "manifest.json"] {
        for (fault, part) in faults {
            let Some((code, told)) = failing(&below(file), fault) else {
                return skipped("faults of the disk: strace is not here, or may not trace");
            };
            assert_eq!(code, Some(3), "{file}, {fault}: {told}");
            assert!(told.contains(file) && told.contains(part), "{file}, {fault}: {told}");
            assert_eq!(project.index_files(), before, "{file}, {fault}: the old index stays, and nothing beside it");
        }
    }
    whole(&project, &expected, "after all faults");
    project.run(&REBUILD).expect(0);
}

#[test]
fn a_small_disk_loses_nothing() {
    on_small_disks(&[0, 12, 40, 90]);
}

#[test]
#[ignore = "twenty small disks"]
fn twenty_small_disks_lose_nothing() {
    let sizes: Vec<usize> = (0..20).map(|n| n * 6).collect();
    on_small_disks(&sizes);
}

/// Rebuilds on a disk with so many kilobytes left.
fn on_small_disks(left: &[usize]) {
    let project = about_to_change();
    let expected = golden(&project);
    let kept = project.path("kept");
    copy(&project.path("index"), &kept);
    let Some(disk) = Disk::over(&project.path("index"), 1024) else {
        return skipped("small disks: no disk in memory can be mounted here");
    };
    for kilobytes in left {
        for entry in fs::read_dir(project.path("index")).expect("a folder") {
            let path = entry.expect("an entry").path();
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.expect("removed");
        }
        copy(&kept, &project.path("index"));
        disk.fill_but(kilobytes << 10);
        let run = project.run(&REBUILD);
        if run.code != 0 {
            run.refused(3, &["the disk is full", "index", "bytes free", "free some space"]);
            let current: Value = project.run(&["index", "list", "--json"]).expect(0).json();
            assert_eq!(current["generations"].as_array().map(Vec::len), Some(1), "{current}");
        }
        assert_eq!(temporaries(&project), Vec::<PathBuf>::new(), "with {kilobytes} kB left");
        whole(&project, &expected, &format!("with {kilobytes} kB left"));
    }
}
