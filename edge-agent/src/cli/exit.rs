//! Exit codes, after sysexits.h, and the error that carries one.

use std::fmt;
use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well.
    Ok = 0,
    /// The command line, the configuration or the site map is wrong. Not worth a restart.
    Config = 64,
    /// An input held records that could not be read; the rest was used.
    BadData = 65,
    /// An input cannot be opened.
    NoInput = 66,
    /// Something this needs is not there: a broker, a port, a store held by another process.
    Unavailable = 69,
    /// A defect of ours.
    Software = 70,
    /// An output cannot be made.
    CannotCreate = 73,
    /// Reading or writing failed half-way.
    Io = 74,
    /// Not allowed to.
    NoPermission = 77,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command failed: with which code, and in words that say what, where, and what would be right.
#[derive(Debug)]
pub struct Failure {
    /// How to end.
    pub exit: Exit,
    /// For the person at the terminal.
    pub message: String,
}

impl Failure {
    /// A failure.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// A failure of the file system at `path`; the code follows from the kind of error.
    pub fn io(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let exit = match error.kind() {
            ErrorKind::NotFound => Exit::NoInput,
            ErrorKind::PermissionDenied => Exit::NoPermission,
            _ => Exit::Io,
        };
        Self::new(exit, format!("{what} {}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
