//! `edge-agent`: see `edge-agent --help`.

fn main() -> std::process::ExitCode {
    edge_agent::cli::main()
}
