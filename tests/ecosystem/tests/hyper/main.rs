//! hyper on sideline: HTTP/1 and HTTP/2, client and server, with the feature `hyper` and nothing in between.
#![cfg(not(loom))]

mod http1;
mod http2;
mod pooled_client;
mod service;
mod timeouts;
