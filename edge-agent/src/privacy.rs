//! Keys, pseudonyms, modes.
