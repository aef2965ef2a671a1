//! What sends the requests of targets, made for several at once, and every reason why some cannot be.

use std::sync::Arc;

use crate::client::{ClientPool, HttpWire};
use crate::model::target::Target;

use super::grouped::Grouped;

/// A target with what sends its requests. Boxed, as those of thousands of targets go from list to list.
pub(super) type Wired = (Arc<Target>, Box<HttpWire>);

/// One for each of `targets`, in their order.
///
/// # Errors
/// When keys, certificates or proxies are of no use: a line for each problem.
pub(super) fn wires(targets: Vec<Arc<Target>>, pool: &mut ClientPool) -> Result<Vec<Wired>, String> {
    let (mut made, mut problems) = (Vec::with_capacity(targets.len()), Grouped::default());
    for target in targets {
        match HttpWire::new(Arc::clone(&target), pool) {
            Ok(wire) => made.push((target, Box::new(wire))),
            Err(problem) => problems.add(&target.name, problem.to_string()),
        }
    }
    let lines = problems.into_lines();
    if lines.is_empty() { Ok(made) } else { Err(lines.join("\n")) }
}
