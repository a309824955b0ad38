//! What the program carries is made small here: it has to fit through a mall's uplink.

use flate2::{Compression, write::DeflateEncoder};
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

const CONTRACT: &str = "../docs/schema/v1";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    fold_identical_functions();
    pack_contract(&PathBuf::from(std::env::var("OUT_DIR")?).join("contract.deflate"))
}

/// Identical functions are linked once: generic code makes many. Rust promises no function an address of its own. Only
/// where Rust's own linker is the default: others may not know how.
fn fold_identical_functions() {
    let is = |key: &str, value: &str| std::env::var(key).is_ok_and(|v| v == value);
    let own_linker = std::env::var_os("RUSTC_LINKER").is_none();
    if is("PROFILE", "release") && is("TARGET", "x86_64-unknown-linux-gnu") && own_linker {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
}

/// The files of the contract, each its path, a zero, its text and a zero, in the order of their paths, deflated. A test
/// holds them against the types; the generator stays out of the program.
fn pack_contract(packed: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={CONTRACT}");
    let mut files = Vec::new();
    for folder in ["", "samples/"] {
        let place = Path::new(CONTRACT).join(folder);
        let entries = std::fs::read_dir(&place).map_err(|e| format!("{}: {e}", place.display()))?;
        for entry in entries {
            let name = entry?.file_name().into_string().map_err(|name| format!("{name:?} is no UTF-8"))?;
            if name.ends_with(".json") {
                let text = std::fs::read_to_string(place.join(&name))?;
                files.push((format!("{folder}{name}"), text));
            }
        }
    }
    files.sort();
    let mut deflate = DeflateEncoder::new(std::fs::File::create(packed)?, Compression::best());
    for (path, text) in files {
        write!(deflate, "{path}\0{text}\0")?;
    }
    deflate.finish()?;
    Ok(())
}
