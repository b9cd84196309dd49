//! hickory-resolver on sideline against a name server on sideline, over UDP and TCP.

mod server;

use dns::Provider;
use futures::future::join_all;
use hickory_resolver::Resolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::proto::rr::RecordType;
use server::{Answers, Server};
use sideline::time::now;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use support::{run, run_paused};

const TIMEOUT: Duration = Duration::from_secs(5);

/// A resolver that asks only these servers, and never a file.
fn resolver(servers: &[&Server]) -> Resolver<Provider> {
    let servers = servers.iter().map(|server| {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = server.address.port();
            connection
        });
        NameServerConfig::new(server.address.ip(), true, connections.into())
    });
    let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
    let mut builder = Resolver::builder_with_config(config, Provider::current());
    let options = builder.options_mut();
    options.use_hosts_file = ResolveHosts::Never;
    options.timeout = TIMEOUT;
    options.attempts = 3;
    builder.build().unwrap()
}

#[test]
fn names_become_addresses_and_are_remembered() {
    run(async {
        let server = Server::start(Answers::default()).await;
        let resolver = resolver(&[&server]);
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
        for _ in 0..3 {
            let found = resolver.lookup("host-7.test.", RecordType::A).await.unwrap();
            assert_eq!(found.answers()[0].data.ip_addr(), Some(address));
        }
        assert_eq!((server.asked_by_udp.get(), server.asked_by_tcp.get()), (1, 0));
        let found = resolver.lookup_ip("host-7.test.").await.unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), [address]);
    });
}

#[test]
fn a_thousand_lookups_at_once_get_each_its_own_answer() {
    run(async {
        let server = Server::start(Answers::default()).await;
        let resolver = resolver(&[&server]);
        let lookups = (0..1000_u16).map(async |n| {
            let found = resolver.lookup(format!("host-{n}.test."), RecordType::A).await.unwrap();
            let [high, low] = n.to_be_bytes();
            assert_eq!(found.answers()[0].data.ip_addr(), Some(IpAddr::V4(Ipv4Addr::new(10, 0, high, low))));
        });
        join_all(lookups).await;
    });
}

#[test]
fn an_answer_too_long_for_a_datagram_comes_by_tcp() {
    run(async {
        let server = Server::start(Answers::default()).await;
        let found = resolver(&[&server]).lookup("long.test.", RecordType::TXT).await.unwrap();
        assert_eq!(found.answers().len(), server::LONG_ANSWER);
        assert!(server.asked_by_tcp.get() >= 1);
    });
}

#[test]
fn a_name_that_does_not_exist_is_an_error_that_says_so() {
    run(async {
        let server = Server::start(Answers::default()).await;
        let error = resolver(&[&server]).lookup("nobody.test.", RecordType::A).await.unwrap_err();
        assert!(error.is_nx_domain(), "{error}");
    });
}

#[test]
fn a_question_that_gets_lost_is_asked_again_after_its_time() {
    run_paused(async {
        let server = Server::start(Answers { lose_first: 2 }).await;
        let start = now();
        let found = resolver(&[&server]).lookup("host-1.test.", RecordType::A).await.unwrap();
        assert_eq!(found.answers().len(), 1);
        assert!(server.asked_by_udp.get() >= 3);
        assert!(now() > start && now() - start <= 4 * TIMEOUT, "{:?}", now() - start);
    });
}

#[test]
fn a_server_that_never_answers_is_given_up_in_time() {
    run_paused(async {
        let server = Server::start(Answers { lose_first: usize::MAX }).await;
        let start = now();
        assert!(resolver(&[&server]).lookup("host-1.test.", RecordType::A).await.is_err());
        assert!(now() - start >= TIMEOUT && now() - start <= 10 * TIMEOUT, "{:?}", now() - start);
    });
}

#[test]
fn the_second_server_answers_for_the_first() {
    run_paused(async {
        let dead = Server::start(Answers { lose_first: usize::MAX }).await;
        let alive = Server::start(Answers::default()).await;
        let resolver = resolver(&[&dead, &alive]);
        for n in 0..20 {
            let found = resolver.lookup(format!("host-{n}.test."), RecordType::A).await.unwrap();
            assert_eq!(found.answers().len(), 1);
        }
    });
}
