//! Which models come with us?
