//! A name server for `test.` on a port of this machine.

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, TXT};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use sideline::net::{TcpListener, TcpStream, UdpSocket};
use sideline::spawn;
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

/// How many texts `long.test.` has: some kilobytes.
pub(crate) const LONG_ANSWER: usize = 60;

/// How it behaves.
#[derive(Clone, Default)]
pub(crate) struct Answers {
    /// So many datagrams go unanswered.
    pub(crate) lose_first: usize,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) asked_by_udp: Rc<Cell<usize>>,
    pub(crate) asked_by_tcp: Rc<Cell<usize>>,
}

impl Server {
    pub(crate) async fn start(answers: Answers) -> Self {
        let (udp, tcp) = bind().await.expect("a port that is free for UDP and TCP");
        let server = Self {
            address: udp.local_addr().unwrap(),
            asked_by_udp: Rc::default(),
            asked_by_tcp: Rc::default(),
        };
        drop(spawn(serve_udp(udp, answers, Rc::clone(&server.asked_by_udp))));
        drop(spawn(serve_tcp(tcp, Rc::clone(&server.asked_by_tcp))));
        server
    }
}

async fn bind() -> io::Result<(UdpSocket, TcpListener)> {
    let mut result = Err(io::Error::other("not tried"));
    for _ in 0..20 {
        let tcp = TcpListener::bind("127.0.0.1:0").await?;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((udp, tcp)),
            Err(error) => result = Err(error),
        }
    }
    result
}

async fn serve_udp(socket: UdpSocket, answers: Answers, asked: Rc<Cell<usize>>) {
    let mut buffer = [0; 4096];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
        asked.set(asked.get() + 1);
        if asked.get() <= answers.lose_first {
            continue;
        }
        let mut answer = answer(&buffer[..len]);
        if answer.to_vec().unwrap().len() > 512 {
            answer = answer.truncate();
        }
        socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
    }
}

async fn serve_tcp(listener: TcpListener, asked: Rc<Cell<usize>>) {
    loop {
        let (stream, _peer) = listener.accept().await.unwrap();
        let asked = Rc::clone(&asked);
        drop(spawn(async move {
            // Until the client closes.
            while answer_by_tcp(&stream).await.is_ok() {
                asked.set(asked.get() + 1);
            }
        }));
    }
}

async fn answer_by_tcp(stream: &TcpStream) -> io::Result<()> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).await?;
    let mut question = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut question).await?;
    let answer = answer(&question).to_vec().map_err(io::Error::other)?;
    let len = u16::try_from(answer.len()).map_err(io::Error::other)?;
    stream.write_all(&len.to_be_bytes()).await?;
    stream.write_all(&answer).await
}

fn answer(question: &[u8]) -> Message {
    let question = Message::from_vec(question).unwrap();
    let query = question.queries[0].clone();
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_available = true;
    answer.add_query(query.clone());
    let name = query.name().to_ascii();
    let number = name.strip_prefix("host-").and_then(|rest| rest.strip_suffix(".test.")?.parse::<u16>().ok());
    let record = |data| Record::from_rdata(query.name().clone(), 3600, data);
    match (number, query.query_type(), &*name) {
        (Some(number), RecordType::A, _) => {
            let [high, low] = number.to_be_bytes();
            answer.add_answer(record(RData::A(A::new(10, 0, high, low))));
        }
        (_, RecordType::TXT, "long.test.") => {
            let text = |n| record(RData::TXT(TXT::new(vec![format!("text {n} {}", "x".repeat(100))])));
            answer.add_answers((0..LONG_ANSWER).map(text));
        }
        (Some(_), _, _) => {}
        _ => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer
}
