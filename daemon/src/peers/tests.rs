//! Lines against real sockets: order, partial writes, loss, pauses, bounds.

use super::*;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

const LANES: [Lane; 2] = [Lane::Control, Lane::Quorum];

/// Peers in a loop of their own; time is what the test says.
struct World {
    peers: Peers,
    epoll: OwnedFd,
    settings: BrokerSettings,
    spare: SpareBuffers,
    now: Millis,
    replies: Vec<(NodeId, Lane, Vec<u8>)>,
    lost: Vec<(NodeId, Lane)>,
}

impl World {
    fn new() -> World {
        World {
            peers: Peers::default(),
            epoll: epoll::create(CreateFlags::CLOEXEC).unwrap(),
            settings: BrokerSettings::default(),
            spare: SpareBuffers::default(),
            now: 1_000_000,
            replies: Vec::new(),
            lost: Vec::new(),
        }
    }

    fn at(&mut self, lane: Lane, listener: &TcpListener) {
        let port = listener.local_addr().unwrap().port();
        self.peers.direct(self.now, 2, lane, Some(("127.0.0.1".into(), port)));
    }

    fn send(&mut self, lane: Lane, frame: &[u8]) {
        self.peers.send(self.now, 2, lane, frame.to_vec());
    }

    /// When the lines want to be looked at.
    fn next(&self) -> Option<Millis> {
        let resolve = |_, _, _, _| {};
        let World { epoll, settings, .. } = self;
        self.peers.next(&Around { epoll, token: 0, settings, congestion: None, resolve: &resolve })
    }

    /// One pass of the loop, waiting for the kernel a moment.
    fn pass(&mut self) {
        let World { peers, epoll, settings, spare, now, replies, lost } = self;
        let resolve = |_, _, host: String, _| panic!("{host} is a name");
        let around = Around { epoll, token: 7 << 60, settings, congestion: None, resolve: &resolve };
        peers.settle(*now, &around);
        let mut events: Vec<Event> = Vec::with_capacity(16);
        let timeout = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
        epoll::wait(&*epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)).unwrap();
        for event in &events {
            peers.event(event.data.u64() & !(7 << 60), event.flags);
        }
        while let Some(mut received) = peers.receive(spare) {
            let trouble = loop {
                match peers.next_reply(&mut received, settings) {
                    Ok(Some(bytes)) => {
                        replies.push((received.node, received.lane, received.inbound.bytes(bytes).to_vec()));
                    }
                    Ok(None) => break None,
                    Err(why) => break Some(why),
                }
            };
            received.inbound.consume(spare);
            peers.read_on(*now, received, trouble);
        }
        peers.settle(*now, &around);
        lost.extend(peers.take_lost());
    }

    fn until(&mut self, what: &str, done: impl Fn(&World) -> bool) {
        for _ in 0..1000 {
            if done(self) {
                return;
            }
            self.pass();
        }
        panic!("{what} did not come: {:?}", self.peers);
    }
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn reply(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(&(bytes.len() as u32).to_be_bytes()).unwrap();
    stream.write_all(bytes).unwrap();
}

#[test]
fn requests_leave_in_order_and_replies_come_back() {
    let (mut world, server) = (World::new(), listener());
    world.at(Lane::Control, &server);
    for i in 0..3 {
        world.send(Lane::Control, &[i, i]);
    }
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        for _ in 0..4 {
            let bytes = frame(&mut stream);
            reply(&mut stream, &bytes);
        }
        stream
    });
    world.until("three replies", |world| world.replies.len() == 3);
    world.send(Lane::Control, &[3]);
    world.until("the fourth", |world| world.replies.len() == 4);
    let got: Vec<u8> = world
        .replies
        .iter()
        .map(|(node, lane, bytes)| {
            assert_eq!((*node, *lane), (2, Lane::Control));
            bytes[0]
        })
        .collect();
    assert_eq!(got, [0, 1, 2, 3]);
    drop(echo.join().unwrap());
    world.until("the loss", |world| world.lost == [(2, Lane::Control)]);
    assert_eq!(world.peers.open(), 0);
}

#[test]
fn large_frames_go_both_ways_in_parts() {
    let (mut world, server) = (World::new(), listener());
    world.at(Lane::Control, &server);
    let body: Vec<u8> = (0..5_000_000u32).map(|i| (i % 251) as u8).collect();
    world.send(Lane::Control, &body);
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let bytes = frame(&mut stream);
        reply(&mut stream, &bytes);
        stream
    });
    world.until("the reply", |world| world.replies.len() == 1);
    assert!(world.replies[0].2 == body);
    drop(echo.join());
}

