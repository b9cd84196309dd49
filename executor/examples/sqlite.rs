//! Several SQLite queries at once, from async code, with the ordinary blocking driver.
//!
//! ```text
//! cargo run --example sqlite
//! cargo run --example sqlite -- shop.db
//! ```
//!
//! A query is a job that opens a connection of its own: SQLite lets any number of them read at the same time,
//! and a connection need not cross threads. Not more than four are open at once, and a query whose answer nobody
//! waits for any more is interrupted. The database is a real file. If it does not exist yet, it is
//! made, with users, orders and products in it; if it does, it is only read.

#![forbid(unsafe_code)]

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Transaction, params, params_from_iter};
use sideline::blocking::{self, Limiter};
use sideline::time::timeout;
use sideline::{AbortOnDrop, CancelToken};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let db = args.next().map_or_else(|| std::env::temp_dir().join("sideline-shop.db"), PathBuf::from);
    if args.next().is_some() {
        eprintln!("usage: sqlite [DATABASE]");
        return ExitCode::from(2);
    }
    match sideline::block_on(run(&db)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sqlite: {}: {error}", db.display());
            ExitCode::FAILURE
        }
    }
}

async fn run(db: &Path) -> rusqlite::Result<()> {
    let path = db.to_owned();
    if sideline::to_thread(move || create_if_missing(&path)).await? {
        println!("made {}", db.display());
    }

    let start = Instant::now();
    let four = Limiter::new(4);
    let queries = [
        query(
            db,
            &four,
            "active users",
            "SELECT name, city FROM users WHERE active = ? ORDER BY id LIMIT 3",
            vec![Value::from(true)],
        ),
        query(
            db,
            &four,
            "pending orders",
            "SELECT COUNT(*), SUM(quantity) FROM orders WHERE status = ?",
            vec![Value::from("pending".to_owned())],
        ),
        query(
            db,
            &four,
            "electronics",
            "SELECT name, price_cents FROM products WHERE category = ? ORDER BY price_cents DESC LIMIT 3",
            vec![Value::from("electronics".to_owned())],
        ),
        query(
            db,
            &four,
            "best customers",
            "SELECT users.name, SUM(quantity * price_cents) AS cents FROM orders
             JOIN users ON users.id = user_id JOIN products ON products.id = product_id
             GROUP BY users.id ORDER BY cents DESC LIMIT 3",
            vec![],
        ),
    ];
    // All four have been running since they were made; here their results are collected, in order.
    for query in queries {
        let Answer { title, rows, took_ms } = query.await.expect("it neither panics nor is aborted")?;
        println!("\n{title} ({took_ms:.1} ms)");
        for row in rows {
            println!("  {}", row.join("  "));
        }
    }
    println!("\nfour queries at once took {:.1} ms", start.elapsed().as_secs_f64() * 1e3);

    // This one would take a while. When the timeout drops it, its hook interrupts it, and its thread is free.
    let numbers = query(
        db,
        &four,
        "all numbers",
        "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT 1000000000)
         SELECT COUNT(*) FROM number",
        vec![],
    );
    if timeout(Duration::from_millis(50), numbers).await.is_err() {
        println!("counting all numbers: interrupted after 50 ms");
    }
    Ok(())
}

struct Answer {
    title: &'static str,
    rows: Vec<Vec<String>>,
    took_ms: f64,
}

/// Starts a query on the pool as soon as the limiter lets it. What comes back is the future of its answer; dropping it
/// interrupts the query.
fn query(
    db: &Path,
    limiter: &Limiter,
    title: &'static str,
    sql: &'static str,
    params: Vec<Value>,
) -> AbortOnDrop<rusqlite::Result<Answer>> {
    let db = db.to_owned();
    let job = blocking::job().name(title).limiter(limiter).cancellable();
    job.spawn(move |token| {
        let start = Instant::now();
        let rows = query_blocking(&db, sql, params, token)?;
        Ok(Answer { title, rows, took_ms: start.elapsed().as_secs_f64() * 1e3 })
    })
    .abort_on_drop()
}

fn query_blocking(
    db: &Path,
    sql: &str,
    params: Vec<Value>,
    token: &CancelToken,
) -> rusqlite::Result<Vec<Vec<String>>> {
    let connection = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // The hook is gone before the connection is: it cannot interrupt anybody else.
    let interrupt = connection.get_interrupt_handle();
    let _hook = token.on_cancel(move || interrupt.interrupt());
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    statement
        .query_map(params_from_iter(params), |row| {
            (0..columns).map(|column| row.get(column).map(show)).collect()
        })?
        .collect()
}

fn show(value: Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

/// True if the database was made now. It appears whole or not at all: one transaction.
fn create_if_missing(db: &Path) -> rusqlite::Result<bool> {
    if db.exists() {
        return Ok(false);
    }
    let mut connection = Connection::open(db)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, city TEXT, active INTEGER);
         CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, category TEXT, price_cents INTEGER);
         CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, product_id INTEGER, quantity INTEGER,
                              status TEXT);",
    )?;
    fill(&transaction)?;
    transaction.commit()?;
    Ok(true)
}

/// A thousand users, three hundred products and twenty thousand orders; the same ones every time.
fn fill(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut user = transaction.prepare("INSERT INTO users VALUES (?, ?, ?, ?)")?;
    for id in 1..=1_000 {
        let city = ["Lisbon", "Oslo", "Quito", "Hanoi"][id % 4];
        user.execute(params![id, format!("user {id}"), city, id % 3 != 0])?;
    }
    let mut product = transaction.prepare("INSERT INTO products VALUES (?, ?, ?, ?)")?;
    for id in 1..=300 {
        let category = ["books", "electronics", "garden"][id % 3];
        product.execute(params![id, format!("product {id}"), category, 500 + id * 7919 % 90_000])?;
    }
    let mut order = transaction.prepare("INSERT INTO orders VALUES (?, ?, ?, ?, ?)")?;
    for id in 1..=20_000 {
        let status = ["pending", "paid", "shipped", "shipped", "returned"][id % 5];
        order.execute(params![id, 1 + id * 31 % 1_000, 1 + id * 17 % 300, 1 + id % 4, status])?;
    }
    Ok(())
}
