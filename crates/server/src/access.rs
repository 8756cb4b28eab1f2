//! Who is asking, and may they?

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// What somebody may do; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Nobody in particular: public routes only.
    None,
    /// Asks questions and opens their sources.
    Patient,
    /// Searches without asking.
    Staff,
    /// Reads the metrics, and cares for the index.
    Admin,
}

impl Role {
    /// All, the weakest first.
    pub const ALL: [Self; 4] = [Self::None, Self::Patient, Self::Staff, Self::Admin];

    /// Its name in the file of keys and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Patient => "patient",
            Self::Staff => "staff",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// One key, known by its digest only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Whose it is, for the operator.
    pub name: String,
    /// What it opens.
    pub role: Role,
    /// SHA-256 of the secret.
    pub sha256: [u8; 32],
}

impl Key {
    /// The digest that a file of keys holds for `secret`.
    pub fn digest(secret: &str) -> [u8; 32] {
        Sha256::digest(secret.as_bytes()).into()
    }
}

/// Who is asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) role: Role,
    /// The place of the key that was shown, among the keys.
    pub(crate) key: Option<usize>,
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No key, or one that is not known: another one may help.
    Unknown,
    /// The key is known and opens something else.
    Forbidden,
}

/// The keys, and what may be done without one.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) keys: Vec<Key>,
    pub(crate) strangers: Role,
}

impl Access {
    /// Who shows `authorization`. A key that is not known is refused even where none is needed, so that a mistyped one is
    /// noticed; where there are no keys at all, what clients send by habit is ignored.
    pub(crate) fn caller(&self, authorization: Option<&[u8]>) -> Result<Caller, Refusal> {
        let stranger = Caller { role: self.strangers, key: None };
        let Some(authorization) = authorization.filter(|_| !self.keys.is_empty()) else { return Ok(stranger) };
        let secret = secret(authorization).ok_or(Refusal::Unknown)?;
        let key = self.find(&secret).ok_or(Refusal::Unknown)?;
        Ok(Caller { role: self.keys[key].role, key: Some(key) })
    }

    /// Every key is compared to its last byte, whichever matches: the time tells nothing about the keys.
    fn find(&self, secret: &[u8]) -> Option<usize> {
        let shown: [u8; 32] = Sha256::digest(secret).into();
        let mut found = Choice::from(0);
        let mut place = 0_u64;
        for (at, key) in self.keys.iter().enumerate() {
            let same = key.sha256.ct_eq(&shown);
            place.conditional_assign(&(at as u64), same);
            found |= same;
        }
        bool::from(found).then_some(place as usize)
    }
}

impl Caller {
    /// Whether the caller may use what needs `needed`.
    pub(crate) fn require(self, needed: Role) -> Result<(), Refusal> {
        match self.key {
            _ if self.role >= needed => Ok(()),
            Some(_) => Err(Refusal::Forbidden),
            None => Err(Refusal::Unknown),
        }
    }
}

/// The secret of `Authorization: Bearer SECRET`, or of `Basic`, which is how a browser shows what a person typed into its
/// own box; the scheme in any case, as RFC 9110 has it.
fn secret(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let space = value.iter().position(|&byte| byte == b' ')?;
    let (scheme, credentials) = (&value[..space], value[space..].trim_ascii());
    let secret = match scheme {
        _ if scheme.eq_ignore_ascii_case(b"bearer") => Cow::Borrowed(credentials),
        _ if scheme.eq_ignore_ascii_case(b"basic") => Cow::Owned(typed(&BASE64_STANDARD.decode(credentials).ok()?)?),
        _ => return None,
    };
    (!secret.is_empty()).then_some(secret)
}

/// The password of `user:password` (RFC 7617), whoever the user says to be; a key typed into the box for the user counts
/// as well, since there are no users here.
fn typed(pair: &[u8]) -> Option<Vec<u8>> {
    let colon = pair.iter().position(|&byte| byte == b':')?;
    let (user, password) = (&pair[..colon], &pair[colon + 1..]);
    Some(if password.is_empty() { user } else { password }.trim_ascii().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(strangers: Role) -> Access {
        let key = |name: &str, role| Key { name: name.to_owned(), role, sha256: Key::digest(name) };
        Access { keys: vec![key("one", Role::Staff), key("two", Role::Admin)], strangers }
    }

    #[test]
    fn a_key_opens_what_its_role_may() {
        let check = |shown: Option<&str>, needed: Role, expected: Result<(), Refusal>| {
            let access = access(Role::Patient);
            let found = access.caller(shown.map(str::as_bytes)).and_then(|caller| caller.require(needed));
            assert_eq!(found, expected, "{shown:?} for {needed:?}");
        };
        check(None, Role::Patient, Ok(()));
        check(None, Role::Staff, Err(Refusal::Unknown));
        check(Some("Bearer one"), Role::Staff, Ok(()));
        check(Some("bearer  one "), Role::Patient, Ok(()));
        check(Some("Bearer one"), Role::Admin, Err(Refusal::Forbidden));
        check(Some("Bearer two"), Role::Admin, Ok(()));
        check(Some("Bearer three"), Role::None, Err(Refusal::Unknown));
        check(Some("Bearer "), Role::None, Err(Refusal::Unknown));
        check(Some("Basic one"), Role::None, Err(Refusal::Unknown));
        let basic = |pair: &str| format!("basic {}", BASE64_STANDARD.encode(pair));
        check(Some(&basic("ward:one")), Role::Staff, Ok(()));
        check(Some(&basic("one:")), Role::Staff, Ok(()));
        check(Some(&basic(":two ")), Role::Admin, Ok(()));
        for wrong in ["one", ":", "", "ward:three", "three:"] {
            check(Some(&basic(wrong)), Role::None, Err(Refusal::Unknown));
        }
        check(Some("Digest one"), Role::None, Err(Refusal::Unknown));
        check(Some("Bearer"), Role::None, Err(Refusal::Unknown));
        check(Some(""), Role::None, Err(Refusal::Unknown));
    }

    #[test]
    fn without_keys_what_clients_send_by_habit_is_ignored() {
        let access = Access { keys: Vec::new(), strangers: Role::Patient };
        let expected = Caller { role: Role::Patient, key: None };
        assert_eq!(access.caller(Some(b"Bearer anything")), Ok(expected));
    }

    #[test]
    fn roles_are_ordered_and_known_by_name() {
        assert!(Role::ALL.is_sorted());
        assert!(Role::ALL.iter().all(|role| Role::named(role.name()) == Some(*role)));
        assert_eq!(Role::named("root"), None);
    }
}
