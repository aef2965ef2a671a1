//! The embedded servers as a client sees them, byte by byte: they are the ground on which other tests stand.

mod faults;
mod issuing;
mod life;
mod wire;
