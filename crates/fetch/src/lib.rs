//! Where does it come from?
