//! Do the pages do what they say: in a browser with scripts and without, for everybody, and whatever is written into them?

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::http::{Response, Server};
use crate::support::{Project, data, files_below, five, skipped};

/// What the pages of a region say wherever they fail.
const CALL: &str = "<a href=\"tel:999\">999</a>";

const FORM: &str = "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\n";

const BROWSER: &str = "accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

/// Where Debian puts it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// The highest grade of school that our own sentences may need (Flesch and Kincaid).
const GRADE: f64 = 6.0;

fn serve() -> Server {
    Server::start(five(), &["--region", "GB", "--rate-address", "0", "--timeout", "60"])
}

fn get(server: &Server, path: &str, headers: &str) -> Response {
    server.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n").as_bytes())
}

#[test]
fn a_page_loads_nothing_from_elsewhere_and_is_kept_nowhere() {
    let server = serve();
    let pages = [server.get("/"), server.get("/source/asthma"), get(&server, "/lost", BROWSER)];
    for page in pages {
        let header = |name: &str| page.header(name).unwrap_or_else(|| panic!("no {name}")).to_owned();
        let policy = header("content-security-policy");
        for part in ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{part} is missing in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert!(page.header("set-cookie").is_none());
        for inline in ["style=\"", "onclick=", "onload=", "<script>", "http-equiv"] {
            assert!(!page.body.contains(inline), "{inline}");
        }
        assert!(page.body.contains(CALL), "the number is on every page");
    }
}

#[test]
fn what_a_page_loads_is_asked_for_again_only_if_it_changed() {
    let server = serve();
    for (name, kind) in
        [("chat.css", "text/css"), ("chat.js", "text/javascript"), ("glossary.json", "application/json")]
    {
        let path = format!("/assets/{name}");
        let first = server.get(&path).expect(200);
        assert!(first.header("content-type").is_some_and(|found| found.starts_with(kind)));
        let tag = first.header("etag").expect("a tag");
        let again = get(&server, &path, &format!("if-none-match: {tag}\r\n")).expect(304);
        assert_eq!(again.body, "");
    }
    server.get("/assets/lost.js").expect(404);
}

#[test]
fn a_form_is_answered_with_the_whole_conversation() {
    let server = serve();
    let first = server.post_with("/", FORM, "question=What+are+the+symptoms+of+asthma%3F").expect(200);
    assert!(first.body.contains("<mark>") && first.body.contains("name=\"asked\""), "{}", first.body);
    let turn = "asked=What+is+asthma%3F&answered=A+long-term+condition&source=asthma+3+9";
    let second = server.post_with("/", FORM, &format!("{turn}&question=how+is+it+treated")).expect(200);
    for part in
        ["What is asthma?", "A long-term condition", "/source/asthma?start=3&amp;end=9#span", "how is it treated"]
    {
        assert!(second.body.contains(part), "{part} is missing");
    }
    let refused = server.post_with("/", FORM, &format!("{turn}&question=+")).expect(422);
    assert!(refused.body.contains("There is no question yet") && refused.body.contains("A long-term condition"));
}

#[test]
fn a_form_of_another_site_is_not_answered() {
    let server = serve();
    let plain = "content-type: application/x-www-form-urlencoded\r\n";
    let asked = "question=What+is+asthma%3F";
    for foreign in
        ["sec-fetch-site: cross-site\r\n", "sec-fetch-site: same-site\r\n", "origin: http://evil.example\r\n"]
    {
        let page = server.post_with("/", &format!("{plain}{foreign}"), asked).expect(403);
        assert!(!page.body.contains("asthma") && page.body.contains(CALL), "{foreign}");
    }
    server.post_with("/", &format!("{plain}origin: http://{}\r\n", server.address), asked).expect(200);
    server.post_with("/", plain, asked).expect(200);
}

#[test]
fn an_emergency_is_first_on_the_page_of_a_form() {
    let page = serve().post_with("/", FORM, "question=I+have+crushing+chest+pain").expect(200);
    let [notice, reading] = ["class=\"notice emergency\" role=\"alert\"", "class=\"reading\""]
        .map(|part| page.body.find(part).unwrap_or(usize::MAX));
    assert!(notice < reading, "{notice} {reading}");
    assert!(page.body.contains("<p class=\"call\">Call <a href=\"tel:999\">999</a></p>"));
}

