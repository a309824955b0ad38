//! Why the daemon ends, as an exit code.

use crate::agent::AgentError;
use crate::cli::exit::{Exit, Failure};
use crate::pipeline::PipelineError;
use crate::privacy::PrivacyError;
use crate::publish::PublisherError;
use crate::store::OpenError;

/// The keys or lists cannot be used.
pub(in crate::cli) fn privacy_failure(e: &PrivacyError) -> Failure {
    let exit = match e {
        PrivacyError::Key { source, .. } | PrivacyError::List { source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            Exit::NoPermission
        }
        _ => Exit::Config,
    };
    Failure::new(exit, e.to_string())
}

/// The store does not open.
pub(in crate::cli) fn store_failure(e: &OpenError) -> Failure {
    let exit = match e {
        OpenError::Locked { .. } => Exit::Unavailable,
        OpenError::NotWritable { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            Exit::NoPermission
        }
        OpenError::NotWritable { .. } => Exit::CannotCreate,
        OpenError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotADirectory => {
            Exit::CannotCreate
        }
        OpenError::NoSpace { .. } | OpenError::Io { .. } | OpenError::Database { .. } => Exit::Io,
    };
    Failure::new(exit, e.to_string())
}

pub(super) fn pipeline_failure(e: &PipelineError) -> Failure {
    let exit = match e {
        PipelineError::Store(_) => Exit::Io,
        PipelineError::Rewind(_) => Exit::BadData,
    };
    Failure::new(exit, e.to_string())
}

/// What ended the daemon, for the exit code.
pub(in crate::cli) fn agent_failure(e: &AgentError) -> Failure {
    let exit = match e {
        AgentError::Pipeline(e) => return pipeline_failure(e),
        AgentError::Publisher(
            PublisherError::Config(_) | PublisherError::Tls(_) | PublisherError::Identity { .. },
        ) => Exit::Config,
        AgentError::Close(_) => Exit::Io,
        AgentError::Died(_) => Exit::Software,
    };
    Failure::new(exit, e.to_string())
}
