//! What a term is known by; `build.rs` reads this file too.

/// A term's hash.
pub(crate) type Term = u64;

/// FNV-1a; of the terms of a file no two share a hash (`build.rs` looks).
pub(crate) fn hash(bytes: impl IntoIterator<Item = u8>) -> Term {
    go_on(0xcbf2_9ce4_8422_2325, bytes)
}

/// The hash of what `hash` stands for with `bytes` behind it.
pub(crate) fn go_on(hash: Term, bytes: impl IntoIterator<Item = u8>) -> Term {
    bytes.into_iter().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
