//! Identical functions are linked once: generic code makes many, and the binary has to fit through a mall's uplink.
//! Rust promises no function an address of its own. Only where Rust's own linker is the default: others may not know how.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |key: &str, value: &str| std::env::var(key).is_ok_and(|v| v == value);
    // Set where another linker was chosen (cross-compiling; zig's refuses the option).
    let own_linker = std::env::var_os("RUSTC_LINKER").is_none();
    if is("PROFILE", "release") && is("TARGET", "x86_64-unknown-linux-gnu") && own_linker {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
}
