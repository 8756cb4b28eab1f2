//! What kind of text is this?
