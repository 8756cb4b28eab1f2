//! An index that is missing, damaged, of another model, locked or on a bad disk: is it named with its cure, and does the
//! old one stay?

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::support::disk::Disk;
use crate::support::{Project, arg, copy, data, files_below, five_markdown, list, replace, run, skipped};

const QUESTION: &str = "What are the symptoms of asthma?";
const CURE: &str = "clinqa rebuild";

/// The cheapest look into the whole index: every file is compared before one is read.
const LOOK: [&str; 3] = ["search", "--lexical-only", "asthma"];

#[test]
fn an_index_that_was_named_and_is_missing_is_not_made_unasked() {
    let project = Project::with_five_documents();
    for verb in ["ask", "search"] {
        project.run(&[verb, "--index", "elsewhere", QUESTION]).refused(3, &["elsewhere", CURE]);
        let mut by_variable = project.command(&[verb, QUESTION]);
        run(by_variable.env("CLINQA_INDEX", "elsewhere")).refused(3, &["elsewhere", CURE]);
    }
    project.run(&["inspect", "--index", "elsewhere"]).refused(3, &["elsewhere", CURE]);
    assert!(!project.path("elsewhere").exists() && project.index_files().is_empty(), "nothing was made");
}

#[test]
fn any_flipped_byte_is_refused_by_the_name_of_its_file_and_nothing_is_mended_silently() {
    let project = Project::indexed();
    for (path, bytes) in files_below(&project.generation()) {
        let mut flipped = bytes.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        replace(&path, &flipped);
        let before = project.index_files();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        project.run(&LOOK).refused(3, &[name, CURE]);
        assert_eq!(project.index_files(), before, "{name}");
        replace(&path, &bytes);
    }
    project.run(&LOOK).expect(0);
}

#[test]
fn a_file_cut_short_lost_added_or_turned_into_a_link_is_refused() {
    let spoil = |what: &str, spoil: &dyn Fn(&Path)| {
        let project = Project::indexed();
        let file = project.generation().join("vectors.f32");
        spoil(&file);
        let before = project.index_files();
        let asked = project.run(&["ask", QUESTION]);
        assert_eq!((asked.code, asked.stdout.as_str()), (3, ""), "{what}: {}", asked.stderr);
        assert!(asked.one_error().contains(CURE), "{what}: {}", asked.stderr);
        assert_eq!(project.index_files(), before, "{what}: the damaged index stays");
    };
    spoil("cut short", &|file| {
        let bytes = fs::read(file).expect("bytes");
        replace(file, &bytes[..bytes.len() / 2]);
    });
    spoil("lost", &|file| fs::remove_file(file).expect("removed"));
    spoil("added", &|file| fs::write(file.with_file_name("more.bin"), "x").expect("added"));
    #[cfg(unix)]
    spoil("linked", &|file| {
        let moved = file.ancestors().nth(4).expect("the project").join("vectors.f32");
        fs::rename(file, &moved).expect("moved");
        std::os::unix::fs::symlink(moved, file).expect("linked");
    });
}

#[test]
fn a_lost_or_spoilt_pointer_is_an_error_and_not_a_reason_to_begin_anew() {
    let spoil = |spoil: &dyn Fn(&Project)| {
        let project = Project::indexed();
        spoil(&project);
        let before = project.index_files();
        for verb in ["ask", "search", "inspect"] {
            let args = if verb == "inspect" { vec![verb] } else { vec![verb, QUESTION] };
            project.run(&args).refused(3, &[CURE]);
        }
        assert_eq!(project.index_files(), before, "nothing was made or removed");
        project.run(&["rebuild"]).expect(0);
        project.run(&LOOK).expect(0);
    };
    spoil(&|project| fs::remove_file(project.path("index/CURRENT")).expect("removed"));
    spoil(&|project| fs::write(project.path("index/CURRENT"), "../../elsewhere 00\n").expect("written"));
    spoil(&|project| fs::write(project.path("index/CURRENT"), [0xFF; 40]).expect("written"));
    spoil(&|project| fs::remove_dir_all(project.path("index/generations")).expect("removed"));
}

#[test]
fn a_rebuild_mends_a_damaged_index() {
    let project = Project::indexed();
    let file = project.generation().join("vectors.f32");
    replace(&file, b"spoilt");
    project.run(&["ask", QUESTION]).refused(3, &["vectors.f32", CURE]);
    let report = project.run(&["rebuild", "--json"]).expect(0).json();
    assert_eq!((report["encoded"].as_u64(), report["reused"].as_u64()), (Some(12), Some(0)), "nothing damaged is kept");
    project.run(&["inspect"]).expect(0);
    assert_eq!(project.ask(&[QUESTION])["outcome"], "answered");
}

#[test]
fn an_encoder_that_did_not_make_the_index_is_refused_with_both_cures() {
    let project = Project::indexed();
    let other = data("checkpoints/tiny-safetensors");
    let before = project.index_files();
    let refused = project.run(&["ask", QUESTION, "--encoder", arg(&other)]);
    refused.refused(3, &["tiny-safetensors", "clinqa-mini-encoder", CURE, "--encoder clinqa-mini-encoder"]);
    assert_eq!(project.index_files(), before);
}

#[test]
fn the_cure_for_another_encoder_works_as_it_is_printed() {
    let project = Project::indexed();
    let other = data("checkpoints/tiny-safetensors");
    let refused = project.run(&["ask", QUESTION, "--encoder", arg(&other)]);
    let cure = refused.one_error().split('`').find(|part| part.starts_with(CURE)).expect("a command").to_owned();
    let args: Vec<&str> = cure.split(' ').skip(1).collect();
    project.run(&args).expect(0);
    project.run(&["ask", QUESTION, "--encoder", arg(&other)]).expect(0);
}

