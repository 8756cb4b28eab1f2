//! The two verbs: answer, rebuild.
