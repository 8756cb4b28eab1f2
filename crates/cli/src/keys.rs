//! Which keys open the server, and with which certificate does it speak? Files, read now and on each SIGHUP.

use std::fs;
use std::path::{Path, PathBuf};

use clinqa_server::{Key, Pem, Role, SecretSource, Secrets};
use serde::Deserialize;

/// The files that were named.
#[derive(Debug, Clone, Default)]
pub(crate) struct SecretFiles {
    pub(crate) keys: Option<PathBuf>,
    /// Certificate and private key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
}

/// A file of keys: `[[key]]` with `name`, `role` and `sha256`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    key: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    role: String,
    sha256: String,
}

/// Why keys or certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("cannot read {path}: {source}; check the path and who may read it")]
    Read { path: String, source: std::io::Error },
    #[error("cannot understand the file of keys {path}; it holds [[key]] tables as `clinqa key new` prints them")]
    Form { path: String },
    #[error("key {number} in {path} has no role of patient, staff, admin")]
    Role { path: String, number: usize },
    #[error("key {number} in {path} has no SHA-256 of 64 lower-case hex digits; make one with `clinqa key new`")]
    Digest { path: String, number: usize },
    #[error("{path} holds no key; make one with `clinqa key new`")]
    Empty { path: String },
}

impl SecretSource for SecretFiles {
    fn read(&self) -> Result<Secrets, String> {
        let keys = self.keys.as_deref().map_or(Ok(Vec::new()), keys);
        let tls =
            self.tls.as_ref().map(|(certificate, key)| Ok(Pem { certificate: bytes(certificate)?, key: bytes(key)? }));
        let told = |error: SecretError| error.to_string();
        Ok(Secrets { keys: keys.map_err(told)?, tls: tls.transpose().map_err(told)? })
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, SecretError> {
    fs::read(path).map_err(|source| SecretError::Read { path: path.display().to_string(), source })
}

/// Nothing of the file but its path is ever repeated: it might hold a secret by mistake.
fn keys(path: &Path) -> Result<Vec<Key>, SecretError> {
    let shown = || path.display().to_string();
    let text = String::from_utf8(bytes(path)?).map_err(|_| SecretError::Form { path: shown() })?;
    let file: File = toml::from_str(&text).map_err(|_| SecretError::Form { path: shown() })?;
    if file.key.is_empty() {
        return Err(SecretError::Empty { path: shown() });
    }
    let key = |(at, line): (usize, Line)| {
        let role = Role::named(&line.role).filter(|role| *role > Role::None);
        let role = role.ok_or_else(|| SecretError::Role { path: shown(), number: at + 1 })?;
        let sha256 = digest(&line.sha256).ok_or_else(|| SecretError::Digest { path: shown(), number: at + 1 })?;
        Ok(Key { name: line.name, role, sha256 })
    };
    file.key.into_iter().enumerate().map(key).collect()
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let pairs = hex.as_bytes().as_chunks::<2>();
    if !pairs.1.is_empty() || pairs.0.len() != digest.len() {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    for (byte, [high, low]) in digest.iter_mut().zip(pairs.0) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(digest)
}

/// A digest as the file holds it.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing into a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_was_written_and_nothing_like_it() {
        let made = Key::digest("secret");
        assert_eq!(digest(&hex(&made)), Some(made));
        let check = |text: &str| assert_eq!(digest(text), None, "{text}");
        check("");
        check(&hex(&made)[1..]);
        check(&hex(&made).to_uppercase());
        check(&format!("{}zz", &hex(&made)[2..]));
    }
}
