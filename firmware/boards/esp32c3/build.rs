//! Tells the linker where memory is; the script is esp-hal's, and has to be the last.

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
}
