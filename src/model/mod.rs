//! Pure decisions and data: no clock, no socket, no file, nothing that awaits. Everything is handed `now`.

pub mod advice;
pub mod agenda;
pub mod assertion;
pub mod back_off;
pub mod check;
pub mod check_rhythm;
mod expired_token;
pub mod fault;
mod held_token;
pub mod histograms;
pub mod lifetime;
pub mod password_hash;
pub mod report;
pub mod response;
pub mod schedule;
pub mod secret;
pub mod seen;
pub(crate) mod suggest;
pub mod target;
pub mod time;
pub mod token;
mod trigger;
pub mod warning;
pub mod web;