#[test]
fn a_second_rebuild_waits_for_nobody_and_spoils_nothing() {
    let project = Project::indexed();
    let lock = File::options().write(true).open(project.path("index/.lock")).expect("the lock's file");
    lock.lock().expect("the lock");
    let before = project.index_files();
    project.run(&["rebuild", "--lexical-only"]).refused(3, &["another rebuild", "index"]);
    assert_eq!(project.index_files(), before);
    project.run(&LOOK).expect(0);
    drop(lock);
    project.run(&["rebuild", "--lexical-only"]).expect(0);
}

#[test]
fn of_two_rebuilds_at_once_one_is_refused_or_both_come_to_the_same() {
    let project = Project::with_five_documents();
    let codes = std::thread::scope(|scope| {
        let runs = [0, 1].map(|_| scope.spawn(|| project.run(&["rebuild"]).code));
        runs.map(|run| run.join().expect("no panic"))
    });
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 3].contains(code)), "{codes:?}");
    project.run(&["inspect"]).expect(0);
}

#[test]
fn a_read_only_index_answers_and_is_not_rebuilt() {
    let project = Project::indexed();
    let Some(guard) = ReadOnly::over(&project) else {
        return skipped("a read-only index: root may write everywhere and mount nothing here");
    };
    let before = project.index_files();
    assert_eq!(project.ask(&[QUESTION])["outcome"], "answered");
    project.run(&["inspect"]).expect(0);
    project.run(&["rebuild"]).refused(3, &["index", "writable", "--index"]);
    assert_eq!(project.index_files(), before, "the old index stays");
    assert_eq!(project.ask(&[QUESTION])["outcome"], "answered");
    drop(guard);
}

#[test]
fn a_first_question_on_a_read_only_disk_says_what_to_do() {
    let project = Project::with_five_documents();
    let Some(guard) = ReadOnly::over(&project) else {
        return skipped("a first question on a read-only disk: root may write everywhere and mount nothing here");
    };
    let asked = project.run(&["ask", QUESTION]).expect(3);
    assert_eq!(asked.stdout, "");
    let last = asked.stderr.lines().last().expect("an error");
    assert!(last.starts_with("error: ") && last.contains("writable") && last.contains("--index"), "{last}");
    drop(guard);
}

#[test]
fn a_full_disk_is_named_and_the_old_index_still_answers() {
    let project = Project::indexed();
    let kept = project.path("kept");
    copy(&project.path("index"), &kept);
    let Some(disk) = Disk::over(&project.path("index"), 512) else {
        return skipped("a full disk: no disk in memory can be mounted here");
    };
    copy(&kept, &project.path("index"));
    project.write("corpora/own/new.md", five_markdown("asthma").replace("asthma", "asthma-2").repeat(3));
    for left in [0, 8 << 10, 40 << 10] {
        disk.fill_but(left);
        let full = project.run(&["rebuild"]);
        full.refused(3, &["the disk is full", "free some space", "--index"]);
        let without = |files: Vec<(PathBuf, Vec<u8>)>| {
            // Vectors that were computed are kept for the next try; they are no temporary.
            let ours = |path: &Path| !path.ends_with("filler") && !path.ends_with(".encoded");
            files.into_iter().filter(|(path, _)| ours(path)).collect::<Vec<_>>()
        };
        let names = |files: &[(PathBuf, Vec<u8>)], below: &Path| {
            files
                .iter()
                .map(|(path, bytes)| (path.strip_prefix(below).expect("below").to_owned(), bytes.clone()))
                .collect::<Vec<_>>()
        };
        let (now, then) = (without(project.index_files()), files_below(&kept));
        assert_eq!(names(&now, &project.path("index")), names(&then, &kept), "with {left} bytes left");
        project.run(&LOOK).expect(0);
    }
    assert_eq!(project.ask(&[QUESTION])["outcome"], "answered");
    fs::remove_file(project.path("index/filler")).expect("space");
    let report = project.run(&["rebuild", "--json"]).expect(0).json();
    assert_eq!(report["records"]["read"], 6, "{}", list(&report["records"]["skips"]).len());
    drop(disk);
}

/// An index folder that nobody may write to, for as long as this lives.
enum ReadOnly {
    Rights(PathBuf),
    Mounted { _disk: Disk },
}

impl ReadOnly {
    /// Takes the right to write away; root has it all the same and gets a read-only disk instead.
    fn over(project: &Project) -> Option<Self> {
        let index = project.path("index");
        set_writable(&index, false);
        if File::create(index.join("probe")).is_err() {
            return Some(Self::Rights(index));
        }
        fs::remove_file(index.join("probe")).expect("removed");
        set_writable(&index, true);
        let kept = project.path("kept");
        copy(&index, &kept);
        let disk = Disk::over(&index, 4096)?;
        copy(&kept, &index);
        disk.make_read_only().then_some(Self::Mounted { _disk: disk })
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        if let Self::Rights(index) = self {
            set_writable(index, true);
        }
    }
}

fn set_writable(folder: &Path, writable: bool) {
    for folder in [folder.to_owned(), folder.join("generations")].iter().filter(|folder| folder.is_dir()) {
        let mut permissions = folder.metadata().expect("rights").permissions();
        #[cfg(unix)]
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, if writable { 0o755 } else { 0o555 });
        #[cfg(not(unix))]
        permissions.set_readonly(!writable);
        fs::set_permissions(folder, permissions).expect("rights");
    }
}