#[test]
fn a_source_is_shown_at_its_span_and_odd_spans_are_harmless() {
    let server = serve();
    let page = server.get("/source/asthma?start=60&end=90#span").expect(200);
    assert!(page.body.contains("<mark id=\"span\">"), "{}", page.body);
    for odd in
        ["", "?start=5", "?start=9&end=3", "?start=-1&end=x", "?start=99999&end=9999999", "?%00=&&&=&start=%3C&end=%FF"]
    {
        let page = server.get(&format!("/source/asthma{odd}")).expect(200);
        assert!(!page.body.contains("<mark"), "{odd}");
    }
    let most = u64::MAX;
    server.get(&format!("/source/asthma?start=0&end={most}")).expect(200);
    for lost in ["/source/lost", "/source/..%2f..%2fetc", "/source/%00", "/source/%ff"] {
        let page = get(&server, lost, BROWSER).expect(404);
        assert!(page.body.contains(CALL), "{lost}");
    }
}

#[test]
fn an_error_is_a_page_for_people_and_json_for_programs() {
    let server = serve();
    let tall = "x".repeat(70_000);
    let answers = |headers: &str| {
        let json = format!("content-type: application/json\r\n{headers}");
        [
            (404, get(&server, "/lost", headers)),
            (400, server.post_with("/v1/ask", &json, "{")),
            (422, server.post_with("/v1/ask", &json, "{\"question\":\"\"}")),
            (405, get(&server, "/v1/ask", headers)),
            (422, server.post_with("/v1/ask", &json, &format!("{{\"question\":\"{tall}\"}}"))),
        ]
    };
    for (status, page) in answers(BROWSER) {
        assert!(page.status == status || page.status == 413, "{page:?}");
        assert!(page.body.contains(CALL) && page.body.contains("do not wait for this site"), "{status}: {}", page.body);
        assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{status}");
    }
    for (status, reply) in answers("accept: application/json\r\n") {
        assert!(reply.status == status || reply.status == 413, "{reply:?}");
        assert!(!reply.body.contains('<'), "{status}: {}", reply.body);
    }
}

#[test]
fn without_a_region_the_page_says_how_to_find_the_number() {
    let server = Server::start(five(), &[]);
    for page in [server.get("/"), get(&server, "/lost", BROWSER)] {
        assert!(page.body.contains("Call your local number (112, 911, 999 …)"), "{}", page.body);
        assert!(!page.body.contains("tel:"));
    }
}

