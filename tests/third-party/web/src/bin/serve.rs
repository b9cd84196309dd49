//! `serve sideline|tokio DIRECTORY [NICE]`: serves until its standard input ends. Prints the addresses for HTTP and HTTPS
//! on a line, and leaves the certificate in DIRECTORY/RUNTIME.pem. NICE is for the threads of sideline's pool, if not what
//! a pool has by itself.

use sideline::{Pool, Runtime};
use std::error::Error;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(runtime), Some(directory)) = (arguments.next(), arguments.next().map(PathBuf::from)) else {
        return Err("usage: serve sideline|tokio DIRECTORY [NICE]".into());
    };
    let mut pool = Pool::builder();
    if let Some(nice) = arguments.next() {
        pool = pool.nice(nice.parse()?);
    }
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let pem = directory.join(format!("{runtime}.pem"));
    let ready = |http, https, certificate: &str| announce(http, https, &pem, certificate);
    match &*runtime {
        "sideline" => Runtime::builder()
            .pool(pool.build()?)
            .build()?
            .block_on(web::on_sideline::serve(&directory, ready)),
        "tokio" => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(web::on_tokio::serve(&directory, ready)),
        other => Err(format!("no such runtime: {other}").into()),
    }
}

fn announce(http: SocketAddr, https: SocketAddr, pem: &Path, certificate: &str) {
    std::fs::write(pem, certificate).expect("the directory can be written to");
    println!("{http} {https}");
    std::io::stdout().flush().expect("somebody reads the addresses");
}
