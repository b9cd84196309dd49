//! What the calls talk to: a database in a file, and a web server in threads of its own.
//!
//! The server is not on the loop: it stands for a machine somewhere else, which takes its time to answer
//! whatever our loop is doing.

use rusqlite::{Connection, params};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// How long the server takes for a page.
const THINKING: Duration = Duration::from_millis(15);
const ORDERS: u32 = 60_000;

pub(crate) struct Site {
    /// The database; its directory is removed with the `Site`.
    pub(crate) database: PathBuf,
    /// The web server, which goes on until the process ends.
    pub(crate) server: SocketAddr,
    _directory: TempDir,
}

impl Site {
    pub(crate) fn open() -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let database = directory.path().join("shop.db");
        fill(&database)
            .map_err(|error| io::Error::other(format!("cannot make {}: {error}", database.display())))?;

        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = listener.local_addr()?;
        thread::Builder::new().name("web server".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || serve(&stream));
            }
        })?;
        Ok(Self { database, server, _directory: directory })
    }
}

fn fill(path: &Path) -> rusqlite::Result<()> {
    let mut connection = Connection::open(path)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(
        "CREATE TABLE products (id INTEGER PRIMARY KEY, category TEXT, cents INTEGER);
         CREATE TABLE orders (id INTEGER PRIMARY KEY, product INTEGER, quantity INTEGER, status TEXT);",
    )?;
    {
        let mut product = transaction.prepare("INSERT INTO products VALUES (?, ?, ?)")?;
        for id in 0..500_u32 {
            product.execute(params![id, format!("category {}", id % 10), 100 + id * 7919 % 9_000])?;
        }
        let mut order = transaction.prepare("INSERT INTO orders VALUES (?, ?, ?, ?)")?;
        for id in 0..ORDERS {
            let status = ["pending", "paid", "shipped", "returned"][id as usize % 4];
            order.execute(params![id, id * 31 % 500, 1 + id % 3, status])?;
        }
    }
    transaction.commit()
}

/// Answers one request after another until the client hangs up.
fn serve(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(request)) = lines.next() {
        // The rest of the head, to the empty line.
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        thread::sleep(THINKING);
        let path = request.split(' ').nth(1).unwrap_or("/");
        let body = format!("This is {path}.\n").repeat(500);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut stream = stream;
        if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}
