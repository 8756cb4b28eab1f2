//! How much memory does this process hold?

use serde::Serialize;

/// Bytes of memory of this process, as the kernel counts them; `None` where it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Held now, mapped files included.
    pub resident: Option<u64>,
    /// Held now, mapped files left out.
    pub anonymous: Option<u64>,
    /// The most that was ever held.
    pub peak: Option<u64>,
}

impl Memory {
    /// Reads the kernel's account.
    pub fn now() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    fn parse(status: &str) -> Self {
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kibibytes: u64 = line.trim_start_matches(':').trim().strip_suffix(" kB")?.trim().parse().ok()?;
            Some(kibibytes * 1_024)
        };
        Self { resident: bytes("VmRSS"), anonymous: bytes("RssAnon"), peak: bytes("VmHWM") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_of_the_kernel_is_read_and_a_missing_one_is_none() {
        let found = Memory::parse("Name:\tx\nVmHWM:\t    20 kB\nVmRSS:\t      12 kB\nRssAnon:\t 3 kB\n");
        assert_eq!(found, Memory { resident: Some(12_288), anonymous: Some(3_072), peak: Some(20_480) });
        assert_eq!(Memory::parse(""), Memory { resident: None, anonymous: None, peak: None });
    }
}
