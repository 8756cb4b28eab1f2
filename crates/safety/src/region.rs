//! Which number does one call here?

use std::str::FromStr;
use std::sync::LazyLock;

use clinqa_schema::Call;

const REGIONS: &str = include_str!("../data/regions.toml");

/// Said where the region is not known.
const ANYWHERE: &str = "your local emergency number (112, 911, 999 …)";

static TABLE: LazyLock<Result<Vec<Country>, toml::de::Error>> =
    LazyLock::new(|| toml::from_str::<RegionsFile>(REGIONS).map(|file| file.region));

/// A country whose emergency number is known, by its ISO 3166 alpha-2 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region(&'static Country);

/// Why a text is not a region.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RegionError {
    /// It is not two letters.
    #[error("the region `{found}` is not a country code; write the two letters of ISO 3166, for example `GB` or `US`")]
    Form {
        /// What was written, escaped and cut.
        found: String,
    },
    /// There is no number for it.
    #[error("no emergency number is known for `{found}`; leave the region out or use one of {known}")]
    Unknown {
        /// The code.
        found: String,
        /// The codes that are known, in order.
        known: String,
    },
}

impl Region {
    /// The two letters, in capitals.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The number for an ambulance, as the public body in [`Region::source`] gives it.
    pub fn emergency(&self) -> &str {
        &self.0.emergency
    }

    /// The public body that names the number.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Number and name of a crisis line, where one is certain.
    pub fn crisis(&self) -> Option<(&str, &str)> {
        self.0.crisis.as_ref().map(|line| (line.number.as_str(), line.name.as_str()))
    }

    /// All regions, by code.
    pub fn all() -> impl Iterator<Item = Region> {
        table().iter().map(Region)
    }
}

impl FromStr for Region {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, RegionError> {
        let code = text.trim().to_ascii_uppercase();
        if code.len() != 2 || !code.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(RegionError::Form { found: text.chars().take(20).flat_map(char::escape_default).collect() });
        }
        // Everybody writes UK; ISO 3166 reserves it for just that.
        let code = if code == "UK" { "GB".to_owned() } else { code };
        let known = || table().iter().map(|country| country.code.as_str()).collect::<Vec<_>>().join(", ");
        match table().iter().find(|country| country.code == code) {
            Some(country) => Ok(Self(country)),
            None => Err(RegionError::Unknown { found: code, known: known() }),
        }
    }
}

/// Whom to call in `region`.
pub(crate) fn call(region: Option<&Region>) -> Call {
    let (code, number) = region.map_or(("", ANYWHERE), |region| (region.code(), region.emergency()));
    Call { region: code.to_owned(), number: number.to_owned() }
}

/// A sentence about a crisis line in `region`.
pub(crate) fn crisis(region: Option<&Region>) -> String {
    match region.and_then(Region::crisis) {
        Some((number, name)) => format!("You can also reach {name} on {number}. They listen, and it is free."),
        None => "A crisis line or someone you trust can also listen now.".to_owned(),
    }
}

/// Why the embedded table cannot be read, if so; [`crate::Rules::embedded`] reports it.
pub(crate) fn damage() -> Option<toml::de::Error> {
    TABLE.as_ref().err().cloned()
}

fn table() -> &'static [Country] {
    TABLE.as_deref().unwrap_or_default()
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionsFile {
    region: Vec<Country>,
}

#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Country {
    code: String,
    name: String,
    emergency: String,
    source: String,
    crisis: Option<CrisisLine>,
}

#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CrisisLine {
    number: String,
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_two_letters_with_a_number_or_an_error_that_says_how() {
        let check = |text: &str, expected: &str| {
            let found = text.parse::<Region>().map(|region| region.emergency().to_owned());
            assert_eq!(found.unwrap_or_else(|why| why.to_string()), expected, "{text}");
        };
        check("GB", "999");
        check("uk", "999");
        check(" us ", "911");
        check("AU", "000");
        let form = "is not a country code; write the two letters of ISO 3166, for example `GB` or `US`";
        check("England", &format!("the region `England` {form}"));
        check("", &format!("the region `` {form}"));
        check("é", &format!("the region `\\u{{e9}}` {form}"));
        let unknown = "ZZ".parse::<Region>().expect_err("ZZ is no country").to_string();
        assert!(
            unknown.starts_with("no emergency number is known for `ZZ`; leave the region out or use one of AE, AR")
        );
    }

    #[test]
    fn every_region_is_whole_and_they_stand_in_order() {
        assert!(damage().is_none());
        let codes: Vec<&str> = table().iter().map(|country| country.code.as_str()).collect();
        assert!(codes.len() >= 30, "{}", codes.len());
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
        for country in table() {
            assert!(!country.name.is_empty() && country.source.len() > 2, "{}", country.code);
            assert!(country.emergency.starts_with(|c: char| c.is_ascii_digit()), "{}", country.code);
            assert_eq!(country.code.parse::<Region>(), Ok(Region(country)));
        }
    }
}
