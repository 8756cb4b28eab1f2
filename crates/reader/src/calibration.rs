//! What evidence means as a probability (pure).

use serde::{Deserialize, Serialize};

/// `probability = 1 / (1 + exp(-(evidence - bias) / temperature))`, fitted on a development set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// How many units of evidence make one unit of log-odds; above 0.
    pub temperature: f32,
    /// The evidence at which the answer is as likely right as wrong.
    pub bias: f32,
    /// On what it was fitted, by which command.
    pub fitted_on: String,
}

/// Why a calibration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// It is not JSON of the right shape.
    #[error(
        "cannot understand calibration.json of reader {reader}: {source}; fit it anew with `clinqa eval answers --fit`"
    )]
    Json {
        /// The reader.
        reader: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A number is out of range.
    #[error("calibration.json of reader {reader} has temperature {temperature}; it must be above 0")]
    Temperature {
        /// The reader.
        reader: String,
        /// The number.
        temperature: f32,
    },
}

impl Default for Calibration {
    /// For a reader that brings none: evidence is taken for log-odds, as training made them.
    fn default() -> Self {
        Self { temperature: 1.0, bias: 0.0, fitted_on: "nothing; the default".into() }
    }
}

impl Calibration {
    /// Parses `calibration.json` of `reader`.
    pub fn parse(reader: &str, json: &[u8]) -> Result<Self, CalibrationError> {
        let found: Self = serde_json::from_slice(json)
            .map_err(|source| CalibrationError::Json { reader: reader.to_owned(), source })?;
        if found.temperature > 0.0 && found.bias.is_finite() {
            return Ok(found);
        }
        Err(CalibrationError::Temperature { reader: reader.to_owned(), temperature: found.temperature })
    }

    /// The probability that a span with this evidence answers.
    pub fn probability(&self, evidence: f32) -> f32 {
        1.0 / (1.0 + (-(evidence - self.bias) / self.temperature).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probability_rises_with_the_evidence_and_is_one_half_at_the_bias() {
        let calibration = Calibration { temperature: 2.0, bias: 1.0, fitted_on: String::new() };
        assert!((calibration.probability(1.0) - 0.5).abs() < 1e-6);
        assert!((calibration.probability(3.0) - 0.731_058_6).abs() < 1e-6);
        assert!(calibration.probability(-1e9) >= 0.0 && calibration.probability(1e9) <= 1.0);
    }

    #[test]
    fn a_temperature_of_zero_is_refused() {
        let json = br#"{"temperature":0,"bias":0,"fitted_on":"x"}"#;
        assert!(Calibration::parse("r", json).is_err());
        assert!(Calibration::parse("r", b"{}").is_err());
    }
}
