//! How the files are written: whole or not at all, and never over what is there.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Writes a new file, readable for everybody (no secret is in it). An error of kind `AlreadyExists` where there is one.
pub fn create(path: &Path, text: &str) -> io::Result<()> {
    written(path, text)?.persist_noclobber(path).map_err(|e| e.error)?;
    sync_folder(path)
}

/// Writes a file in place of the one that is there, which stays beside it; gives back under which name.
pub fn replace(path: &Path, text: &str) -> io::Result<Option<PathBuf>> {
    let new = written(path, text)?;
    let kept = if path.exists() {
        let kept = free_name(path);
        // A link first: at no moment is there no file.
        fs::hard_link(path, &kept).or_else(|_| fs::copy(path, &kept).map(drop))?;
        Some(kept)
    } else {
        None
    };
    new.persist(path).map_err(|e| e.error)?;
    sync_folder(path)?;
    Ok(kept)
}

fn written(path: &Path, text: &str) -> io::Result<tempfile::NamedTempFile> {
    let folder = folder_of(path);
    let mut file = tempfile::Builder::new().prefix(".edge-agent-init-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(folder_of(path))?.sync_all()
}

/// `agent.toml.bak`, `agent.toml.bak2` …: what was kept once is kept.
fn free_name(path: &Path) -> PathBuf {
    let named = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(if n == 1 { ".bak".into() } else { format!(".bak{n}") });
        PathBuf::from(name)
    };
    (1..).map(named).find(|name| !name.exists()).unwrap_or_else(|| named(u32::MAX))
}