#[test]
fn a_node_that_is_not_there_is_told_and_tried_again_after_a_pause() {
    let mut world = World::new();
    let server = listener();
    let port = server.local_addr().unwrap().port();
    world.at(Lane::Control, &server);
    drop(server);
    world.send(Lane::Control, &[1]);
    for (failures, pause) in [20, 40, 80, 160, 320, 640, 1000, 1000].into_iter().enumerate() {
        world.until("the loss", |world| world.lost.len() == failures + 1);
        world.send(Lane::Control, &[1]);
        world.pass();
        assert_eq!((world.lost.len(), world.next()), (failures + 1, Some(world.now + pause)));
        world.now += pause;
    }
    let notes = world.peers.take_notes();
    assert!(notes[0].1.contains("cannot reach node 2 at 127.0.0.1:") && notes[0].0 == Level::Warn, "{notes:?}");
    let server = TcpListener::bind(("127.0.0.1", port)).unwrap();
    world.until("a connection", |world| world.peers.open() == 1);
    drop(server);
}

#[test]
fn nobody_said_where_it_is() {
    let mut world = World::new();
    world.send(Lane::Fetch, &[1]);
    world.pass();
    assert_eq!(world.lost, [(2, Lane::Fetch)]);
}

#[test]
fn a_request_that_is_not_answered_in_time_gives_the_line_up() {
    let (mut world, server) = (World::new(), listener());
    LANES.into_iter().for_each(|lane| world.at(lane, &server));
    LANES.into_iter().for_each(|lane| world.send(lane, &[1]));
    world.until("two connections", |world| world.peers.open() == 2);
    world.now += world.settings.cluster.controller_socket_timeout_ms - 1;
    world.pass();
    assert_eq!(world.lost, []);
    world.now += 1;
    world.pass();
    // The quorum's messages are one way.
    assert_eq!(world.lost, [(2, Lane::Control)]);
    assert_eq!(world.peers.open(), 1);
}

#[test]
fn what_nobody_asked_for_ends_the_connection() {
    let (mut world, server) = (World::new(), listener());
    world.at(Lane::Quorum, &server);
    world.send(Lane::Quorum, &[1]);
    world.until("a connection", |world| world.peers.open() == 1);
    let (mut stream, _) = server.accept().unwrap();
    reply(&mut stream, &[1]);
    world.until("the loss", |world| world.lost == [(2, Lane::Quorum)]);
    let (mut world, server) = (World::new(), listener());
    world.at(Lane::Control, &server);
    world.send(Lane::Control, &[1]);
    world.until("a connection", |world| world.peers.open() == 1);
    let (mut stream, _) = server.accept().unwrap();
    stream.write_all(&i32::MAX.to_be_bytes()).unwrap();
    world.until("the loss", |world| world.lost == [(2, Lane::Control)]);
    assert!(world.peers.take_notes().iter().any(|(_, note)| note.contains("2147483647 bytes is not allowed")));
}

#[test]
fn a_queue_that_is_full_gives_the_line_up() {
    let (mut world, server) = (World::new(), listener());
    world.at(Lane::Quorum, &server);
    world.send(Lane::Quorum, &vec![0; QUEUE_BYTES_MAX + 1]);
    world.pass();
    assert_eq!(world.lost, [], "a single frame is let through");
    world.send(Lane::Quorum, &vec![0; QUEUE_BYTES_MAX]);
    world.pass();
    assert_eq!(world.lost, [(2, Lane::Quorum)]);
}

#[test]
fn another_address_is_another_line() {
    let (mut world, first, second) = (World::new(), listener(), listener());
    world.at(Lane::Control, &first);
    world.send(Lane::Control, &[1]);
    world.until("a connection", |world| world.peers.open() == 1);
    world.at(Lane::Control, &first);
    world.pass();
    assert_eq!((world.peers.open(), world.lost.len()), (1, 0));
    world.at(Lane::Control, &second);
    world.pass();
    assert_eq!(world.lost, [(2, Lane::Control)]);
    world.send(Lane::Control, &[2]);
    world.until("a connection", |world| world.peers.open() == 1);
    assert_eq!(frame(&mut second.accept().unwrap().0), [2]);
    world.peers.direct(world.now, 2, Lane::Control, None);
    world.pass();
    assert_eq!((world.peers.open(), world.lost.len()), (0, 1));
}
