//! Are all the sentences that we make ourselves plain, wherever they are made?
//!
//! What is quoted is others'. `pages::our_own_sentences_…` measures the words of the page by a second count of syllables.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::http::Server;
use crate::support::readability::grade;
use crate::support::{Project, list, run};

/// The most years of school that our own words may ask for.
const GRADE: f64 = 6.0;

/// What was measured, and what asks for too much.
#[derive(Default)]
struct Measured {
    sentences: usize,
    hard: Vec<String>,
}

impl Measured {
    /// Measures a text as a whole; the bare title of a notice is a name and not a sentence.
    fn measure(&mut self, name: &str, text: &str) {
        self.sentences += 1;
        let grade = grade(text);
        if grade > GRADE {
            self.hard.push(format!("{grade:.1} {name}: {text}"));
        }
    }

    #[track_caller]
    fn demand(&self, least: usize) {
        assert!(self.sentences >= least, "{} measured", self.sentences);
        assert!(self.hard.is_empty(), "over grade {GRADE}:\n{}", self.hard.join("\n"));
    }
}

#[test]
fn what_the_server_and_the_rules_say_is_plain() {
    let mut measured = Measured::default();
    for sentence in clinqa_server::sentences() {
        measured.measure("server", &sentence);
    }
    let rules = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/crates/safety/rules")).expect("rules");
    for path in
        rules.map(|entry| entry.expect("an entry").path()).filter(|path| path.extension().is_some_and(|e| e == "toml"))
    {
        let rule: toml::Table = toml::from_str(&std::fs::read_to_string(&path).expect("a rule")).expect("TOML");
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let crisis = "A crisis line or someone you trust can also listen now.";
        let text = rule["text"].as_str().expect("a text");
        measured.measure(name, &text.replace("{number}", "999").replace("{crisis}", crisis));
        let anywhere =
            text.replace("{number}", "your local emergency number (112, 911, 999 …)").replace("{crisis}", crisis);
        measured.measure(name, &anywhere);
    }
    measured.demand(100);
}

/// Four papers on one invented illness of which none stands as published, and one that does.
fn fallen() -> Project {
    let project = Project::new();
    let link = |kind: &str, number: usize| {
        format!(
            "<CommentsCorrectionsList><CommentsCorrections RefType=\"{kind}\"><RefSource>J Tests</RefSource>\
             <PMID>{}</PMID></CommentsCorrections></CommentsCorrectionsList>",
            900 + number
        )
    };
    // So different that none is taken for another.
    let article = |number: usize, text: &str, more: &str| {
        format!(
            "<PubmedArticle><MedlineCitation><PMID Version=\"1\">{number}</PMID><Article><Journal><JournalIssue><PubDate>\
             <Year>2020</Year></PubDate></JournalIssue><Title>J Tests</Title></Journal><ArticleTitle>Zorblax fever {number}\
             </ArticleTitle><Abstract><AbstractText>{text}</AbstractText></Abstract><Language>eng</Language><PublicationTypeList><PublicationType>Journal Article\
             </PublicationType></PublicationTypeList></Article>{more}</MedlineCitation></PubmedArticle>"
        )
    };
    let articles = [
        article(
            1,
            "Zorblax fever is treated with leeches at dawn, as eleven people in a mountain village were in one winter.",
            &link("RetractionIn", 1),
        ),
        article(
            2,
            "Salt inhalations for zorblax fever were compared with warm milk among school children for nine days.",
            &link("ExpressionOfConcernIn", 2),
        ),
        article(
            3,
            "The length of zorblax fever was measured in sailors, whose temperature the cook took each evening.",
            &link("ErratumIn", 3),
        ),
        article(4, "Zorblax fever in the old is treated with rest, and a nurse calls at the house twice a week.", ""),
    ];
    let whole = format!("<?xml version=\"1.0\"?><PubmedArticleSet>{}</PubmedArticleSet>", articles.concat());
    project.write("corpora/papers/papers.xml", whole);
    project.write(
        "corpora/papers/corpus.toml",
        "name = \"papers\"\nformat = \"pubmed\"\nlicence = \"none: made up\"\norigin = \"house tests\"\n\n[defaults]\npublisher = \"house tests\"\n",
    );
    let old =
        "---\nid: old\ntitle: Zorblax fever, old\nkind: guideline\npublisher: house tests\nsuperseded_by: new\n---\n";
    project.write("corpora/own/old.md", format!("{old}\n## Treatment\n\nZorblax fever is treated with cold baths.\n"));
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    project
}

#[test]
fn what_is_said_of_a_source_that_fell_is_plain() {
    let project = fallen();
    let server = Server::start(&project, &["--rate-address", "0", "--timeout", "60"]);
    let ask = |question: &str| server.post("/v1/ask", &json!({ "question": question, "top_k": 20 })).expect(200).json();
    let mut measured = Measured::default();
    let mut rules = BTreeSet::new();
    for question in
        ["How is zorblax fever treated?", "How long does zorblax fever last?", "I have zorblax fever and chest pain"]
    {
        let reply = ask(question);
        for notice in list(&reply["notices"]) {
            let text = |key: &str| notice[key].as_str().expect("a text").to_owned();
            rules.insert(text("rule"));
            measured.measure(&text("rule"), &ours(&reply, &text("text")));
            measured.measure(&text("rule"), &text("title"));
        }
    }
    for rule in ["withdrawn-source", "doubted-source", "corrected-source", "superseded-source"] {
        assert!(rules.contains(rule), "{rule} was never said: {rules:?}");
    }
    measured.demand(8);
}

/// A notice without the names that are others': the titles of documents and of those who said so.
fn ours(reply: &Value, text: &str) -> String {
    let mut text = text.to_owned();
    for shown in list(&reply["reading"]).iter().chain(reply["answer"]["citations"].as_array().into_iter().flatten()) {
        let title = shown["title"].as_str().expect("a title");
        let notice = shown["standing"]["notice"].as_str().unwrap_or_default();
        text = text.replace(&format!("“{title}”"), "It").replace(&format!(" See: {notice}."), "");
    }
    text
}

#[test]
fn what_a_patient_reads_at_a_terminal_is_plain_too() {
    let project = fallen();
    let mut measured = Measured::default();
    for question in
        ["How much paracetamol can I take?", "My HbA1c is 8.2, what does it mean?", "How tall is the Eiffel tower?"]
    {
        let reply = run(&mut project.command(&["ask", "--json", "--lexical-only", question])).expect(0).json();
        for notice in list(&reply["notices"]) {
            measured.measure(question, notice["text"].as_str().expect("a text"));
        }
    }
    measured.demand(2);
}
