//! Which passages may answer?
