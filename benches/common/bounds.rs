//! What this project promises, held against what was measured.

use std::process::ExitCode;

/// All bounds of a benchmark.
#[derive(Default)]
pub(crate) struct Bounds(Vec<Bound>);

struct Bound {
    what: String,
    measured: f64,
    most: f64,
    unit: &'static str,
}

impl Bounds {
    /// `measured` should be no more than `most`.
    pub(crate) fn at_most(&mut self, most: f64, unit: &'static str, what: impl Into<String>, measured: f64) {
        self.0.push(Bound { what: what.into(), measured, most, unit });
    }

    /// What is measured by those that are broken.
    pub(crate) fn broken(&self) -> impl Iterator<Item = String> {
        let broken = self.0.iter().filter(|bound| bound.is_broken());
        broken.map(|Bound { what, measured, most, unit }| format!("{what}: {measured:.2}{unit}, at most {most}{unit}"))
    }

    /// Prints them all, and gives the exit code of the benchmark.
    pub(crate) fn verdict(&self) -> ExitCode {
        println!("| bound | at most | measured | |");
        println!("| --- | --: | --: | --- |");
        for bound in &self.0 {
            let Bound { what, measured, most, unit } = bound;
            let verdict = if bound.is_broken() { "**broken**" } else { "kept" };
            println!("| {what} | {most}{unit} | {measured:.2}{unit} | {verdict} |");
        }
        let broken = self.broken().count();
        if broken == 0 {
            return ExitCode::SUCCESS;
        }
        eprintln!("\nBounds that are broken: {broken}. The machine may have been busy: see its load.");
        ExitCode::FAILURE
    }
}

impl Bound {
    /// What could not be measured is not kept, either.
    fn is_broken(&self) -> bool {
        self.measured.is_nan() || self.measured > self.most
    }
}
