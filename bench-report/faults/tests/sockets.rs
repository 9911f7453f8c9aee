//! Cells whose tasks use sockets: the driver that ran is in the results, one that is refused is no other, and elsewhere there is
//! none.

use std::{fs, io, net::SocketAddr, num::NonZeroUsize, sync::Arc};

use executor_api::{About, Config, Executor, Listener, Net, Stream};
use executor_tokio::Tokio;
use lane_harness::Suite;
use results::Status;
use workload_api::{About as AboutWorkload, Work, Workload};

use crate::{
    run::{Place, cell, lab, said, this},
    tracks::CHOSEN,
};

crate::tests![
    the_driver_that_ran_is_in_the_results,
    a_driver_that_is_refused_does_not_apply_and_says_why,
    a_cell_without_sockets_has_no_driver,
];

/// The name of this lineup.
pub(crate) const TRACK: &str = "sockets";

/// The lineup: a sound lane, and one whose driver is refused.
pub(crate) fn lineup() -> Suite {
    let mut suite = Suite::default();
    enter::<Tokio>(&mut suite);
    enter::<Refused>(&mut suite);
    suite
}

fn enter<E: Net>(suite: &mut Suite) {
    suite.enter::<E>();
    suite.has_sockets::<E>();
    suite.race::<E, Talks<true>>("sockets");
    suite.race::<E, Talks<false>>("sockets");
}

/// Tokio, on a machine where nothing can wait for sockets.
struct Refused(Tokio);

impl Executor for Refused {
    const ABOUT: About = About { name: "refused", ..Tokio::ABOUT };
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn start(config: &Config) -> Self {
        Refused(Tokio::start(config))
    }
    fn run<M>(&self, main: M) -> M::Output
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        self.0.run(main)
    }
    fn spawn<M>(future: M) -> Self::Task<M::Output>
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        Tokio::spawn(future)
    }
}

impl Net for Refused {
    type Listener = <Tokio as Net>::Listener;
    type Tcp = <Tokio as Net>::Tcp;
    type Unix = <Tokio as Net>::Unix;

    fn driver() -> Result<&'static str, String> {
        Err("the sandbox forbids it".to_owned())
    }
    fn listen(address: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>> + Send + 'static {
        Tokio::listen(address)
    }
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Tcp>> + Send + 'static {
        Tokio::connect(address)
    }
    fn pair() -> io::Result<(Self::Unix, Self::Unix)> {
        Tokio::pair()
    }
}

/// Sends a byte to and fro, over each kind of socket. Not every one of them says that it needs sockets.
struct Talks<const SAYS_SO: bool>;

impl<E: Net, const SAYS_SO: bool> Workload<E> for Talks<SAYS_SO> {
    const ABOUT: AboutWorkload = AboutWorkload {
        name: if SAYS_SO { "talks" } else { "talks-in-secret" },
        description: "A byte goes to and fro.",
        group: "Sockets",
        operation: "a byte",
        size: "nothing",
        shows: "whether there are sockets",
        hides: "all else",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[1];
    const SOCKETS: bool = SAYS_SO;
    type Answer = [u8; 2];

    fn prepare(_size: u64) -> Self {
        Talks
    }
    async fn run(self: Arc<Self>) -> [u8; 2] {
        let (one, other) = E::pair().expect("there are descriptors");
        let over_unix = talk::<E>(one, other).await;
        let listener = E::listen(([127, 0, 0, 1], 0).into()).await.expect("a port is free");
        let connecting = E::spawn(E::connect(listener.address().expect("it listens")));
        let accepted = listener.accept().await.expect("one connects");
        [over_unix, talk::<E>(accepted, connecting.await.expect("it listens")).await]
    }
    fn expected(&self) -> [u8; 2] {
        [7, 7]
    }
    fn operations(&self) -> u64 {
        2
    }
    fn work(&self) -> Work {
        Work::tasks(3)
    }
}

async fn talk<E: Net>(mut one: impl Stream, mut other: impl Stream) -> u8 {
    let echo = E::spawn(async move {
        let (read, byte) = other.read(Box::new([0])).await;
        assert_eq!(read.expect("a byte comes"), 1);
        other.write_all(byte).await.0.expect("the other end reads");
        other.shutdown().await.expect("it is open");
    });
    one.write_all(Box::new([7])).await.0.expect("the other end reads");
    let (read, byte) = one.read(Box::new([0])).await;
    assert_eq!(read.expect("a byte comes"), 1);
    echo.await;
    byte[0]
}

fn the_driver_that_ran_is_in_the_results() {
    let place = Place::new();
    let mut command = place.command("--quick --blocks 2 --threads 1 --workloads talks --executors tokio");
    let output = command.env(CHOSEN, TRACK).output().expect("the program starts");
    assert!(output.status.success(), "{}", said(&output));
    let results = place.results();
    let observed = cell(&results, "talks").observed.as_ref().expect("it was measured");
    assert_eq!(observed.driver.as_deref(), Tokio::driver().ok());
    let page = fs::read_to_string(place.out().join("report.html")).expect("there is a page");
    assert!(page.contains("<dt>Sockets</dt>"), "the card of the lane names the driver");
}

fn a_driver_that_is_refused_does_not_apply_and_says_why() {
    let place = Place::new();
    let mut command = place.command("--quick --blocks 2 --threads 1 --workloads talks");
    let output = command.env(CHOSEN, TRACK).output().expect("the program starts");
    assert!(output.status.success(), "{}", said(&output));
    let results = place.results();
    let refused = results.cells.iter().find(|cell| cell.executor == "refused").expect("it is in the results");
    assert_eq!(
        (refused.status, refused.reason.as_deref()),
        (Status::NotApplicable, Some("the sandbox forbids it"))
    );
    // Asked for nevertheless, it starts nothing.
    let config = Config::new(NonZeroUsize::MIN);
    let opened = lineup().open("talks", "refused", &config, 1).map(drop);
    assert_eq!(opened, Err("the sandbox forbids it".to_owned()));
}

fn a_cell_without_sockets_has_no_driver() {
    let mut command = lab("check", &this());
    command.args("--workloads talks-in-secret --executors tokio --threads 1".split_whitespace());
    let output = command.env(CHOSEN, TRACK).output().expect("the program starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains(": failed: panicked") && printed.contains("IO is disabled"), "{printed}");
    assert_eq!(output.status.code(), Some(2));
}
