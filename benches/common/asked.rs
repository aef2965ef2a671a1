//! When a benchmark runs.

/// Whether `cargo bench` runs this. `cargo test --all-targets` runs benchmarks, too, but bounds on time are no matter of
/// tests.
pub(crate) fn is_asked_for(name: &str) -> bool {
    let asked = std::env::args().any(|argument| argument == "--bench");
    if !asked {
        println!("a benchmark: cargo bench --bench {name}");
    }
    asked
}
