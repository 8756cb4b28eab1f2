//! How do the models learn?
