//! One measurement: two processes, and the numbers they print.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::load::Load;
use crate::options::Options;

#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub ended: f64,
    pub received: f64,
    pub requests: f64,
    /// Until the last span was made, in seconds.
    pub made: f64,
    /// Until the end of the shutdown, in seconds.
    pub took: f64,
}

impl Measured {
    /// Spans received in a second.
    pub fn goodput(&self) -> f64 {
        self.received / self.took
    }

    /// Spans that were never received, in percent.
    pub fn loss(&self) -> f64 {
        100.0 * (self.ended - self.received) / self.ended
    }
}

pub fn measure(exporter: &str, load: Load, delay: u64, options: &Options) -> Measured {
    let receiver = Receiver::start(delay);
    let (load, seconds) = (load.to_string(), options.seconds.to_string());
    let window = options.window.to_string();
    let said = itself(&["load", exporter, &load, &seconds, &window, &receiver.address])
        .stderr(Stdio::inherit())
        .output()
        .expect("a load");
    assert!(said.status.success(), "{exporter} ended with {}", said.status);
    let [ended, made, took] = numbers(&String::from_utf8_lossy(&said.stdout));
    let [received, requests, _] = receiver.end();
    assert!(received <= ended, "{exporter}: {received} spans came of {ended}");
    Measured { ended, received, requests, made, took }
}

/// The process that receives.
pub struct Receiver {
    process: Child,
    output: BufReader<ChildStdout>,
    pub address: String,
}

impl Receiver {
    pub fn start(delay: u64) -> Self {
        let mut process = itself(&["receive", &delay.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a receiver");
        let mut output = BufReader::new(process.stdout.take().expect("its output"));
        let mut address = String::new();
        output.read_line(&mut address).expect("an address");
        Self { process, output, address: address.trim().to_owned() }
    }

    /// Different spans, requests and bytes that came.
    pub fn end(mut self) -> [f64; 3] {
        drop(self.process.stdin.take());
        let mut count = String::new();
        self.output.read_to_string(&mut count).expect("a count");
        assert!(self.process.wait().expect("an end").success(), "the receiver could not count");
        numbers(&count)
    }
}

/// Without the environment, in which a proxy or a setting of OpenTelemetry could wait.
pub fn itself(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().expect("the program's path"));
    command.env_clear().args(arguments);
    command
}

pub fn numbers<const N: usize>(line: &str) -> [f64; N] {
    let numbers: Vec<f64> =
        line.split_whitespace().map(|it| it.parse().expect("a number")).collect();
    numbers.try_into().expect("as many numbers as asked for")
}
