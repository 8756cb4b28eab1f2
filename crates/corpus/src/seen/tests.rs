//! Is of each id the newest kept, of each text one, and is no mark lost with what is not?

use clinqa_schema::{Date, Silent};

use super::*;
use crate::survey::name_key;

/// What is handed on of `corpora`, each a few files with their names: ids with what became of them.
fn handed_on(corpora: &[&[(&str, &str)]], copies: Copies) -> Vec<String> {
    let root = tempfile::tempdir().expect("a folder");
    let corpora: Vec<Corpus> = (0..)
        .zip(corpora)
        .map(|(number, files)| {
            let folder = root.path().join(format!("c{number}"));
            std::fs::create_dir(&folder).expect("made");
            for (name, content) in *files {
                std::fs::write(folder.join(name), content).expect("written");
            }
            crate::open(&folder).expect("opened")
        })
        .collect();
    let aside = tempfile::tempfile().expect("a file");
    let seen = Seen::gather(aside, (&corpora, copies), &mut Silent, &|_| 1).expect("surveyed");
    let mut found = Vec::new();
    for corpus in &corpora {
        let mut take = |it: Document| {
            let standing = it.metadata.standing;
            found.push(format!("{} {:?} {}", it.id, standing.state, standing.notice.unwrap_or_default()));
            ControlFlow::Continue(())
        };
        corpus.read_unseen(&seen, &mut Silent, &mut take).expect("read");
    }
    found.sort();
    found
}

/// A record of PubMed; `more` stands among what is said of the citation.
fn citation(pmid: &str, day: &str, text: &str, more: &str) -> String {
    format!(
        "<PubmedArticle><MedlineCitation><PMID Version=\"1\">{pmid}</PMID><DateRevised><Year>2024</Year><Month>01</Month>\
         <Day>{day}</Day></DateRevised><Article><ArticleTitle>Rest</ArticleTitle><Abstract><AbstractText>{text}</AbstractText>\
         </Abstract></Article>{more}</MedlineCitation></PubmedArticle>"
    )
}

fn delivery(records: &[String]) -> String {
    format!("<?xml version=\"1.0\"?><PubmedArticleSet>{}</PubmedArticleSet>", records.concat())
}

const RETRACTION: &str = "<CommentsCorrectionsList><CommentsCorrections RefType=\"RetractionOf\"><PMID>2</PMID>\
    </CommentsCorrections></CommentsCorrectionsList>";

#[test]
fn a_copy_that_is_handed_on_carries_what_is_said_of_the_other() {
    let own = r#"{"id":"x1","title":"Rest","text":"Rest heals the ankle."}"#;
    let told = delivery(&[
        citation("2", "01", "Rest heals the ankle.", ""),
        citation("3", "01", "The article is retracted.", RETRACTION),
    ]);
    let corpora: [&[(&str, &str)]; 2] = [&[("own.jsonl", own)], &[("told.xml", &told)]];
    let expected = ["pmid:3 Current ", "x1 Retracted pmid:3"];
    assert_eq!(handed_on(&corpora, Copies::Drop), expected);
    let kept = ["pmid:2 Retracted pmid:3", "pmid:3 Current ", "x1 Retracted pmid:3"];
    assert_eq!(handed_on(&corpora, Copies::Keep), kept);
    let [first, second] = corpora;
    assert_eq!(handed_on(&[second, first], Copies::Drop), ["pmid:2 Retracted pmid:3", "pmid:3 Current "]);
}

#[test]
fn of_deliveries_that_are_equally_new_the_one_that_fell_stays() {
    let (stands, fell) = (
        "---\nid: x\ntitle: Rest\n---\n\nRest heals the ankle.\n",
        "---\nid: x\ntitle: Rest\nretracted_by: Notice 12\n---\n\nRest heals the ankle.\n",
    );
    let corpora: [&[(&str, &str)]; 2] = [&[("a.md", stands)], &[("b.md", fell)]];
    assert_eq!(handed_on(&corpora, Copies::Drop), ["x Retracted Notice 12"]);
    let [first, second] = corpora;
    assert_eq!(handed_on(&[second, first], Copies::Drop), ["x Retracted Notice 12"]);
}

