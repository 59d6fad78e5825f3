//! The durable outbox: against a model, with a crash between any two operations of the disk; and with real files.

mod agent;
mod any_crash;
mod cost;
mod disk;
mod files;
