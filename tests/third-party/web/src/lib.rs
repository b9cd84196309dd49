//! The same web service on two runtimes: axum's router over hyper, TLS by rustls, SQLite by diesel-async and rusqlite.

pub mod app;
pub mod database;
pub mod on_sideline;
pub mod on_tokio;

/// How many connections to the database each of the two clients keeps.
pub const DATABASE_CONNECTIONS: usize = 4;