#[test]
fn what_is_said_of_an_older_delivery_reaches_the_newest_and_copies_of_either() {
    let told = delivery(&[
        citation("2", "01", "Rest heals the ankle.", ""),
        citation("2", "02", "Rest often heals the ankle.", ""),
        citation("3", "01", "The article is retracted.", RETRACTION),
    ]);
    let own = "{\"id\":\"x1\",\"title\":\"Rest\",\"text\":\"Rest heals the ankle.\"}\n\
         {\"id\":\"x2\",\"title\":\"Rest\",\"text\":\"Rest often heals the ankle.\"}\n\
         {\"id\":\"x3\",\"title\":\"Rest\",\"text\":\"Rest never heals the ankle.\"}";
    let expected = ["pmid:3 Current ", "x1 Retracted pmid:3", "x2 Retracted pmid:3", "x3 Current "];
    assert_eq!(handed_on(&[&[("own.jsonl", own)], &[("told.xml", &told)]], Copies::Drop), expected);
}

#[test]
fn a_document_that_only_one_pass_meets_moves_no_verdict() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a", "b", "c", "d"] {
        let text = if name == "c" { "The text of a." } else { &format!("The text of {name}.") };
        std::fs::write(folder.path().join(format!("{name}.md")), format!("# Rest\n\n{text}\n")).expect("written");
    }
    let corpus = crate::open(folder.path()).expect("opened");
    let check = |change: &dyn Fn(&mut Seen), expected: &[&str]| {
        let mut seen =
            Seen::survey(std::slice::from_ref(&corpus), Copies::Drop, &mut Silent, &|_| 1).expect("surveyed");
        change(&mut seen);
        let mut found = Vec::new();
        let mut take = |it: Document| {
            found.push(it.id.to_string());
            ControlFlow::Continue(())
        };
        let report = corpus.read_unseen(&seen, &mut Silent, &mut take).expect("read");
        found.extend(report.skips.iter().map(ToString::to_string));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(found.iter().zip(expected).all(|(found, expected)| found.contains(expected)), "{found:?}");
    };
    check(&|_| {}, &["a", "b", "d", "c"]);
    // As if b had been too slow at first: it has no verdict.
    let slow_at_first = |seen: &mut Seen| {
        seen.places.remove(1);
        seen.verdicts.remove(1);
    };
    check(&slow_at_first, &["a", "d", "not read in time", "c"]);
    // As if one between a and b were too slow now.
    let slow_now = |seen: &mut Seen| {
        let place = Place { record: 7, ..seen.places[0] };
        seen.places.insert(1, place);
        seen.verdicts.insert(1, Verdict::Wins);
    };
    check(&slow_now, &["a", "b", "d", "c"]);
}

/// One id with two deliveries, the older of which has a name that the newer lacks; the newer one's standing.
fn said_of_the_newest(of_the_older: StandingState) -> StandingState {
    let place = |record| Place { file: 0, record };
    let claim = |edition, record| Claim {
        id: key(&["a"]),
        content: key(&[&format!("text {edition}")]),
        whole: 0,
        version: Version::new(edition, None),
        place: place(record),
        weight: 1,
        id_chars: 1,
        state: StandingState::Current,
    };
    let file = File { corpus: 0, corpus_name: "c".into(), path: "f".into(), member: None };
    let mut seen = Seen { files: vec![file], ..Seen::default() };
    let notices = HashMap::from([(name_key("doi:1"), Standing { state: of_the_older, ..Standing::default() })]);
    let noted = Noted { claims: vec![claim(1, 1), claim(2, 2)], names: vec![(0, name_key("DOI:1"))], notices };
    seen.settle(noted, Copies::Drop);
    assert_eq!(seen.verdicts, [Verdict::Superseded(1), Verdict::Wins]);
    seen.standings.get(&1).map_or(StandingState::Current, |standing| standing.state)
}

#[test]
fn another_name_of_an_older_delivery_speaks_for_the_newest_unless_it_is_that_it_was_replaced() {
    assert_eq!(said_of_the_newest(StandingState::Retracted), StandingState::Retracted);
    assert_eq!(said_of_the_newest(StandingState::Superseded), StandingState::Current);
}

#[test]
fn the_graver_of_two_statements_holds_whichever_came_first() {
    let standing = |state, notice: &str, since: &str| Standing {
        state,
        notice: Some(notice.into()),
        since: Date::new(since).ok(),
    };
    let said = [
        standing(StandingState::Corrected, "c", "2020"),
        standing(StandingState::Retracted, "b", "2022"),
        standing(StandingState::Retracted, "a", "2021"),
        standing(StandingState::Retracted, "a", ""),
        Standing::default(),
    ];
    for first in 0..said.len() {
        let mut known = Standing::default();
        for offset in 0..said.len() {
            join(&mut known, said[(first + offset) % said.len()].clone());
        }
        assert_eq!((known.state, known.since), (StandingState::Retracted, Date::new("2021").ok()));
    }
}

#[test]
fn a_bound_that_moves_makes_another_key() {
    assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
    assert_eq!(name_key("DOI:10.1/X"), name_key("doi:10.1/x"));
}