#[test]
fn our_own_sentences_need_no_more_than_six_years_of_school() {
    let page = serve().get("/");
    let words = page.body.split("data-words=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("our words");
    let words = words.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let mut texts = Vec::new();
    strings(&serde_json::from_str(&words).expect("JSON"), &mut texts);
    let notices = texts.len();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/safety/rules");
    for (path, bytes) in files_below(&rules) {
        if path.extension().is_some_and(|extension| extension == "toml") {
            let rule: toml::Table = String::from_utf8(bytes).expect("UTF-8").parse().expect("TOML");
            texts.push(rule["text"].as_str().expect("a text").replace("{number}", "999"));
        }
    }
    assert!(notices > 70 && texts.len() > notices + 15, "{notices} and {}", texts.len());
    let prose: Vec<&String> = texts.iter().filter(|text| text.split_whitespace().count() >= 5).collect();
    let hard: Vec<String> = prose
        .iter()
        .map(|text| (grade(text), text))
        .filter(|(grade, _)| *grade > GRADE)
        .map(|(g, t)| format!("{g:.1}: {t}"))
        .collect();
    assert!(hard.is_empty(), "too hard to read:\n  {}", hard.join("\n  "));
    let whole = texts.join(". ");
    assert!(grade(&whole) <= GRADE, "all together: {:.1}", grade(&whole));
}

#[test]
fn the_grade_of_a_text_is_about_that_of_others() {
    let check = |text: &str, from: f64, to: f64| {
        let found = grade(text);
        assert!(from <= found && found <= to, "{found:.1} for {text}");
    };
    check("The cat sat on the mat.", -2.0, 0.5);
    check("Call for help now. Sit down and rest while you wait.", -3.0, 1.0);
    check(
        "Anticoagulant medication significantly reduces the probability of thromboembolic complications.",
        18.0,
        40.0,
    );
    assert_eq!(["rest", "people", "medicine", "used", "area", "emergency"].map(syllables), [1, 2, 3, 1, 3, 4]);
}

#[test]
fn the_chat_page_works_in_a_browser() {
    browse("chat.mjs", &serve());
}

#[test]
fn everybody_can_use_the_pages() {
    browse("access.mjs", &serve());
}

#[test]
fn nothing_that_is_written_becomes_code_in_a_browser() {
    let Some(mut script) = node("hostile.mjs") else { return };
    let project = Project::new();
    let written = script.arg("write").arg(project.path("corpora/hostile")).status().expect("node runs");
    assert!(written.success());
    project.run(&["rebuild"]).expect(0);
    browse("hostile.mjs", &Server::start(&project, &["--region", "GB", "--rate-address", "0", "--timeout", "60"]));
}

/// Runs a script of `tests/web` against a server; says so where there is no browser.
fn browse(script: &str, server: &Server) {
    let Some(mut command) = node(script) else { return };
    let output = command.env("CLINQA_TEST_URL", format!("http://{}", server.address)).output().expect("node runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.lines().any(|line| line.starts_with("ok: ")), "nothing was tested: {said}\n{complained}");
}

/// Node with a script of `tests/web`, if there is all that it needs.
fn node(script: &str) -> Option<Command> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = std::env::var_os("CLINQA_TEST_WEB").map_or_else(|| root.join("target/web"), PathBuf::from);
    let needed = [
        Path::new(CHROMIUM).to_owned(),
        packages.join("node_modules/playwright-core"),
        packages.join("node_modules/axe-core"),
    ];
    let missing = needed.iter().find(|path| !path.exists());
    if let Some(missing) = missing {
        skipped(&format!("tests/web/{script}: no {} (`.ci/run` says how to get it)", missing.display()));
        return None;
    }
    let mut command = Command::new("node");
    command.arg(data("../web").join(script)).env("CLINQA_TEST_WEB", packages).env("CLINQA_TEST_CHROMIUM", CHROMIUM);
    Some(command)
}

/// Every string in a JSON value.
fn strings(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => found.push(text.clone()),
        serde_json::Value::Object(fields) => fields.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

/// The grade by Flesch and Kincaid: 0.39 words a sentence + 11.8 syllables a word - 15.59.
fn grade(text: &str) -> f64 {
    let words: Vec<&str> = text
        .split(|c: char| !(c.is_alphabetic() || c == '\''))
        .filter(|word| word.contains(char::is_alphabetic))
        .collect();
    let ends = text.split(['.', '?', '!', '…', ':']).filter(|part| part.contains(char::is_alphabetic)).count();
    let syllables: usize = words.iter().map(|word| syllables(word)).sum();
    let words = words.len().max(1) as f64;
    0.39 * words / ends.max(1) as f64 + 11.8 * syllables as f64 / words - 15.59
}

/// Groups of vowels, without an `e` or `es` or `ed` that is not heard.
fn syllables(word: &str) -> usize {
    let word = word.to_lowercase();
    let is_vowel = |c: char| "aeiouy".contains(c);
    let silent = ["es", "ed", "e"].iter().find_map(|end| word.strip_suffix(end)).filter(|rest| {
        let before = rest.chars().last();
        let heard = word.ends_with("ted")
            || word.ends_with("ded")
            || ["ses", "ces", "zes", "ges", "xes", "hes"].iter().any(|end| word.ends_with(end));
        let consonant_l =
            word.ends_with("le") && before == Some('l') && !rest.chars().rev().nth(1).is_some_and(is_vowel);
        rest.contains(is_vowel) && before.is_some_and(|c| !is_vowel(c)) && !heard && !consonant_l
    });
    let heard = silent.unwrap_or(&word);
    let mut groups = 0;
    let mut inside = false;
    for c in heard.chars() {
        groups += usize::from(is_vowel(c) && !inside);
        inside = is_vowel(c);
    }
    // Two vowels that are said apart.
    let apart = ["ea", "ia", "io", "iu"].iter().filter(|pair| heard.ends_with(*pair)).count();
    (groups + usize::from(apart > 0 && heard.len() > 3)).max(1)
}
