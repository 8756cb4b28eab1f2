//! Does the binary speak TLS, with a certificate that can be changed while it runs, and nothing else on that port?
//!
//! The client is curl, which shares no line with us; `crates/server` asks its own with rustls.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http::Server;
use crate::support::{Project, arg, check_reply, data, five, run, skipped};

/// curl, trusting the certificate `name` alone; `None` if there is no curl here.
fn curl(name: &str, args: &[&str]) -> Option<(i32, String)> {
    let certificate = data(&format!("tls/{name}.cert.pem"));
    let mut command = Command::new("curl");
    command.args(["-q", "--silent", "--noproxy", "*", "--max-time", "60", "--cacert", arg(&certificate)]).args(args);
    let Ok(output) = command.output() else {
        skipped("there is no curl: THE BINARY'S TLS IS NOT TESTED");
        return None;
    };
    Some((output.status.code()?, String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[test]
fn questions_go_over_tls_with_the_newest_certificate_and_never_without() {
    if curl("one", &["--version"]).is_none() {
        return;
    }
    let project = Project::indexed();
    for kind in ["cert", "key"] {
        std::fs::copy(data(&format!("tls/one.{kind}.pem")), project.path(&format!("{kind}.pem"))).expect("a copy");
    }
    let tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem", "--timeout", "60", "--log", "trace"];
    let mut server = Server::start(&project, &tls);
    let url = |path: &str| format!("https://{}{path}", server.address);
    let ask = |name: &str, more: &[&str]| {
        let body = json!({ "question": "planted: what are the symptoms of asthma?" }).to_string();
        let url = url("/v1/ask");
        let json = ["-H", "content-type: application/json", "-d", body.as_str(), url.as_str()];
        curl(name, &[more, &json[..]].concat()).expect("curl")
    };
    let answered = |(code, said): (i32, String)| {
        assert_eq!(code, 0, "{said}");
        let reply: Value = serde_json::from_str(&said).expect("JSON");
        check_reply(&reply);
        assert_eq!(reply["outcome"], "answered", "{reply}");
    };
    answered(ask("one", &[]));
    answered(ask("one", &["--tls-max", "1.2"]));
    assert_ne!(ask("one", &["--tls-max", "1.1"]).0, 0, "what is older than TLS 1.2 is not spoken");
    assert_ne!(ask("two", &[]).0, 0, "a stranger's certificate is not ours");
    let page = curl("one", &["-H", "accept: text/html", &url("/lost")]).expect("curl").1;
    assert!(page.contains("112, 911, 999"), "{page}");
    let plain = server.get("/healthz");
    assert_eq!(plain.status, 0, "no plain text: {plain:?}");

    for kind in ["cert", "key"] {
        std::fs::copy(data(&format!("tls/two.{kind}.pem")), project.path(&format!("{kind}.pem"))).expect("a copy");
    }
    server.signal("HUP");
    let start = Instant::now();
    while ask("two", &[]).0 != 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "the new certificate is not taken up");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_ne!(ask("one", &[]).0, 0, "the old one is gone");
    server.signal("TERM");
    assert_eq!(server.ended_within(Duration::from_secs(10)), 0);
    assert!(server.log().iter().all(|line| !line.contains("planted")), "{:?}", server.log());
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_at_the_start() {
    let [one, two] = ["tls/one.cert.pem", "tls/two.key.pem"].map(data);
    let mut serve =
        five().command(&["serve", "--listen", "127.0.0.1:0", "--tls-cert", arg(&one), "--tls-key", arg(&two)]);
    run(&mut serve).refused(2, &["TLS", "--tls-cert", "--tls-key"]);
    let mut serve =
        five().command(&["serve", "--listen", "127.0.0.1:0", "--tls-cert", "lost.pem", "--tls-key", arg(&two)]);
    run(&mut serve).refused(2, &["lost.pem"]);
}
