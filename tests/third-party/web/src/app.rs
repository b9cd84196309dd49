//! The routes. They know no runtime: what blocks goes through diesel-async's `SpawnBlocking`.

use crate::database::{Database, Item, NewItem};
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use diesel_async::sync_connection_wrapper::SpawnBlocking;
use std::error::Error;

/// A runtime's way of running closures that block.
pub trait Blocking: SpawnBlocking + Send + Sync + 'static {}

impl<B: SpawnBlocking + Send + Sync + 'static> Blocking for B {}

/// The service over a database.
pub fn router<B: Blocking>(database: Database<B>) -> Router {
    Router::new()
        .route("/hello", get(async || "hello, world"))
        .route("/echo", post(async |body: Body| body))
        .route("/bytes/{len}", get(async |Path(len): Path<usize>| vec![b'x'; len]))
        .route("/items", post(insert::<B>).get(total::<B>))
        .route("/items/{id}", get(item::<B>))
        .route("/size/{id}", get(size::<B>))
        .layer(DefaultBodyLimit::disable())
        .with_state(database)
}

/// One row, through diesel-async.
async fn item<B: Blocking>(
    State(database): State<Database<B>>,
    Path(id): Path<i32>,
) -> Result<Json<Item>, Failure> {
    database.item(id).await?.map(Json).ok_or(Failure::NotFound)
}

/// A new row, through diesel-async, in a transaction.
async fn insert<B: Blocking>(
    State(database): State<Database<B>>,
    Json(new): Json<NewItem>,
) -> Result<(StatusCode, Json<Item>), Failure> {
    Ok((StatusCode::CREATED, Json(database.insert(new).await?)))
}

/// A sum over all rows, through rusqlite on the pool.
async fn total<B: Blocking>(State(database): State<Database<B>>) -> Result<String, Failure> {
    Ok(database.total().await?.to_string())
}

/// One value, through rusqlite on the pool: about the shortest query there is.
async fn size<B: Blocking>(
    State(database): State<Database<B>>,
    Path(id): Path<i32>,
) -> Result<String, Failure> {
    database.size(id).await?.map(|size| size.to_string()).ok_or(Failure::NotFound)
}

enum Failure {
    NotFound,
    Other(Box<dyn Error + Send + Sync>),
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::Other(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}
