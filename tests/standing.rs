//! Is what was withdrawn, corrected or superseded ever shown as if it stood?

use serde_json::Value;

use crate::support::{Project, http::Server, list};

const QUESTION: &str = "How is zorblax fever treated?";

/// Four documents on one invented illness, so that each is found by the same words.
fn project() -> Project {
    let project = Project::new();
    let document = |id: &str, more: &str, advice: &str| {
        let head = format!(
            "---\nid: {id}\ntitle: Zorblax fever {id}\nkind: guideline\ndate: 2024-05-10\npublisher: house tests\n{more}---\n"
        );
        let text = format!(
            "\n## Treatment\n\nZorblax fever is treated with {advice}. The treatment of zorblax fever lasts nine days.\n"
        );
        project.write(&format!("corpora/own/{id}.md"), head + &text);
    };
    document("withdrawn", "retracted_by: Notice 12\n", "leeches at dawn");
    document("old", "superseded_by: new\n", "cold baths");
    document("new", "grade: strong\n", "rest and plenty of water");
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    project
}

/// Which document each citation is of, and whether that stands.
fn states(shown: &Value) -> Vec<(&str, &str)> {
    list(shown)
        .iter()
        .map(|citation| {
            let id = citation["document_id"].as_str().expect("an id");
            (id, citation["standing"]["state"].as_str().unwrap_or("current"))
        })
        .collect()
}

#[test]
fn a_search_marks_what_no_longer_stands_and_lists_it_below_what_does() {
    let project = project();
    let found = project.run(&["search", "--lexical-only", "--json", QUESTION]).expect(0).json();
    let states = states(&found["results"]);
    assert_eq!(states[0], ("new", "current"), "{states:?}");
    assert!(states.contains(&("withdrawn", "retracted")) && states.contains(&("old", "superseded")), "{states:?}");
    assert_eq!(found["results"][0]["grade"], "strong");
    let told = project.run(&["search", "--lexical-only", QUESTION]).expect(0).stdout;
    assert!(told.contains("WITHDRAWN (Notice 12)") && told.contains("REPLACED (new)"), "{told}");
    assert!(told.contains("grade strong"), "{told}");
}

#[test]
fn nothing_is_answered_from_a_withdrawn_document_and_a_notice_leads_wherever_it_is_shown() {
    let project = project();
    let reply = project.run(&["ask", "--lexical-only", "--json", "--top-k", "10", QUESTION]).expect(0).json();
    for citation in list(&reply["answer"]["citations"]) {
        assert_ne!(citation["document_id"], "withdrawn", "{reply}");
    }
    assert!(states(&reply["reading"]).contains(&("withdrawn", "retracted")), "{reply}");
    let rules: Vec<&str> = list(&reply["notices"]).iter().filter_map(|notice| notice["rule"].as_str()).collect();
    assert!(rules.contains(&"withdrawn-source") && rules.contains(&"superseded-source"), "{rules:?}");
    let alone = project.run(&["ask", "--lexical-only", "--json", "How many leeches at dawn?"]).expect(0).json();
    assert!(!alone["answer"]["text"].as_str().unwrap_or_default().contains("leeches"), "{alone}");
    // Not by the words of the question, but whatever is shown of it carries its mark.
    for shown in list(&alone["reading"]).iter().filter(|shown| shown["document_id"] == "withdrawn") {
        assert_eq!(shown["standing"]["state"], "retracted");
    }
}

#[test]
fn pages_chat_and_sources_carry_the_mark() {
    let project = project();
    let server = Server::start(&project, &[]);
    let page = server.get("/source/withdrawn").expect(200).body;
    assert!(page.contains("WITHDRAWN (Notice 12)"), "{page}");
    let body = serde_json::json!({ "model": "clinqa", "messages": [{ "role": "user", "content": QUESTION }] });
    let said = server.post("/v1/chat/completions", &body).expect(200).json();
    let said = said["choices"][0]["message"]["content"].as_str().expect("a message");
    assert!(said.contains("was withdrawn") && said.contains("WITHDRAWN (Notice 12)"), "{said}");
}

#[test]
fn documents_that_say_nearly_the_same_are_one_result_with_its_siblings() {
    let project = Project::new();
    let words: Vec<String> = (0..120).map(|at| format!("word{at}")).collect();
    let leaflet = |site: &str, title: &str, words: &[String]| {
        let text = format!("Zorblax fever is treated with rest. {}.", words.join(" "));
        let head = format!("---\nid: {site}\ntitle: {title}\npublisher: {site}\n---\n\n## Treatment\n\n");
        project.write(&format!("corpora/own/{site}.md"), head + &text + "\n");
    };
    let mut edited = words.clone();
    edited[60] = "altogether".into();
    leaflet("site-a", "Zorblax fever", &words);
    leaflet("site-b", "Zorblax fever, a leaflet", &edited);
    leaflet("site-c", "Flumox fever", &edited);
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    let found = project.run(&["search", "--lexical-only", "--json", QUESTION]).expect(0).json();
    let shown: Vec<&str> = list(&found["results"]).iter().filter_map(|hit| hit["document_id"].as_str()).collect();
    let ours = shown.iter().filter(|id| ["site-a", "site-b"].contains(id)).count();
    assert_eq!((ours, shown.contains(&"site-c")), (1, true), "another illness is another result: {shown:?}");
    let first = list(&found["results"]).iter().find(|hit| hit["document_id"] != "site-c").expect("one of the two");
    let other = if first["document_id"] == "site-a" { "site-b" } else { "site-a" };
    assert_eq!(first["siblings"], serde_json::json!([other]), "{first}");
    let told = project.run(&["search", "--lexical-only", QUESTION]).expect(0).stdout;
    assert!(told.contains(&format!("also in {other}")), "{told}");
    let again = project.run(&["rebuild", "--lexical-only", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(list(&again["changes"]["changed"]["first"]).len(), 0, "{again}");
}

#[test]
fn a_withdrawn_copy_is_never_hidden_behind_or_named_beside_one_that_stands() {
    let project = Project::new();
    let words: Vec<String> = (0..120).map(|at| format!("word{at}")).collect();
    for (id, more) in [("article", ""), ("preprint", "retracted_by: Notice 12\n")] {
        let head = format!("---\nid: {id}\ntitle: Zorblax fever\n{more}---\n\n## Treatment\n\n");
        let text = format!("Zorblax fever is treated with rest ({id}). {}.\n", words.join(" "));
        project.write(&format!("corpora/own/{id}.md"), head + &text);
    }
    project.run(&["rebuild", "--lexical-only"]).expect(0);
    let found = project.run(&["search", "--lexical-only", "--json", QUESTION]).expect(0).json();
    assert_eq!(states(&found["results"]), [("article", "current"), ("preprint", "retracted")], "{found}");
    assert!(list(&found["results"]).iter().all(|hit| hit.get("siblings").is_none()), "{found}");
    let told = project.run(&["ask", "--lexical-only", QUESTION]).expect(0).stdout;
    assert!(told.contains("was taken back") && !told.contains("This advice follows: Notice 12"), "{told}");
}
