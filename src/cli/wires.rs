//! What sends the requests of targets, made for several at once, and every reason why some cannot be.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::client::{ClientError, ClientPool, HttpWire};
use crate::model::target::Target;

/// One for each of `targets`, in their order.
///
/// # Errors
/// When keys, certificates or proxies are of no use: a line for each problem.
pub(super) fn wires(targets: Vec<Arc<Target>>, pool: &mut ClientPool) -> Result<Vec<(Arc<Target>, HttpWire)>, String> {
    let (mut made, mut problems) = (Vec::with_capacity(targets.len()), Problems::default());
    for target in targets {
        match HttpWire::new(Arc::clone(&target), pool) {
            Ok(wire) => made.push((target, wire)),
            Err(problem) => problems.add(&target, &problem),
        }
    }
    problems.finish().map(|()| made)
}

/// What keeps clients from being made, and of which targets.
#[derive(Default)]
struct Problems(BTreeMap<String, Vec<String>>);

impl Problems {
    fn add(&mut self, target: &Target, problem: &ClientError) {
        self.0.entry(problem.to_string()).or_default().push(target.name.clone());
    }

    /// A line for each; one file in `defaults` is the same problem for all targets.
    fn finish(self) -> Result<(), String> {
        const SHOWN: usize = 3;
        let line = |(problem, names): (String, Vec<String>)| {
            let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
            match names.len() {
                1 => format!("target {shown}: {problem}"),
                count if count > SHOWN => format!("targets {shown} and {} more: {problem}", count - SHOWN),
                _ => format!("targets {shown}: {problem}"),
            }
        };
        let lines: Vec<_> = self.0.into_iter().map(line).collect();
        if lines.is_empty() { Ok(()) } else { Err(lines.join("\n")) }
    }
}
