//! The control API, from a client's socket to a board and back.

mod calls;
mod made;
mod screens;
mod sockets;
mod words;
