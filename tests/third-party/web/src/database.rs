//! An SQLite file with one table, through two clients: diesel-async, whose connection wraps a blocking one, and
//! rusqlite in closures.

use crate::DATABASE_CONNECTIONS;
use crate::app::Blocking;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use rusqlite::OptionalExtension as _;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How many rows there are at the start. Row `id` has the size `id * 3`.
pub const ROWS: i32 = 10_000;

mod schema {
    diesel::table! {
        items (id) {
            id -> Integer,
            name -> Text,
            size -> Integer,
        }
    }
}

/// A row.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, Queryable, Selectable)]
#[diesel(table_name = schema::items)]
pub struct Item {
    /// The primary key.
    pub id: i32,
    /// Some text.
    pub name: String,
    /// Some number.
    pub size: i32,
}

/// A row to be.
#[derive(Clone, Debug, Serialize, Deserialize, Insertable)]
#[diesel(table_name = schema::items)]
pub struct NewItem {
    /// Some text.
    pub name: String,
    /// Some number.
    pub size: i32,
}

/// Connections to the file.
pub struct Database<B> {
    diesel: Arc<Connections<SyncConnectionWrapper<SqliteConnection, B>>>,
    rusqlite: Arc<Connections<rusqlite::Connection>>,
}

impl<B> Clone for Database<B> {
    fn clone(&self) -> Self {
        Self { diesel: Arc::clone(&self.diesel), rusqlite: Arc::clone(&self.rusqlite) }
    }
}

impl<B: Blocking> Database<B> {
    /// Makes the file, and opens the connections.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn create(path: &Path) -> Result<Self> {
        let url = path.to_str().ok_or("the path is not Unicode")?.to_owned();
        let opened: rusqlite::Result<Vec<_>> = B::get_runtime()
            .spawn_blocking({
                let path = path.to_owned();
                move || {
                    fill(&path)?;
                    (0..DATABASE_CONNECTIONS).map(|_| rusqlite::Connection::open(&path)).collect()
                }
            })
            .await?;
        let mut wrapped = Vec::new();
        for _ in 0..DATABASE_CONNECTIONS {
            let mut connection = SyncConnectionWrapper::establish(&url).await?;
            connection.batch_execute("PRAGMA busy_timeout = 10000; PRAGMA synchronous = OFF").await?;
            wrapped.push(connection);
        }
        Ok(Self {
            diesel: Arc::new(Connections::new(wrapped)),
            rusqlite: Arc::new(Connections::new(opened?)),
        })
    }

    /// A row by its key.
    ///
    /// # Errors
    /// What diesel says.
    pub async fn item(&self, id: i32) -> Result<Option<Item>> {
        let mut connection = self.diesel.lend().await?;
        let query = schema::items::table.find(id).select(Item::as_select());
        Ok(query.first(&mut *connection).await.optional()?)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// What diesel says.
    pub async fn insert(&self, new: NewItem) -> Result<Item> {
        let mut connection = self.diesel.lend().await?;
        let inserted = connection.transaction(async |connection| {
            let insert = diesel::insert_into(schema::items::table).values(new);
            insert.returning(Item::as_returning()).get_result(connection).await
        });
        Ok(inserted.await?)
    }

    /// The sizes of all rows together.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn total(&self) -> Result<i64> {
        self.with_rusqlite(|connection| {
            connection.query_row("SELECT sum(size) FROM items", [], |row| row.get(0))
        })
        .await
    }

    /// The size of a row.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn size(&self, id: i32) -> Result<Option<i32>> {
        self.with_rusqlite(move |connection| {
            let mut query = connection.prepare_cached("SELECT size FROM items WHERE id = ?1")?;
            query.query_row([id], |row| row.get(0)).optional()
        })
        .await
    }

    async fn with_rusqlite<T: Send + 'static>(
        &self,
        query: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = self.rusqlite.lend().await?;
        Ok(B::get_runtime().spawn_blocking(move || query(&connection)).await??)
    }
}

fn fill(path: &Path) -> rusqlite::Result<()> {
    let connection = rusqlite::Connection::open(path)?;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = OFF;
         CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL);
         WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < {ROWS})
         INSERT INTO items SELECT id, 'item ' || id, id * 3 FROM ids;"
    ))
}

/// Connections that are lent to one user at a time. Whoever finds none waits, without holding a thread.
struct Connections<C> {
    free: async_channel::Receiver<C>,
    back: async_channel::Sender<C>,
}

impl<C> Connections<C> {
    fn new(connections: Vec<C>) -> Self {
        let (back, free) = async_channel::bounded(connections.len().max(1));
        for connection in connections {
            let _ = back.try_send(connection);
        }
        Self { free, back }
    }

    async fn lend(&self) -> Result<Loan<C>> {
        Ok(Loan { connection: Some(self.free.recv().await?), back: self.back.clone() })
    }
}

/// Gives its connection back when it is dropped: by a request that was answered, one whose client went away, or a job
/// that never started.
struct Loan<C> {
    connection: Option<C>,
    back: async_channel::Sender<C>,
}

impl<C> Deref for Loan<C> {
    type Target = C;
    fn deref(&self) -> &C {
        self.connection.as_ref().expect("there until the drop")
    }
}

impl<C> DerefMut for Loan<C> {
    fn deref_mut(&mut self) -> &mut C {
        self.connection.as_mut().expect("there until the drop")
    }
}

impl<C> Drop for Loan<C> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = self.back.try_send(connection);
        }
    }
}
