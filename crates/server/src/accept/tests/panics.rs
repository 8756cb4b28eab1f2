//! Is one panic one 500 wherever a question is worked on, and does nothing that was typed come out by it?
//!
//! What is done where is as in `app.rs`: looks and questions have threads of their own, retrieval and reading spread over
//! rayon's, a handler writes what came back, and a reply may be written in pieces.

use std::fmt::Write as _;
use std::process::Command;

use axum::middleware::Next;
use axum::response::Response;
use axum::routing::MethodRouter;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::*;
use crate::work::{Capacity, Work};

/// What somebody typed: every planted panic says it.
const TYPED: &str = "zqpanicked 943 476 5919";

/// Where each panic is planted.
const STAGES: [&str; 7] = ["/screen", "/understand", "/retrieve", "/read", "/compose", "/write", "/pieces"];

const ONE: Capacity = Capacity { workers: 1, queue: 4, wait: Duration::from_secs(5) };

/// A route for each stage, which does what the question says where that stage is done.
pub(super) fn stages(guarded: &dyn Fn(&'static str, MethodRouter) -> MethodRouter) -> Router {
    let looks = Arc::new(Work::start(ONE).expect("threads"));
    let work = Arc::new(Work::start(ONE).expect("threads"));
    STAGES.into_iter().fold(Router::new(), |router, path| {
        let (looks, work) = (Arc::clone(&looks), Arc::clone(&work));
        let answers = move |typed: String| answer_with(&path[1..], looks, work, typed);
        router.route(path, guarded(path, post(answers)))
    })
}

/// Panics in `stage` with what was typed, unless that is nothing.
async fn answer_with(
    stage: &'static str,
    looks: Arc<Work>,
    work: Arc<Work>,
    typed: String,
) -> Result<Response, ApiError> {
    let deadline = Instant::now() + PATIENCE;
    let fails = move |here: &str| assert!(stage != here || typed.is_empty(), "{typed}");
    let (screening, answering) = (fails.clone(), fails.clone());
    looks.run(deadline, move || screening("screen")).await?;
    let answered = work.run(deadline, move || {
        answering("understand");
        rayon::join(|| answering("retrieve"), || ());
        (0..4).into_par_iter().for_each(|_| answering("read"));
        answering("compose");
        "fine"
    });
    let text = answered.await?;
    fails("write");
    let pieces = futures_util::stream::iter([1, 2]).then(move |piece| {
        let fails = fails.clone();
        async move {
            if piece == 2 {
                // The first is on its way by then.
                sleep(Duration::from_millis(50)).await;
                fails("pieces");
            }
            Ok::<_, std::io::Error>(text)
        }
    });
    Ok(Body::from_stream(pieces).into_response())
}

/// Panics behind everything that catches panics but the door.
pub(super) async fn at_the_last_layer(request: axum::extract::Request, next: Next) -> Response {
    assert_ne!(request.uri().query(), Some("last-layer"), "planted");
    next.run(request).await
}

/// The other half of the test below, in a process of its own: whoever catches panics there catches those of all tests.
#[test]
#[ignore = "run by the test below in a process of its own"]
fn panics_are_planted_and_told() {
    crate::logs::begin(crate::LogLevel::Trace);
    let server = Running::start(&ServerConfig { limits: Limits::default(), request_timeout: PATIENCE, ..quick() });
    crate::logs::watch_panics(Arc::clone(&server.metrics));
    let mut told = String::new();
    for stage in STAGES {
        let ask = |typed: &str| {
            let head = format!("POST {stage} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n");
            server.send(format!("{head}content-length: {}\r\n\r\n{typed}", typed.len()).as_bytes())
        };
        for typed in [TYPED, "", TYPED, ""] {
            let reply = ask(typed);
            let when = if typed.is_empty() { "after" } else { "planted" };
            writeln!(told, "{stage} {when}: {reply:?}").expect("a string takes it");
        }
    }
    told += &server.metrics.text(0);
    std::io::stdout().write_all(told.as_bytes()).expect("it is told");
}

#[test]
fn a_panic_in_any_stage_is_one_500_that_is_counted_and_tells_nothing_of_what_was_typed() {
    let this = std::env::current_exe().expect("this program");
    let alone = ["--exact", "accept::tests::panics::panics_are_planted_and_told", "--ignored", "--nocapture"];
    let ran = Command::new(this).args(alone).env("RUST_BACKTRACE", "1").output().expect("it runs");
    let [told, log] = [&ran.stdout, &ran.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(ran.status.success(), "{told}\n{log}");
    // Four digits alone stand in the id of a request or in a time by chance.
    for part in ["zqpanicked", "943 476", "476 5919"] {
        assert!(!told.contains(part) && !log.contains(part), "{part}: {told}\n{log}");
    }
    for stage in STAGES {
        let replies = |when: &str| {
            let begun = format!("{stage} {when}: ");
            told.lines().filter_map(|line| line.split_once(&begun).map(|(_, reply)| reply)).collect::<Vec<_>>()
        };
        let [planted, after] = ["planted", "after"].map(replies);
        assert_eq!((planted.len(), after.len()), (2, 2), "{told}");
        // A reply of which half was sent is cut off, so that nobody takes it for the whole.
        let status = if stage == "/pieces" { "200" } else { "500" };
        assert!(planted.iter().all(|reply| reply.starts_with(&format!("\"HTTP/1.1 {status} "))), "{planted:?}");
        assert!(planted.iter().all(|reply| !reply.ends_with("0\\r\\n\\r\\n\"")), "{planted:?}");
        assert!(after.iter().all(|reply| reply.starts_with("\"HTTP/1.1 200 ")), "{after:?}");
        assert!(after.iter().all(|reply| reply.ends_with("0\\r\\n\\r\\n\"")), "{after:?}");
        let counted = format!("{{route=\"{stage}\",status=\"{status}\"}} {}", if status == "200" { 4 } else { 2 });
        assert!(told.contains(&counted), "{counted} is missing in {told}");
    }
    let panics = told.lines().find_map(|line| line.strip_prefix("clinqa_panics_total ")).expect("a count");
    // Rayon's threads may each panic once for one question.
    assert!(panics.parse::<usize>().is_ok_and(|panics| panics >= 2 * STAGES.len()), "{panics}");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("\"message\":\"panic\"")).collect();
    assert!(lines.len() >= 2 * STAGES.len() && lines.iter().all(|line| line.contains("panics.rs")), "{log}");
}
