//! How many spans arrive over a slow network, through the SDK's batch processor as it comes.
//!
//! `cargo bench --bench throughput` starts a server that answers after a delay, makes traces of 20
//! spans at a steady pace, and prints what arrived, how long the last of it took, and how much
//! memory that needed; then 100,000 spans as fast as one thread makes them. Each measurement has
//! two processes of its own. `-- paced` and `-- burst` run one of both. It measures, and judges
//! nothing.

mod throughput {
    pub mod load;
    pub mod server;
}

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use throughput::load::{self, Load, Outcome};
use throughput::server;

const SERVE: &str = "--serve";
const LOAD: &str = "--load";
const BURSTS: usize = 5;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [SERVE, delay] => server::run(Duration::from_millis(delay.parse().expect("a delay"))),
        [LOAD, load, address] => println!("{}", load::run(Load::parse(load), address)),
        // Cargo adds an argument of its own.
        words => {
            if !words.contains(&"burst") {
                paced();
            }
            if !words.contains(&"paced") {
                bursts();
            }
        }
    }
}

fn paced() {
    for delay in [0, 20, 50, 100, 300] {
        for spans_per_second in [2000, 20_000] {
            let (outcome, most) = measure(Load::Paced(spans_per_second), delay);
            println!(
                "{delay:>4} ms, {spans_per_second:>6} spans/s: {outcome}, {most} requests at most"
            );
        }
    }
}

fn bursts() {
    for delay in [0, 50] {
        for _ in 0..BURSTS {
            let (outcome, most) = measure(Load::Burst, delay);
            println!("{delay:>4} ms,           burst: {outcome}, {most} requests at most");
        }
    }
    for _ in 0..BURSTS {
        let (outcome, _) = measure(Load::BurstToNowhere, 0);
        println!("nothing exported,  burst: {outcome}");
    }
}

/// What became of the spans, and the most requests that the server had at once.
fn measure(load: Load, delay: u64) -> (Outcome, String) {
    let server = Server::start(delay);
    let said = itself([LOAD, &load.to_string(), &server.address])
        .stderr(Stdio::inherit())
        .output()
        .expect("a load");
    assert!(said.status.success(), "the load ended with {}", said.status);
    (Outcome::parse(&String::from_utf8_lossy(&said.stdout)), server.end())
}

struct Server {
    process: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(delay: u64) -> Self {
        let mut process = itself([SERVE, &delay.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server");
        let mut output = BufReader::new(process.stdout.take().expect("its output"));
        let mut address = String::new();
        output.read_line(&mut address).expect("an address");
        Self { process, output, address: address.trim().to_owned() }
    }

    fn end(mut self) -> String {
        drop(self.process.stdin.take());
        let mut most = String::new();
        self.output.read_to_string(&mut most).expect("a number");
        assert!(self.process.wait().expect("an end").success(), "the server failed");
        most.trim().to_owned()
    }
}

/// Without the environment, in which a setting of OpenTelemetry could wait.
fn itself<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.env_clear().args(arguments);
    command
}
