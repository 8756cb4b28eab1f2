//! What does the user ask a hub for, and what came of it?

use std::fmt;
use std::path::PathBuf;

use crate::error::FetchError;
use crate::pin::PulledFile;

/// The branch taken when none is named.
pub(crate) const DEFAULT_REVISION: &str = "main";

/// One model to pull. Nothing else is consulted: no environment variable, no token file, no proxy setting.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PullRequest {
    /// `owner/model`, each of `A-Z a-z 0-9 . _ -`.
    pub name: String,
    /// Branch, tag or commit; none means `main`.
    pub revision: Option<String>,
    /// SHA-256 that the weights file must have, in hexadecimal. Given, it also accepts a model whose pin differs.
    pub sha256: Option<String>,
    /// Address of the hub, `https://…`; none means the one that hf-hub knows.
    pub endpoint: Option<String>,
    /// Access token for private and gated models; it is sent to the hub's own host only.
    pub token: Option<String>,
}

/// What a pull left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The installed folder, `models/<owner>--<model>`.
    pub folder: PathBuf,
    /// Its files by name.
    pub files: Vec<PulledFile>,
    /// SHA-256 of the weights file, in lower-case hexadecimal.
    pub weights_sha256: String,
    /// Whether a pin from an earlier pull was there to compare with.
    pub pinned_before: bool,
}

// By hand: a token must not reach a log because someone printed a request.
impl fmt::Debug for PullRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullRequest")
            .field("name", &self.name)
            .field("revision", &self.revision)
            .field("sha256", &self.sha256)
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .finish()
    }
}

impl PullRequest {
    /// Refuses what could leave the models folder or mean something else in an address, before any socket is opened.
    pub(crate) fn check(&self) -> Result<(), FetchError> {
        if !is_model_name(&self.name) {
            return Err(FetchError::Name { name: self.name.clone() });
        }
        if !is_revision(self.revision()) {
            return Err(FetchError::Revision { revision: self.revision().to_owned() });
        }
        if let Some(given) = self.sha256.as_ref().filter(|given| !is_sha256(given)) {
            return Err(FetchError::Digest { given: given.clone() });
        }
        if let Some(endpoint) = self.endpoint.as_ref().filter(|endpoint| !is_endpoint(endpoint)) {
            return Err(FetchError::Endpoint { endpoint: endpoint.clone() });
        }
        let Some(token) = &self.token else { return Ok(()) };
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(FetchError::Token);
        }
        match &self.endpoint {
            Some(endpoint) if !is_private(endpoint) => Err(FetchError::OpenToken { endpoint: endpoint.clone() }),
            _ => Ok(()),
        }
    }

    /// The revision asked for.
    pub(crate) fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(DEFAULT_REVISION)
    }
}

/// Whether a text is a SHA-256 in hexadecimal.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_model_name(name: &str) -> bool {
    // The folder's name is `owner--model`, so `--` inside a part would let two models share one.
    let is_part = |part: &str| is_plain(part, b"._-") && !part.starts_with(['.', '-']) && !part.contains("--");
    name.split_once('/').is_some_and(|(owner, model)| is_part(owner) && is_part(model))
}

fn is_revision(revision: &str) -> bool {
    is_plain(revision, b"._-/") && !revision.starts_with(['/', '.']) && !revision.ends_with('/')
}

fn is_plain(text: &str, also: &[u8]) -> bool {
    (1..=96).contains(&text.len())
        && !text.contains("..")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte))
}

fn is_endpoint(endpoint: &str) -> bool {
    let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.starts_with('/')
            && !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:/[]".contains(&byte))
    })
}

/// Whether nobody on the way can read what goes to an address: encrypted, or never leaving this machine.
fn is_private(endpoint: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("http://") else { return true };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_owner_and_model_make_a_name() {
        let check = |name: &str, expected: bool| assert_eq!(is_model_name(name), expected, "{name:?}");
        check("sentence-transformers/all-MiniLM-L6-v2", true);
        check("emilyalsentzer/Bio_ClinicalBERT", true);
        for hostile in [
            "",
            "model",
            "/model",
            "owner/",
            "a/b/c",
            "../b",
            "a/..",
            "a/b..c",
            "a/.hidden",
            "a\\b/c",
            "a/b c",
            "a/b?x",
            "a/b#x",
            "a/%2e",
            "é/b",
            "a/b\0",
            "a--b/c",
            "-a/b",
        ] {
            check(hostile, false);
        }
        check(&format!("a/{}", "b".repeat(96)), true);
        check(&format!("a/{}", "b".repeat(97)), false);
    }

    #[test]
    fn a_revision_is_a_branch_a_tag_or_a_commit() {
        let check = |revision: &str, expected: bool| assert_eq!(is_revision(revision), expected, "{revision:?}");
        check("main", true);
        check("refs/pr/3", true);
        check("v1.0_rc-2", true);
        for hostile in ["", "..", "a/../b", "/etc", "a/", "a b", "a?b", "a#b", ".git"] {
            check(hostile, false);
        }
    }

    #[test]
    fn a_hub_is_an_address_and_a_token_goes_only_where_nobody_listens() {
        let check = |endpoint: &str, token: bool, expected: Option<&str>| {
            let request = PullRequest {
                name: "a/b".into(),
                endpoint: Some(endpoint.into()),
                token: token.then(|| "secret".into()),
                ..PullRequest::default()
            };
            let found = request.check().err().map(|error| error.to_string());
            assert_eq!(found.is_some(), expected.is_some(), "{endpoint}: {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{endpoint}");
        };
        check("https://hub.example", true, None);
        check("http://hub.example:8080/mirror", false, None);
        check("http://127.0.0.1:80", true, None);
        check("http://[::1]:80", true, None);
        check("http://hub.example", true, Some("not encrypted"));
        check("http://127.0.0.1.example", true, Some("not encrypted"));
        for hostile in
            ["", "hub.example", "ftp://hub", "https://", "https:///x", "https://a@b", "https://a?b", "https://a b"]
        {
            check(hostile, false, Some("without user"));
        }
    }

    #[test]
    fn a_token_with_a_line_break_is_refused_and_never_printed() {
        let request =
            PullRequest { name: "a/b".into(), token: Some("hf_x\r\nHost: y".into()), ..PullRequest::default() };
        let error = request.check().expect_err("a header would be smuggled in");
        assert!(matches!(error, FetchError::Token));
        assert!(!format!("{error:?} {request:?}").contains("hf_x"));
    }
}
